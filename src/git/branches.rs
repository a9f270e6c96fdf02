//! Which branches have a file, and in which of its versions.

use std::path::Path;

use git2::{BranchType, ErrorCode};

use super::repo::lossy;
use super::{GitError, Repo};

/// A branch whose tip has the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BranchFile {
    /// `add-arcee`, `fork/add-arcee`.
    pub branch: String,
    pub is_remote: bool,
    /// The tip's commit.
    pub commit: String,
    /// The first line of the tip's message. Untrusted.
    pub subject: String,
    /// Seconds since 1970, of the tip.
    pub time: i64,
    /// The file's blob.
    pub blob: String,
}

impl Repo {
    /// Lists the branches, local ones first, whose tip has a file. Unreadable tips are left out: a stale reference is no
    /// reason to say nothing of the others.
    pub fn branches_with(&self, path: &str) -> Result<Vec<BranchFile>, GitError> {
        let wrap = GitError::wrap("list the branches");
        let mut found = Vec::new();
        for branch in self.inner.branches(None).map_err(&wrap)? {
            let (branch, kind) = branch.map_err(&wrap)?;
            // `origin/HEAD` is another name of a branch that is listed too.
            let reference = branch.get();
            if reference.symbolic_target_bytes().is_some() {
                continue;
            }
            let name = lossy(branch.name_bytes().map_err(&wrap)?);
            let Ok(commit) = reference.peel_to_commit() else { continue };
            let Ok(tree) = commit.tree() else { continue };
            let entry = match tree.get_path(Path::new(path)) {
                Ok(entry) => entry,
                Err(error) if error.code() == ErrorCode::NotFound => continue,
                Err(error) => return Err(wrap(error)),
            };
            found.push(BranchFile {
                branch: name,
                is_remote: kind == BranchType::Remote,
                commit: commit.id().to_string(),
                subject: commit.summary_bytes().map(lossy).unwrap_or_default(),
                time: commit.time().seconds(),
                blob: entry.id().to_string(),
            });
        }
        found.sort_by(|a, b| (a.is_remote, &a.branch).cmp(&(b.is_remote, &b.branch)));
        Ok(found)
    }

    /// Gives the blob of a file at a revision; none where it is not there.
    pub fn blob_at(&self, revision: &str, path: &str) -> Result<Option<String>, GitError> {
        let wrap = GitError::wrap("read a revision");
        let tree =
            self.inner.revparse_single(revision).and_then(|object| object.peel_to_tree()).map_err(&wrap)?;
        match tree.get_path(Path::new(path)) {
            Ok(entry) => Ok(Some(entry.id().to_string())),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(wrap(error)),
        }
    }
}
