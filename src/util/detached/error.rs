//! What can go wrong around a job, as opposed to inside it.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::util::blame::{Blame, Explain};
use crate::util::fs::FsError;

/// Why a job cannot be started, read or stopped.
#[derive(Debug, Error)]
pub enum JobError {
    #[error(transparent)]
    File(#[from] FsError),
    #[error("there is no job in {path}")]
    Missing { path: PathBuf },
    #[error("the job in {path} is not written as a job: {text}")]
    Malformed { path: PathBuf, text: String },
    #[error("the job {id} was already run")]
    Taken { id: String },
    #[error("the background job cannot be started: {source}")]
    Start { source: io::Error },
    #[error("the background job ended before it began")]
    Stillborn { tail: String },
    #[error("the background job cannot leave the terminal's session: {0}")]
    Session(io::Error),
    #[error("the process {pid} cannot be stopped: {source}")]
    Kill { pid: i32, source: io::Error },
    #[error("the background job does not end, even when killed")]
    Immortal,
}

impl Explain for JobError {
    fn blame(&self) -> Blame {
        match self {
            Self::Missing { .. } | Self::Taken { .. } => Blame::User,
            Self::Malformed { .. } | Self::Session(_) => Blame::Bug,
            Self::File(error) => error.blame(),
            Self::Start { .. } | Self::Stillborn { .. } | Self::Kill { .. } | Self::Immortal => {
                Blame::Environment
            }
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint(),
            Self::Missing { .. } => Some("the results folder names the jobs there are".into()),
            _ => None,
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Stillborn { tail } if !tail.is_empty() => Some(tail.clone()),
            _ => None,
        }
    }
}
