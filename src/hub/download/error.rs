//! What goes wrong with a download: which file, what is kept, what to do.

use std::path::PathBuf;

use thiserror::Error;

use crate::git::GitError;
use crate::hub::data::RepoId;
use crate::hub::remote::RemoteError;
use crate::util::blame::{Blame, Explain};
use crate::util::fs::FsError;
use crate::util::text;

/// Why a download did not end well.
#[derive(Debug, Error)]
pub enum DownloadError {
    #[error(transparent)]
    Remote(#[from] RemoteError),
    #[error("{} are needed in {}, {} are free", text::bytes(*needed), folder.display(), text::bytes(*free))]
    NoRoom { folder: PathBuf, needed: u64, free: u64 },
    #[error("{path} of {repo} came twice with another content than the Hub promised: {why}")]
    Damaged { repo: RepoId, path: String, why: String },
    #[error("{repo} has no safetensors: {found}")]
    NoWeights { repo: RepoId, found: String },
    #[error("the path {path:?} of {repo} would leave the checkpoint's folder")]
    BadPath { repo: RepoId, path: String },
    #[error("cannot {attempt} {}: {source}", path.display())]
    Io { attempt: &'static str, path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Fs(#[from] FsError),
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("the download was stopped; {} are kept", text::bytes(*kept))]
    Cancelled { kept: u64 },
}

impl Explain for DownloadError {
    fn blame(&self) -> Blame {
        match self {
            Self::Remote(error) => error.blame(),
            Self::NoWeights { .. } | Self::Cancelled { .. } => Blame::User,
            Self::Damaged { .. } | Self::BadPath { .. } => Blame::Upstream,
            Self::NoRoom { .. } | Self::Io { .. } | Self::Fs(_) => Blame::Environment,
            Self::Git(error) => error.blame(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Remote(error) => error.hint(),
            Self::NoRoom { .. } => {
                Some("free some space, set HF_HOME to another disk, or give --local-dir DIR; what is there is kept".into())
            }
            Self::Damaged { .. } => {
                Some("try again later; if it stays so, a proxy on the way changes files, or the repository is broken".into())
            }
            Self::NoWeights { .. } => {
                Some("mlx-lm reads safetensors only; look for a converted copy with `mlxport discover`".into())
            }
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                Some("free some space and run it again: what is there is kept".into())
            }
            Self::Fs(error) => error.hint(),
            Self::Cancelled { .. } => Some("run it again to go on".into()),
            Self::BadPath { .. } | Self::Io { .. } | Self::Git(_) => None,
        }
    }
}
