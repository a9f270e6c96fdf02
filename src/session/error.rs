//! What can go wrong with a session or a recording.

use std::path::PathBuf;

use thiserror::Error;

use crate::util::blame::{Blame, Explain};
use crate::util::fs::FsError;

/// What went wrong with a session or a recording.
#[derive(Debug, Error)]
pub enum SessionError {
    #[error("there is no session yet")]
    None,
    #[error("no session's id starts with `{id}`")]
    Missing { id: String },
    #[error("`{id}` is the start of {count} sessions: {ids}")]
    Ambiguous { id: String, count: usize, ids: String },
    #[error("session {id} is open in another mlxport process")]
    Busy { id: String },
    #[error("session {id} cannot be opened: {log} has no readable first line")]
    Headless { id: String, log: PathBuf },
    #[error("{path}, line {line}: {text}")]
    Recording { path: PathBuf, line: usize, text: String },
    #[error("starting the local endpoint: {source}")]
    Endpoint { source: std::io::Error },
    #[error(transparent)]
    Fs(#[from] FsError),
}

impl Explain for SessionError {
    fn blame(&self) -> Blame {
        match self {
            Self::Endpoint { .. } => Blame::Environment,
            Self::Fs(error) => error.blame(),
            _ => Blame::User,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::None => Some("start one with `mlxport port MODEL` or `mlxport demo`".into()),
            Self::Missing { .. } | Self::Ambiguous { .. } => Some("`mlxport sessions` lists them".into()),
            Self::Busy { .. } => Some("close it there, or open another session".into()),
            Self::Recording { .. } => Some("make a recording with `mlxport record ID -o FILE`".into()),
            Self::Fs(error) => error.hint(),
            Self::Headless { .. } => Some(
                "nothing was changed: put back a copy of the file, or its first line (a JSON object of kind header), and resume; \
                 `mlxport sessions` lists the others"
                    .into(),
            ),
            Self::Endpoint { .. } => None,
        }
    }
}
