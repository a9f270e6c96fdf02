//! Committing what is staged, with the person's message and the person's hooks and signature.

use super::{PersonAct, git};
use crate::git::{Changed, GitError, Head, Repo};

/// Commits the index; gives the new commit. The message is kept to the byte, but for the newline that ends it: no
/// trailer, no clean-up. Hooks and signing are git's, hence the binary.
pub async fn commit(repo_root: &std::path::Path, act: PersonAct, message: &str) -> Result<String, GitError> {
    let command = {
        let repo = Repo::open(repo_root)?;
        act.allows(&repo)?;
        ready(&repo, message)?;
        let message = if message.ends_with('\n') { message.to_string() } else { format!("{message}\n") };
        git(&repo).args(["commit", "--quiet", "--cleanup=verbatim", "--file=-"]).stdin(message)
    };
    command.run().await?;
    let repo = Repo::open(repo_root)?;
    match repo.head()? {
        Head::Branch { commit, .. } | Head::Detached { commit } => Ok(commit),
        Head::Unborn { .. } => {
            Err(GitError::Libgit { attempt: "find the new commit", text: "HEAD has none".into() })
        }
    }
}

fn ready(repo: &Repo, message: &str) -> Result<(), GitError> {
    if message.trim().is_empty() {
        return Err(GitError::EmptyMessage);
    }
    if let Head::Detached { commit } = repo.head()? {
        return Err(GitError::Detached { at: commit.chars().take(8).collect() });
    }
    let lock = repo.index_file().with_extension("lock");
    if lock.exists() {
        return Err(GitError::IndexLocked { path: lock });
    }
    let status = repo.status()?;
    if let Some(conflict) = status.iter().find(|status| status.staged == Some(Changed::Conflicted)) {
        return Err(GitError::Conflicts { path: conflict.path.clone() });
    }
    if status.iter().all(|status| status.staged.is_none()) {
        return Err(GitError::NothingStaged);
    }
    let identity = repo.identity()?;
    if identity.name.is_none() {
        return Err(GitError::NoIdentity { key: "user.name" });
    }
    if identity.email.is_none() {
        return Err(GitError::NoIdentity { key: "user.email" });
    }
    Ok(())
}
