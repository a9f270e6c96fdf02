//! Snapshots of the working tree on references that nothing lists: `refs/mlxport/checkpoints/<session>/<number>`. HEAD,
//! index, branches, stash and the files themselves are only read. What a snapshot means and when one is taken is decided
//! in `port::checkpoint`.

use std::fs::FileType;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use git2::build::CheckoutBuilder;
use git2::{DiffOptions, ErrorCode, Index, IndexAddOption, Oid, Repository, Signature, Tree};

use super::repo::lossy;
use super::{GitError, Mode, Repo, Side};

const ROOT: &str = "refs/mlxport/checkpoints";
/// Another program may be writing the next number.
const TRIES: u32 = 8;
/// A text longer than this is not shown in a difference.
const SHOWN: usize = 2 << 20;

/// What the working tree holds now, as a tree in the repository that no reference keeps yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Photo {
    pub tree: String,
    pub left_out: Vec<LeftOut>,
}

/// A file that a snapshot does not hold: a rewind leaves it as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    pub path: String,
    pub why: String,
}

/// How much of the working tree a snapshot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Bytes of one file.
    pub file: u64,
    /// Bytes of all files that git does not have yet.
    pub all: u64,
}

/// A snapshot that a reference keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub number: u32,
    pub tree: String,
    pub message: String,
    /// Seconds since 1970.
    pub time: i64,
}

/// A file that two trees hold differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub path: String,
    pub old: Option<Side>,
    pub new: Option<Side>,
}

impl Repo {
    /// Reads the working tree, untracked files included, ignored ones not.
    pub fn photograph(&self, caps: Caps) -> Result<Photo, GitError> {
        let wrap = GitError::wrap("take a snapshot of the working tree");
        let repo = self.apart()?;
        // Opened as a file of its own and never written: it is the index only of this handle.
        let mut index = match self.index_file() {
            path if path.exists() => Index::open(&path).map_err(&wrap)?,
            _ => Index::new().map_err(&wrap)?,
        };
        repo.set_index(&mut index).map_err(&wrap)?;
        let mut left_out = Vec::new();
        let mut room = caps.all;
        let mut judge = |path: &Path, _: &[u8]| match too_much(&self.root().join(path), caps.file, &mut room)
        {
            None => 0,
            Some(why) => {
                left_out.push(LeftOut { path: path.to_string_lossy().into_owned(), why });
                1
            }
        };
        index.add_all(["*"], IndexAddOption::DEFAULT, Some(&mut judge)).map_err(&wrap)?;
        for file in &left_out {
            // It may be in the index as an older version, which is not what the folder holds.
            let _ = index.remove_path(Path::new(&file.path));
        }
        let tree = index.write_tree_to(&repo).map_err(&wrap)?.to_string();
        Ok(Photo { tree, left_out })
    }

    /// Keeps a tree under the session's next number.
    pub fn keep(&self, session: &str, tree: &str, message: &str) -> Result<Kept, GitError> {
        let wrap = GitError::wrap("keep a snapshot");
        let found = self.inner.find_tree(id(tree)?).map_err(&wrap)?;
        let who = Signature::now("mlxport", "mlxport@localhost").map_err(&wrap)?;
        let commit = self.inner.commit(None, &who, &who, message, &found, &[]).map_err(&wrap)?;
        let mut number = self.numbers(session)?.last().map_or(1, |last| last + 1);
        let most = number + TRIES;
        loop {
            let made = self.inner.reference(&name(session, number), commit, false, "mlxport: snapshot");
            match made {
                Ok(_) => break,
                Err(error) if taken(&error) && number < most => number += 1,
                Err(error) => return Err(wrap(error)),
            }
        }
        let (tree, message) = (tree.to_string(), message.to_string());
        Ok(Kept { number, tree, message, time: who.when().seconds() })
    }

    /// Gives a session's snapshots, oldest first. One that cannot be read is left out.
    pub fn kept(&self, session: &str) -> Result<Vec<Kept>, GitError> {
        let numbers = self.numbers(session)?;
        Ok(numbers.into_iter().filter_map(|number| self.kept_one(session, number)).collect())
    }

    /// Gives the sessions that have snapshots, each with the time of its last, oldest first.
    pub fn kept_sessions(&self) -> Result<Vec<(i64, String)>, GitError> {
        let mut names: Vec<String> = self
            .references(&format!("{ROOT}/*"))?
            .into_iter()
            .filter_map(|name| {
                let (session, _) = name.strip_prefix(ROOT)?.strip_prefix('/')?.rsplit_once('/')?;
                Some(session.to_string())
            })
            .collect();
        names.dedup();
        let mut found = Vec::new();
        for session in names {
            let last = self.numbers(&session)?.last().copied();
            let time = last.and_then(|number| self.kept_one(&session, number)).map_or(0, |kept| kept.time);
            found.push((time, session));
        }
        found.sort();
        Ok(found)
    }

    /// Gives up a snapshot; git's own collection removes what nothing else holds.
    pub fn forget(&self, session: &str, number: u32) -> Result<(), GitError> {
        let wrap = GitError::wrap("remove a snapshot");
        match self.inner.find_reference(&name(session, number)) {
            Ok(mut reference) => reference.delete().map_err(wrap),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(()),
            Err(error) => Err(wrap(error)),
        }
    }

