//! The four layers of a changed file: at the base of the branch, at HEAD, in the index, in the working tree. Every diff
//! that the screen shows (branch against base, staged, unstaged) is a pair of them, and staging is writing one from
//! the next. Contents are as git would store them: a file with a line-ending attribute is read through libgit2's filter.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use git2::{AttrCheckFlags, Delta, Diff, DiffFindOptions, DiffOptions, ObjectType, Oid, Tree};

use super::repo::lossy;
use super::{Base, GitError, Repo};

/// Files larger than this are staged whole; their content is not loaded.
const LARGE: u64 = 2 << 20;

/// A file's kind as git records it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    File,
    Executable,
    Link,
    Submodule,
}

/// A file in one layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    pub mode: Mode,
    /// The blob's id in hex; in the working tree, the id that it would get.
    pub id: String,
    /// None when the file is too large to be shown.
    pub bytes: Option<Vec<u8>>,
}

/// Why a file cannot be staged here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The index has it in conflict.
    Conflict,
    /// An attribute names a filter program, which only git itself runs.
    Filter(String),
    Submodule,
    /// The name is not UTF-8.
    Name,
    /// The file cannot be read.
    Unreadable(String),
}

/// A changed file with what each layer holds. A layer without the file is None.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLayers {
    pub path: String,
    pub base: Option<Side>,
    pub head: Option<Side>,
    pub index: Option<Side>,
    pub worktree: Option<Side>,
    /// The old name, when the branch (staged or committed) renamed the file.
    pub renamed_from: Option<String>,
    pub obstacle: Option<Obstacle>,
}

impl Mode {
    /// Reads git's number; anything unknown is a plain file.
    pub(super) fn from_git(mode: u32) -> Self {
        match mode {
            0o100755 => Self::Executable,
            0o120000 => Self::Link,
            0o160000 => Self::Submodule,
            _ => Self::File,
        }
    }

    /// Gives git's number.
    pub fn git(self) -> u32 {
        match self {
            Self::File => 0o100644,
            Self::Executable => 0o100755,
            Self::Link => 0o120000,
            Self::Submodule => 0o160000,
        }
    }
}

impl Repo {
    /// Reads every file that differs between any two layers, by path.
    pub fn layers(&self, base: &Base) -> Result<Vec<FileLayers>, GitError> {
        let wrap = GitError::wrap("compare the layers");
        let mut index = self.inner.index().map_err(&wrap)?;
        index.read(true).map_err(&wrap)?;
        let head = self.tree(self.head_oid()?)?;
        let base = match base.commit.as_deref() {
            Some(id) => self.tree(Some(Oid::from_str(id).map_err(&wrap)?))?,
            None => None,
        };
        let mut options = DiffOptions::new();
        options.include_untracked(true).recurse_untracked_dirs(true).include_typechange(true);
        options.ignore_submodules(false);
        let committed =
            self.inner.diff_tree_to_tree(base.as_ref(), head.as_ref(), Some(&mut options)).map_err(&wrap)?;
        let staged =
            self.inner.diff_tree_to_index(head.as_ref(), Some(&index), Some(&mut options)).map_err(&wrap)?;
        let unstaged = self.inner.diff_index_to_workdir(Some(&index), Some(&mut options)).map_err(&wrap)?;
        let renames = self.renames(base.as_ref(), &index)?;
        let paths: BTreeSet<Vec<u8>> =
            [&committed, &staged, &unstaged].into_iter().flat_map(changed_paths).collect();
        let layers = Layers { repo: self, base, head, index: &index };
        Ok(paths.into_iter().map(|path| layers.read(&path, &renames)).collect())
    }

    /// Reads one file's layers again, changed or not.
    pub fn layers_of(&self, base: &Base, path: &str) -> Result<FileLayers, GitError> {
        let wrap = GitError::wrap("read the layers of a file");
        let mut index = self.inner.index().map_err(&wrap)?;
        index.read(true).map_err(&wrap)?;
        let base = match base.commit.as_deref() {
            Some(id) => self.tree(Some(Oid::from_str(id).map_err(&wrap)?))?,
            None => None,
        };
        let head = self.tree(self.head_oid()?)?;
        Ok(Layers { repo: self, base, head, index: &index }.read(path.as_bytes(), &BTreeMap::new()))
    }

    fn tree(&self, commit: Option<Oid>) -> Result<Option<Tree<'_>>, GitError> {
        let Some(id) = commit else { return Ok(None) };
        let wrap = GitError::wrap("read a commit's tree");
        Ok(Some(self.inner.find_commit(id).map_err(&wrap)?.tree().map_err(&wrap)?))
    }

    fn renames(
        &self,
        base: Option<&Tree<'_>>,
        index: &git2::Index,
    ) -> Result<BTreeMap<Vec<u8>, String>, GitError> {
        let wrap = GitError::wrap("look for renames");
        let mut diff = self.inner.diff_tree_to_index(base, Some(index), None).map_err(&wrap)?;
        diff.find_similar(Some(DiffFindOptions::new().renames(true))).map_err(&wrap)?;
        let renamed = diff.deltas().filter(|delta| delta.status() == Delta::Renamed);
        let pairs = renamed.filter_map(|delta| {
            Some((delta.new_file().path_bytes()?.to_vec(), lossy(delta.old_file().path_bytes()?)))
        });
        Ok(pairs.collect())
    }
}

