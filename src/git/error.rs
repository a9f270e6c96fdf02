//! What can go wrong with git, and whose fault it is.

use std::path::PathBuf;

use thiserror::Error;

use crate::util::blame::{Blame, Explain};
use crate::util::process::ProcessError;

/// What was attempted with git, and why it failed.
#[derive(Debug, Error)]
pub enum GitError {
    #[error("{path} is not a git checkout")]
    NotACheckout { path: PathBuf },
    #[error("cannot {attempt}: {text}")]
    Libgit { attempt: &'static str, text: String },
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("the index is locked: {path} exists")]
    IndexLocked { path: PathBuf },
    #[error("the index has unresolved conflicts in {path}")]
    Conflicts { path: String },
    #[error("{path} changed since it was shown")]
    Stale { path: String },
    #[error("nothing is staged")]
    NothingStaged,
    #[error("the commit message is empty")]
    EmptyMessage,
    #[error("git does not know who you are: {key} is not set")]
    NoIdentity { key: &'static str },
    #[error("HEAD is detached at {at}: a commit here would be on no branch")]
    Detached { at: String },
    #[error("{branch} is not a feature branch (add-<model_type>)")]
    NotFeatureBranch { branch: String },
    #[error("you typed {typed:?}, the branch is {branch:?}")]
    NotConfirmed { typed: String, branch: String },
    #[error("there is no remote named fork")]
    NoFork,
    #[error("the remote fork points to upstream ({url})")]
    ForkIsUpstream { url: String },
    #[error("the remote fork has {count} push addresses")]
    SeveralAddresses { count: usize },
    #[error("a recorded act is refused: {why}")]
    RecordedRefused { why: String },
    #[error("git rejected the push: {reason}")]
    Rejected { reason: String, tail: String },
    #[error(transparent)]
    Process(#[from] ProcessError),
}

impl GitError {
    /// Wraps a libgit2 error with what was attempted.
    pub(super) fn wrap(attempt: &'static str) -> impl Fn(git2::Error) -> Self {
        move |error| Self::Libgit { attempt, text: error.message().to_string() }
    }
}

impl Explain for GitError {
    fn blame(&self) -> Blame {
        match self {
            Self::Libgit { .. } | Self::Read { .. } | Self::IndexLocked { .. } | Self::Process(_) => {
                Blame::Environment
            }
            Self::Rejected { .. } => Blame::Environment,
            _ => Blame::User,
        }
    }

    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NotACheckout { .. } => "run mlxport setup, or name a git checkout of mlx-lm".into(),
            Self::IndexLocked { path } => format!(
                "another git is at work: wait for it; if none runs, remove the lock with: rm {}",
                path.display()
            ),
            Self::Conflicts { .. } => "finish the merge or rebase in a shell, then come back".into(),
            Self::Stale { .. } => "the diff was read again: look at it and repeat the key".into(),
            Self::NothingStaged => "stage a hunk with Space first".into(),
            Self::EmptyMessage => "write the message, then commit".into(),
            Self::NoIdentity { key } => match *key {
                "user.email" => "run: git config --global user.email \"you@example.com\"".into(),
                _ => "run: git config --global user.name \"Your Name\"".into(),
            },
            Self::Detached { .. } => "make a branch: git switch -c add-<model_type>".into(),
            Self::NotFeatureBranch { .. } => "move your work to one: git switch -c add-<model_type>".into(),
            Self::NotConfirmed { .. } => "type the branch name exactly".into(),
            Self::NoFork => "fork mlx-lm on GitHub, then run: git remote add fork <your fork's URL>".into(),
            Self::ForkIsUpstream { .. } => "point it at your fork: git remote set-url fork <URL>".into(),
            Self::SeveralAddresses { .. } => "leave one push address on the remote fork".into(),
            Self::Rejected { reason, .. }
                if reason.contains("non-fast-forward") || reason.contains("fetch first") =>
            {
                "the fork has commits that you lack: git fetch fork, then rebase; mlxport never forces".into()
            }
            Self::Process(ProcessError::Start { .. }) => "install git and put it on the PATH".into(),
            _ => return None,
        };
        Some(text)
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Process(error) => error.detail(),
            Self::Rejected { tail, .. } if !tail.is_empty() => Some(tail.clone()),
            _ => None,
        }
    }
}
