//! Why a snapshot could not be taken or gone back to.

use std::path::PathBuf;

use thiserror::Error;

use crate::git::GitError;
use crate::util::blame::{Blame, Explain};

/// What was attempted with checkpoints, and why it failed.
#[derive(Debug, Error)]
pub enum CheckpointError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("snapshot {number} of session {session} is not there")]
    NoSuch { number: u32, session: String },
    #[error("files changed since this was shown")]
    Stale,
    #[error("another mlxport is going back in this checkout")]
    Busy,
    #[error("{path} leads out of the checkout: {link} is a symbolic link")]
    Link { path: String, link: PathBuf },
    #[error("{path} could not be put back: {text}. {restored}")]
    HalfWay { path: String, text: String, restored: String },
    #[error("the folder {path} cannot be made: {text}")]
    Folder { path: PathBuf, text: String },
    #[error("a snapshot's note cannot be written: {0}")]
    Note(String),
}

impl Explain for CheckpointError {
    fn blame(&self) -> Blame {
        match self {
            Self::Git(error) => error.blame(),
            Self::NoSuch { .. } | Self::Stale | Self::Busy | Self::Link { .. } => Blame::User,
            Self::HalfWay { .. } | Self::Folder { .. } => Blame::Environment,
            Self::Note(_) => Blame::Bug,
        }
    }

    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Git(error) => return error.hint(),
            Self::NoSuch { session, .. } => format!("mlxport checkpoints {session} lists them"),
            Self::Stale => "it was read again: look at it and repeat the key".into(),
            Self::Busy => "wait for it".into(),
            Self::Link { .. } => "put the folder back in the link's place, then go back again".into(),
            Self::HalfWay { .. } => "see that the folder can be written and the disk is not full".into(),
            Self::Folder { .. } | Self::Note(_) => return None,
        };
        Some(text)
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Git(error) => error.detail(),
            _ => None,
        }
    }
}