fn changed_paths<'a>(diff: &'a Diff<'_>) -> impl Iterator<Item = Vec<u8>> + 'a {
    diff.deltas().flat_map(|delta| {
        [delta.old_file().path_bytes().map(<[u8]>::to_vec), delta.new_file().path_bytes().map(<[u8]>::to_vec)]
            .into_iter()
            .flatten()
    })
}

struct Layers<'a> {
    repo: &'a Repo,
    base: Option<Tree<'a>>,
    head: Option<Tree<'a>>,
    index: &'a git2::Index,
}

impl Layers<'_> {
    fn read(&self, path: &[u8], renames: &BTreeMap<Vec<u8>, String>) -> FileLayers {
        let mut file = FileLayers {
            path: lossy(path),
            base: None,
            head: None,
            index: None,
            worktree: None,
            renamed_from: renames.get(path).cloned(),
            obstacle: None,
        };
        let Ok(text) = std::str::from_utf8(path) else {
            file.obstacle = Some(Obstacle::Name);
            return file;
        };
        let name = Path::new(text);
        file.base = self.in_tree(self.base.as_ref(), name);
        file.head = self.in_tree(self.head.as_ref(), name);
        file.index = self.index.get_path(name, 0).map(|entry| self.blob(entry.id, entry.mode));
        match self.in_worktree(name, file.index.as_ref()) {
            Ok(side) => file.worktree = side,
            Err(obstacle) => file.obstacle = Some(obstacle),
        }
        if (1..=3).any(|stage| self.index.get_path(name, stage).is_some()) {
            file.obstacle = Some(Obstacle::Conflict);
        }
        let sides = [&file.base, &file.head, &file.index, &file.worktree];
        if sides.into_iter().flatten().any(|side| side.mode == Mode::Submodule) {
            file.obstacle = Some(Obstacle::Submodule);
        }
        file
    }

    fn in_tree(&self, tree: Option<&Tree<'_>>, path: &Path) -> Option<Side> {
        let entry = tree?.get_path(path).ok()?;
        Some(self.blob(entry.id(), entry.filemode().unsigned_abs()))
    }

    fn blob(&self, id: Oid, mode: u32) -> Side {
        let blob = self.repo.inner.find_blob(id).ok();
        let small = blob.filter(|blob| blob.size() as u64 <= LARGE);
        Side {
            mode: Mode::from_git(mode),
            id: id.to_string(),
            bytes: small.map(|blob| blob.content().to_vec()),
        }
    }

    fn in_worktree(&self, path: &Path, index: Option<&Side>) -> Result<Option<Side>, Obstacle> {
        let full = self.repo.root().join(path);
        let unreadable = |error: &dyn std::fmt::Display| Obstacle::Unreadable(error.to_string());
        let Ok(meta) = std::fs::symlink_metadata(&full) else { return Ok(None) };
        if meta.is_dir() {
            return match index.map(|side| side.mode) {
                Some(Mode::Submodule) => Err(Obstacle::Submodule),
                _ => Ok(None),
            };
        }
        let mode = match (meta.is_symlink(), meta.permissions().mode() & 0o100 != 0) {
            (true, _) => Mode::Link,
            (false, _) if !self.trusts_modes() => index.map_or(Mode::File, |side| side.mode),
            (false, true) => Mode::Executable,
            (false, false) => Mode::File,
        };
        if mode == Mode::Link {
            let target = std::fs::read_link(&full).map_err(|error| unreadable(&error))?;
            return self.side(mode, target.as_os_str().as_bytes().to_vec()).map(Some);
        }
        match self.conversion(path)? {
            Conversion::Filtered => {
                let id = self.repo.inner.blob_path(&full).map_err(|error| unreadable(&error.message()))?;
                Ok(Some(self.blob(id, mode.git())))
            }
            Conversion::None if meta.len() > LARGE => {
                let id =
                    Oid::hash_file(ObjectType::Blob, &full).map_err(|error| unreadable(&error.message()))?;
                Ok(Some(Side { mode, id: id.to_string(), bytes: None }))
            }
            Conversion::None => {
                let bytes = std::fs::read(&full).map_err(|error| unreadable(&error))?;
                self.side(mode, bytes).map(Some)
            }
        }
    }

    fn side(&self, mode: Mode, bytes: Vec<u8>) -> Result<Side, Obstacle> {
        let id = Oid::hash_object(ObjectType::Blob, &bytes)
            .map_err(|error| Obstacle::Unreadable(error.message().to_string()))?;
        Ok(Side { mode, id: id.to_string(), bytes: Some(bytes) })
    }

    fn trusts_modes(&self) -> bool {
        self.repo.inner.config().and_then(|config| config.get_bool("core.filemode")).unwrap_or(true)
    }

    // blob_path writes a loose object, so it is used only where git would change the bytes on their way in.
    fn conversion(&self, path: &Path) -> Result<Conversion, Obstacle> {
        let attribute =
            |name| self.repo.inner.get_attr(path, name, AttrCheckFlags::FILE_THEN_INDEX).ok().flatten();
        if let Some(filter) = attribute("filter") {
            return Err(Obstacle::Filter(filter.to_string()));
        }
        let named = ["text", "eol", "ident", "crlf"].into_iter().any(|name| attribute(name).is_some());
        let config = self.repo.inner.config().and_then(|config| config.get_string("core.autocrlf"));
        let automatic = config.is_ok_and(|value| value == "true" || value == "input");
        Ok(if named || automatic { Conversion::Filtered } else { Conversion::None })
    }
}

enum Conversion {
    None,
    Filtered,
}
