//! What can go wrong with a workspace: which step, which command, and what the person can do.

use std::path::PathBuf;

use thiserror::Error;

use super::data::StepId;
use crate::util::blame::{Blame, Explain};
use crate::util::fs::FsError;
use crate::util::process::ProcessError;

/// Why the workspace could not be built, opened or switched.
#[derive(Debug, Error)]
pub enum PortError {
    #[error("no Python ≥ 3.11 was found")]
    NoPython { detail: String },
    #[error("uv is missing and could not be installed: {why}")]
    NoUv { why: String, detail: String },
    #[error("git was not found")]
    NoGit,
    #[error("too little disk space: {free} free at {path}, {wanted} needed", path = path.display())]
    Disk { path: PathBuf, free: String, wanted: String },
    #[error("{} failed: {source}", step.label())]
    Step { step: StepId, source: ProcessError },
    #[error("{python} cannot be used: {why}", python = python.display())]
    BadEnv { python: PathBuf, why: String },
    #[error("`{0}` is not a model type: letters, digits, `_`, `-` and `.` only")]
    ModelType(String),
    #[error("{path} is not a git clone of mlx-lm: {why}", path = path.display())]
    NotAClone { path: PathBuf, why: String },
    #[error("the branch {branch} has uncommitted changes: {}", files.join(", "))]
    Uncommitted { branch: String, files: Vec<String> },
    #[error("the release of mlx-lm is not what was pinned: {0}")]
    Release(String),
    #[error("the setup was cancelled")]
    Cancelled,
    #[error("there is no workspace yet")]
    NoWorkspace,
    #[error("the branches of {checkout} cannot be read: {source}", checkout = checkout.display())]
    Git { checkout: PathBuf, source: crate::git::GitError },
    #[error("{0}")]
    Internal(String),
    #[error(transparent)]
    Fs(#[from] FsError),
}

impl PortError {
    /// Wraps a command's failure with the step it belongs to; a cancelled command is a cancelled setup.
    pub(super) fn step(step: StepId) -> impl Fn(ProcessError) -> Self {
        move |source| match source {
            ProcessError::Cancelled { .. } => Self::Cancelled,
            source => Self::Step { step, source },
        }
    }
}

impl Explain for PortError {
    fn blame(&self) -> Blame {
        match self {
            Self::ModelType(_) | Self::Uncommitted { .. } | Self::Cancelled | Self::NoWorkspace => {
                Blame::User
            }
            Self::NotAClone { .. } | Self::BadEnv { .. } => Blame::User,
            Self::Internal(_) => Blame::Bug,
            Self::Release(_) => Blame::Upstream,
            Self::NoPython { .. } | Self::NoUv { .. } | Self::NoGit | Self::Disk { .. } => Blame::Environment,
            Self::Step { .. } => Blame::Environment,
            Self::Git { source, .. } => source.blame(),
            Self::Fs(error) => error.blame(),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoPython { .. } => {
                "install Python 3.11 or newer (with its venv module), or set env.python in config.toml".into()
            }
            Self::NoUv { .. } => {
                "install uv, or Python with pip or venv, and run `mlxport setup` again".into()
            }
            Self::NoGit => "install git and run `mlxport setup` again".into(),
            Self::Disk { .. } => "free some space, or choose another disk with --home DIR".into(),
            Self::Step { step: StepId::Packages, .. } => {
                "run `mlxport setup` again: what was downloaded is kept".into()
            }
            Self::Step { step: StepId::Branch, .. } => {
                "a branch can be open in one worktree only: work in that one, or `git worktree remove` it; then run `mlxport setup` again"
                    .into()
            }
            Self::Step { .. } => "run `mlxport setup` again: it goes on from this step".into(),
            Self::BadEnv { .. } => "mend that environment, or remove env.python to have one built".into(),
            Self::ModelType(_) => "give the model_type as it stands in config.json".into(),
            Self::NotAClone { .. } => "set workspace.mlx_lm to a clone of mlx-lm, a git URL or pypi".into(),
            Self::Uncommitted { .. } => "commit them in the PR pane, or move them away".into(),
            Self::Release(_) => "set workspace.mlx_lm to a git URL or a clone".into(),
            Self::Cancelled => "run `mlxport setup` again: finished steps are kept".into(),
            Self::NoWorkspace => "run `mlxport setup`".into(),
            Self::Git { source, .. } => return source.hint(),
            Self::Internal(_) => return None,
            Self::Fs(error) => return error.hint(),
        })
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::NoPython { detail } | Self::NoUv { detail, .. } if !detail.is_empty() => {
                Some(detail.clone())
            }
            Self::Step { source, .. } => source.detail(),
            _ => None,
        }
    }
}

/// Why an edit was refused. Nothing was written.
#[derive(Debug, Error)]
pub enum EditError {
    #[error("{path} may not be edited: only {} may", allowed.join(" and "), path = path.display())]
    NotAllowed { path: PathBuf, allowed: Vec<String> },
    #[error("{path} leaves the checkout through a symbolic link", path = path.display())]
    Symlink { path: PathBuf },
    #[error("{path} has changed since it was read", path = path.display())]
    Conflict { path: PathBuf, found: Option<String> },
    #[error(transparent)]
    Fs(#[from] FsError),
}

impl Explain for EditError {
    fn blame(&self) -> Blame {
        match self {
            Self::NotAllowed { .. } | Self::Symlink { .. } | Self::Conflict { .. } => Blame::User,
            Self::Fs(error) => error.blame(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotAllowed { .. } | Self::Symlink { .. } => None,
            Self::Conflict { .. } => Some("read the file again and repeat the edit".into()),
            Self::Fs(error) => error.hint(),
        }
    }
}
