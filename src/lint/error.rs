//! Why a file cannot be linted.

use std::path::PathBuf;

use thiserror::Error;

use crate::util::blame::{Blame, Explain};
use crate::util::text;

/// What went wrong with a file.
#[derive(Debug, Error)]
pub enum LintError {
    #[error("{path} does not exist")]
    Missing { path: PathBuf },
    #[error("{path} is a folder")]
    Folder { path: PathBuf },
    #[error("{path} is no plain file")]
    NotAFile { path: PathBuf },
    #[error("{path} is {}, too large for a source file", text::bytes(*size))]
    TooBig { path: PathBuf, size: u64 },
    #[error("{path} cannot be read: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("line {line} is not UTF-8, so Python cannot read the file")]
    NotText { line: usize },
}

impl Explain for LintError {
    fn blame(&self) -> Blame {
        match self {
            Self::Read { .. } => Blame::Environment,
            Self::NotText { .. } => Blame::Port,
            _ => Blame::User,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Missing { .. } => "give the path of a model file, such as mlx_lm/models/llama.py".into(),
            Self::Folder { path } => format!("name its files: mlxport lint {}/*.py", path.display()),
            Self::NotAFile { .. } | Self::TooBig { .. } => "give a Python source file".into(),
            Self::Read { .. } => "make the file readable".into(),
            Self::NotText { .. } => "save it as UTF-8".into(),
        })
    }
}
