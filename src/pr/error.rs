//! What can go wrong in the PR room.

use thiserror::Error;

use crate::git::GitError;
use crate::util::blame::{Blame, Explain};
use crate::util::fs::FsError;

/// What was attempted, and why it failed.
#[derive(Debug, Error)]
pub enum PrError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error(transparent)]
    File(#[from] FsError),
    #[error("{path} cannot be staged here: {why}")]
    Obstacle { path: String, why: String },
    #[error("{path} is staged whole: it has no lines to choose")]
    Whole { path: String },
    #[error("{path} changed since it was shown")]
    Stale { path: String },
    #[error("reading the branch stopped: {0}")]
    Stopped(String),
}

impl Explain for PrError {
    fn blame(&self) -> Blame {
        match self {
            Self::Git(error) => error.blame(),
            Self::File(error) => error.blame(),
            Self::Obstacle { .. } | Self::Whole { .. } | Self::Stale { .. } => Blame::User,
            Self::Stopped(_) => Blame::Bug,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Git(error) => error.hint(),
            Self::File(error) => error.hint(),
            Self::Obstacle { path, .. } => Some(format!("use git in a shell: git add {path}")),
            Self::Whole { .. } => Some("stage the file from the file list".into()),
            Self::Stale { .. } => Some("the diff was read again: look at it and repeat the key".into()),
            Self::Stopped(_) => None,
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Git(error) => error.detail(),
            Self::File(error) => error.detail(),
            _ => None,
        }
    }
}
