//! What can be wrong with settings: always with the file and line, variable or flag that holds the mistake.

use std::path::PathBuf;

use thiserror::Error;

use super::value::Source;
use crate::util::blame::{Blame, Explain};
use crate::util::fs::FsError;

/// Why the settings cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    #[error("{path}:{line}: not valid TOML: {text}", path = path.display())]
    Syntax { path: PathBuf, line: usize, text: String },
    #[error("{place}: `{key}` must be {wanted}, not {found}")]
    Value { place: String, key: &'static str, wanted: &'static str, found: String },
    #[error("{place}: `{key}` holds a user name or password")]
    Login { place: String, key: &'static str },
    #[error("there is no data folder: the person's home folder is unknown")]
    NoHome,
    #[error(transparent)]
    Fs(#[from] FsError),
}

impl Explain for ConfigError {
    fn blame(&self) -> Blame {
        match self {
            Self::Syntax { .. } | Self::Value { .. } | Self::Login { .. } => Blame::User,
            Self::NoHome | Self::Fs(_) => Blame::Environment,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Syntax { path, line, .. } => Some(format!("mend line {line} of {}", path.display())),
            Self::Value { wanted, .. } => Some(format!("write {wanted}")),
            Self::Login { .. } => {
                Some("leave the login out of the URL: use model.api_key, or git's credential helper".into())
            }
            Self::NoHome => Some("set HOME, or choose a folder with --home DIR".into()),
            Self::Fs(error) => error.hint(),
        }
    }
}

/// Says where a value stood, for an error: the file with its line, the variable, or the flag.
pub(super) fn place(source: &Source, file: &std::path::Path) -> String {
    match source {
        Source::File { line, .. } => format!("{}:{line}", file.display()),
        other => other.to_string(),
    }
}