    /// Lists the files that two trees hold differently, by path.
    pub fn differences(&self, old: &str, new: &str) -> Result<Vec<Difference>, GitError> {
        let wrap = GitError::wrap("compare two snapshots");
        let (old, new) = (self.tree_of(old)?, self.tree_of(new)?);
        let mut options = DiffOptions::new();
        options.include_typechange(true);
        let diff = self.inner.diff_tree_to_tree(Some(&old), Some(&new), Some(&mut options)).map_err(&wrap)?;
        let side = |file: &git2::DiffFile<'_>| {
            let blob = file.exists().then(|| self.inner.find_blob(file.id()).ok())?;
            let mode = Mode::from_git(u32::from(file.mode()));
            let bytes = blob.filter(|blob| blob.size() <= SHOWN).map(|blob| blob.content().to_vec());
            Some(Side { mode, id: file.id().to_string(), bytes })
        };
        let mut found: Vec<_> = diff
            .deltas()
            .map(|delta| {
                let path = delta.new_file().path_bytes().or(delta.old_file().path_bytes());
                let path = path.map(lossy).unwrap_or_default();
                Difference { path, old: side(&delta.old_file()), new: side(&delta.new_file()) }
            })
            .collect();
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    /// Writes some files of a tree into an empty folder, as a checkout would write them.
    pub fn lay_out(&self, tree: &str, paths: &[String], folder: &Path) -> Result<(), GitError> {
        if paths.is_empty() {
            return Ok(());
        }
        let wrap = GitError::wrap("lay out a snapshot's files");
        let repo = self.apart()?;
        let tree = repo.find_tree(id(tree)?).map_err(&wrap)?;
        let mut checkout = CheckoutBuilder::new();
        checkout.force().update_index(false).disable_pathspec_match(true).target_dir(folder);
        paths.iter().for_each(|path| {
            checkout.path(path.as_str());
        });
        repo.checkout_tree(tree.as_object(), Some(&mut checkout)).map_err(wrap)
    }

    /// Writes every file of a revision into an empty folder, as a checkout would, without a repository beside them.
    pub fn lay_out_all(&self, revision: &str, folder: &Path) -> Result<(), GitError> {
        let wrap = GitError::wrap("write out a revision");
        let repo = self.apart()?;
        let tree = repo.revparse_single(revision).and_then(|found| found.peel_to_tree()).map_err(&wrap)?;
        let mut checkout = CheckoutBuilder::new();
        checkout.force().update_index(false).target_dir(folder);
        repo.checkout_tree(tree.as_object(), Some(&mut checkout)).map_err(wrap)
    }

    /// The checkout's own git folder, on the same file system as what git writes.
    pub fn own_folder(&self) -> PathBuf {
        self.inner.path().to_path_buf()
    }

    /// A second handle, so that what is set on it (its index) is nobody else's.
    fn apart(&self) -> Result<Repository, GitError> {
        Repository::open(self.root()).map_err(GitError::wrap("open the checkout"))
    }

    fn tree_of(&self, tree: &str) -> Result<Tree<'_>, GitError> {
        self.inner.find_tree(id(tree)?).map_err(GitError::wrap("read a snapshot"))
    }

    fn kept_one(&self, session: &str, number: u32) -> Option<Kept> {
        let commit = self.inner.find_reference(&name(session, number)).ok()?.peel_to_commit().ok()?;
        let (tree, message) = (commit.tree_id().to_string(), lossy(commit.message_bytes()));
        Some(Kept { number, tree, message, time: commit.time().seconds() })
    }

    fn numbers(&self, session: &str) -> Result<Vec<u32>, GitError> {
        let found = self.references(&format!("{ROOT}/{session}/*"))?;
        let last = |name: &String| name.rsplit('/').next().and_then(|last| last.parse().ok());
        let mut numbers: Vec<u32> = found.iter().filter_map(last).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn references(&self, glob: &str) -> Result<Vec<String>, GitError> {
        let wrap = GitError::wrap("list the snapshots");
        let found = self.inner.references_glob(glob).map_err(&wrap)?;
        let mut names: Vec<String> = found.flatten().map(|found| lossy(found.name_bytes())).collect();
        names.sort();
        Ok(names)
    }
}

fn name(session: &str, number: u32) -> String {
    format!("{ROOT}/{session}/{number}")
}

fn id(text: &str) -> Result<Oid, GitError> {
    Oid::from_str(text).map_err(GitError::wrap("read a snapshot"))
}

/// Whether the number is another's, or its lock is left from a program that was killed.
fn taken(error: &git2::Error) -> bool {
    matches!(error.code(), ErrorCode::Exists | ErrorCode::Locked)
}

/// Says why a file is not taken in; None takes it. Asked only for files that git does not have as they are.
fn too_much(path: &Path, most: u64, room: &mut u64) -> Option<String> {
    // A file that is gone is a change like any other.
    let meta = path.symlink_metadata().ok()?;
    if let Some(kind) = special(meta.file_type()) {
        return Some(kind.to_string());
    }
    if meta.is_dir() {
        let own = path.join(".git").exists();
        return Some(if own { "a repository of its own" } else { "a folder stands in its place" }.into());
    }
    if meta.len() > most {
        return Some(format!("{} MB; a snapshot takes files up to {} MB", meta.len() >> 20, most >> 20));
    }
    if meta.is_file() && std::fs::File::open(path).is_err() {
        return Some("it cannot be read".into());
    }
    match room.checked_sub(meta.len()) {
        Some(left) => {
            *room = left;
            None
        }
        None => Some("the snapshot is full; add what is no source to .gitignore".into()),
    }
}

fn special(kind: FileType) -> Option<&'static str> {
    match kind {
        kind if kind.is_fifo() => Some("a pipe"),
        kind if kind.is_socket() => Some("a socket"),
        kind if kind.is_block_device() || kind.is_char_device() => Some("a device"),
        _ => None,
    }
}
