//! Why a port could not be hidden.

use std::path::PathBuf;

use thiserror::Error;

use crate::git::GitError;
use crate::util::blame::{Blame, Explain};
use crate::util::fs::FsError;

/// What was attempted, and why it failed.
#[derive(Debug, Error)]
pub enum LearnError {
    #[error(
        "`{model_type}` is no accepted port: {checkout} has no mlx_lm/models/{model_type}.py with a class Model"
    )]
    NotAccepted { model_type: String, checkout: PathBuf, near: Vec<String> },
    #[error("`{0}` is not a model type: letters, digits and `_` only")]
    Name(String),
    #[error("{model_type} is not hidden: {}", left.join(", "))]
    Leak { model_type: String, left: Vec<String> },
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Git(#[from] GitError),
    #[error(transparent)]
    Fs(#[from] FsError),
}

impl Explain for LearnError {
    fn blame(&self) -> Blame {
        match self {
            Self::NotAccepted { .. } | Self::Name(_) => Blame::User,
            Self::Leak { .. } => Blame::Bug,
            Self::Read { .. } => Blame::Environment,
            Self::Git(error) => error.blame(),
            Self::Fs(error) => error.blame(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotAccepted { near, .. } if !near.is_empty() => {
                Some(format!("near it: {}", near.join(", ")))
            }
            Self::NotAccepted { .. } => Some("name a file of mlx_lm/models, without .py".into()),
            Self::Git(error) => error.hint(),
            Self::Fs(error) => error.hint(),
            Self::Name(_) | Self::Leak { .. } | Self::Read { .. } => None,
        }
    }
}
