//! What can be wrong with a config file, with line and column.

use std::path::{Path, PathBuf};

use thiserror::Error;

use super::download::DownloadError;
use super::headers::HeaderError;
use super::remote::RemoteError;
use super::syntax::JsonError;
use crate::util::blame::{Blame, Explain};
use crate::util::fs::FsError;
use crate::util::text;

/// What went wrong with a config file.
#[derive(Debug, Error)]
pub enum HubError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path} has no config.json")]
    NoConfig { path: PathBuf },
    #[error("{path} is not a file or a folder")]
    Missing { path: PathBuf },
    #[error("{path} is not an ordinary file")]
    NotAFile { path: PathBuf },
    #[error("{path} is larger than {}, which no config is", text::bytes(*limit))]
    TooBig { path: PathBuf, limit: u64 },
    #[error("{path} has more than {limit} keys, which no config has")]
    TooManyKeys { path: PathBuf, limit: usize },
    #[error("{path}, line {line}: not UTF-8")]
    NotUtf8 { path: PathBuf, line: u32 },
    #[error("{path}, {error}")]
    Json { path: PathBuf, error: JsonError },
    #[error("`{text}` names no model: {why}")]
    Wanted { text: String, why: String },
    #[error("the config.json that the Hub gave for {repo} is none: {why}")]
    NotAConfig { repo: String, why: String },
    #[error("{repo} is no language model: {why}")]
    NotLanguage { repo: String, why: String },
    #[error("the config of {what} names no model_type")]
    NoModelType { what: String },
    #[error("{host} was not searched for open pull requests: {why}")]
    Pulls { host: String, why: String },
    #[error("no manifest for {what}: {why}")]
    Manifest { what: String, why: String },
    #[error("{error}")]
    Near { error: Box<RemoteError>, near: Vec<String> },
    #[error(transparent)]
    Remote(#[from] RemoteError),
    #[error(transparent)]
    Fs(#[from] FsError),
    #[error("cannot keep {path}: {source}")]
    Keep { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error(transparent)]
    Kept(Box<DownloadError>),
}

impl Explain for HubError {
    fn blame(&self) -> Blame {
        match self {
            Self::Read { .. } | Self::Keep { .. } | Self::NotAConfig { .. } | Self::Pulls { .. } => {
                Blame::Environment
            }
            Self::Remote(error) => error.blame(),
            Self::Near { error, .. } => error.blame(),
            Self::Fs(error) => error.blame(),
            Self::Kept(error) => error.blame(),
            _ => Blame::User,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoConfig { .. } => Some("give a checkpoint folder or a config.json".into()),
            Self::Missing { path } if looks_like_repo(path) => Some(
                "for a repository of the Hub: `mlxport discover` finds it and `mlxport port` opens it".into(),
            ),
            Self::Wanted { .. } => Some(
                "give a model_type such as arcee, a class such as ArceeForCausalLM, owner/name, a link, or a folder with a config.json"
                    .into(),
            ),
            Self::NotLanguage { .. } => {
                Some("mlx-lm runs decoders that generate text; give one of those".into())
            }
            Self::NoModelType { .. } => Some("add the model_type that transformers knows it by".into()),
            Self::NotAConfig { .. } => Some("check HF_ENDPOINT; another program may answer there".into()),
            Self::Manifest { .. } => Some("choose variants whose config.json names a dtype".into()),
            Self::Near { near, .. } => Some(format!("did you mean {}?", near.join(", "))),
            Self::Remote(error) => error.hint(),
            Self::Fs(error) => error.hint(),
            Self::Kept(error) => error.hint(),
            Self::Keep { .. } => {
                Some("free some disk space, or choose another folder with --home DIR".into())
            }
            Self::Header(error) => error.hint(),
            Self::Missing { .. } => Some("check the path".into()),
            Self::Json { error: JsonError::Syntax { hint, .. }, .. } => hint.map(str::to_string),
            Self::Json { error: JsonError::Duplicate { .. }, .. } => {
                Some("Python silently takes the last one; keep the right one and remove the other".into())
            }
            _ => None,
        }
    }
}

fn looks_like_repo(path: &Path) -> bool {
    path.is_relative() && path.components().count() == 2 && path.extension().is_none_or(|end| end != "json")
}
