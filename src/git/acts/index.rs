//! Writing the person's index: whole entries, each only if the index still holds what the person was shown.

use std::path::Path;

use git2::{ErrorCode, Index, IndexEntry, IndexTime, Oid};

use super::PersonAct;
use crate::git::{GitError, Mode, Repo};

/// What the index holds for a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub mode: Mode,
    /// The blob's id in hex.
    pub id: String,
}

/// What a path's entry becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// This content; the blob is written.
    Bytes { mode: Mode, bytes: Vec<u8> },
    /// A blob that exists already: what HEAD has, or what an undo brings back.
    Blob(Entry),
    /// No entry.
    Absent,
}

/// One path's change in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub path: String,
    /// What the index must hold now; else the act is refused as stale and nothing is written.
    pub expect: Option<Entry>,
    pub target: Target,
}

/// Writes all changes or none; gives what each path then holds, in order.
pub fn write(repo: &Repo, act: PersonAct, changes: &[Change]) -> Result<Vec<Option<Entry>>, GitError> {
    act.allows(repo)?;
    let wrap = GitError::wrap("write the index");
    let mut index = repo.inner.index().map_err(&wrap)?;
    index.read(true).map_err(&wrap)?;
    for change in changes {
        check(&index, change)?;
    }
    let mut after = Vec::with_capacity(changes.len());
    for change in changes {
        after.push(apply(repo, &mut index, change)?);
    }
    index.write().map_err(|error| match error.code() {
        ErrorCode::Locked => GitError::IndexLocked { path: repo.index_file().with_extension("lock") },
        _ => wrap(error),
    })?;
    Ok(after)
}

fn check(index: &Index, change: &Change) -> Result<(), GitError> {
    let path = Path::new(&change.path);
    if (1..=3).any(|stage| index.get_path(path, stage).is_some()) {
        return Err(GitError::Conflicts { path: change.path.clone() });
    }
    let now = index.get_path(path, 0).map(|entry| Entry::of(&entry));
    match now == change.expect {
        true => Ok(()),
        false => Err(GitError::Stale { path: change.path.clone() }),
    }
}

fn apply(repo: &Repo, index: &mut Index, change: &Change) -> Result<Option<Entry>, GitError> {
    let wrap = GitError::wrap("write the index");
    let entry = match &change.target {
        Target::Absent => {
            if change.expect.is_some() {
                index.remove(Path::new(&change.path), 0).map_err(&wrap)?;
            }
            return Ok(None);
        }
        Target::Blob(entry) => entry.clone(),
        Target::Bytes { mode, bytes } => {
            let id = repo.inner.blob(bytes).map_err(&wrap)?;
            Entry { mode: *mode, id: id.to_string() }
        }
    };
    index.add(&entry.to_git(&change.path)?).map_err(&wrap)?;
    Ok(Some(entry))
}

impl Entry {
    fn of(entry: &IndexEntry) -> Self {
        Self { mode: Mode::from_git(entry.mode), id: entry.id.to_string() }
    }

    // The times stay zero: git then looks at the file again instead of trusting a stamp that we did not take.
    fn to_git(&self, path: &str) -> Result<IndexEntry, GitError> {
        let id = Oid::from_str(&self.id).map_err(GitError::wrap("read a blob's id"))?;
        Ok(IndexEntry {
            ctime: IndexTime::new(0, 0),
            mtime: IndexTime::new(0, 0),
            dev: 0,
            ino: 0,
            mode: self.mode.git(),
            uid: 0,
            gid: 0,
            file_size: 0,
            id,
            flags: 0,
            flags_extended: 0,
            path: path.as_bytes().to_vec(),
        })
    }
}
