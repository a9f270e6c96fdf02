//! What can go wrong between a request and a verdict, whose fault it is and what to do next.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::util::blame::{Blame, Explain};
use crate::util::fs::FsError;

/// What went wrong with a run. A wrong port is not an error: it is a result that says fail.
#[derive(Debug, Error)]
pub enum HarnessError {
    #[error("the harness worker cannot be started: {source}")]
    Start { source: std::io::Error },
    #[error("the harness worker did not get ready within {} s", limit.as_secs())]
    NotReady { limit: Duration, tail: String },
    #[error("the harness worker speaks protocol {theirs}, this program speaks {ours}")]
    Version { theirs: u32, ours: u32 },
    #[error("the harness worker ended with {status}")]
    Died { status: String, tail: String },
    #[error("the harness worker ended {times} times within {} s and is not started again yet", within.as_secs())]
    Backoff { times: usize, within: Duration, tail: String },
    #[error("the harness worker wrote a line that is not protocol: {line}")]
    Protocol { line: String, tail: String },
    #[error("the harness worker wrote a line of more than {limit} bytes")]
    LineTooLong { limit: usize },
    #[error("the check did not finish within {} s", limit.as_secs())]
    Timeout { limit: Duration, tail: String },
    #[error("the check was cancelled")]
    Cancelled,
    #[error("no port of `{model_type}` at {path}")]
    NoPort { model_type: String, path: PathBuf },
    #[error("`{model_type}` is not a model type: small letters, digits, `_`, `-` and `.` only")]
    ModelType { model_type: String },
    #[error("no config file at {path}")]
    NoConfig { path: PathBuf },
    #[error("run {run_id} is not in {results}")]
    NoRun { run_id: String, results: PathBuf },
    #[error("{path} is not a stored run: {source}")]
    BadRun { path: PathBuf, source: serde_json::Error },
    #[error(transparent)]
    Fs(#[from] FsError),
}

impl Explain for HarnessError {
    fn blame(&self) -> Blame {
        match self {
            Self::NoPort { .. } | Self::NoConfig { .. } | Self::NoRun { .. } => Blame::User,
            Self::Cancelled | Self::ModelType { .. } => Blame::User,
            Self::Start { .. } | Self::NotReady { .. } | Self::Died { .. } => Blame::Environment,
            Self::Backoff { .. } | Self::BadRun { .. } => Blame::Environment,
            Self::Version { .. } | Self::Protocol { .. } | Self::LineTooLong { .. } => Blame::Bug,
            Self::Timeout { .. } => Blame::Port,
            Self::Fs(error) => error.blame(),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Start { .. } => "`mlxport setup` builds the Python environment".into(),
            Self::NotReady { .. } | Self::Died { .. } => {
                "`mlxport doctor` checks the Python environment".into()
            }
            Self::Backoff { within, .. } => {
                format!("wait {} s, or look at its last words and run `mlxport doctor`", within.as_secs())
            }
            Self::Version { .. } => "`mlxport setup` unpacks the harness that belongs to this program".into(),
            Self::Timeout { .. } => {
                "look for a loop that does not end, or give it longer with --timeout".into()
            }
            Self::NoPort { path, .. } => {
                format!("write {}, or name the file with --port FILE", path.display())
            }
            Self::NoConfig { .. } => "give the path of a config.json or of the folder that holds one".into(),
            Self::ModelType { .. } => "take it from `model_type` in the model's config.json".into(),
            Self::Fs(error) => return error.hint(),
            Self::Protocol { .. } | Self::LineTooLong { .. } => {
                "the worker was stopped; run the check again".into()
            }
            Self::NoRun { .. } => "a run's id stands in its verdict line; `last` is the newest".into(),
            Self::Cancelled | Self::BadRun { .. } => return None,
        })
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::NotReady { tail, .. } | Self::Died { tail, .. } | Self::Backoff { tail, .. } => {
                Some(tail.clone())
            }
            Self::Protocol { tail, .. } | Self::Timeout { tail, .. } => Some(tail.clone()),
            _ => None,
        }
        .filter(|tail| !tail.is_empty())
    }
}
