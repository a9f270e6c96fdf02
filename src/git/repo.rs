//! An opened checkout and what is read from it: head, base, status, identity, a file at a revision.

use std::path::{Path, PathBuf};

use git2::{ConfigLevel, ErrorCode, Oid, Repository, StatusOptions};

use super::GitError;

/// A git checkout with a working tree. Reading only; [`super::acts`] writes.
pub struct Repo {
    pub(super) inner: Repository,
    root: PathBuf,
}

/// Where HEAD points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    /// A branch with at least one commit.
    Branch { name: String, commit: String },
    /// A branch without a commit yet.
    Unborn { name: String },
    /// A commit and no branch.
    Detached { commit: String },
}

/// The commit that the branch is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// None in a repository without a commit.
    pub commit: Option<String>,
    pub from: BaseFrom,
}

/// How the base was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BaseFrom {
    /// The merge base of HEAD and this reference.
    MergeBase(String),
    /// The oldest commit of the branch: no reference to compare with.
    FirstCommit,
    /// No commit at all.
    Nothing,
}

/// A value of git's configuration and the file level that it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    pub value: String,
    /// `system`, `global`, `local` or `worktree`.
    pub source: &'static str,
}

/// Who commits are by. A missing part is None, never guessed from the host name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    pub name: Option<Setting>,
    pub email: Option<Setting>,
}

/// How a path differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    Added,
    Modified,
    Deleted,
    Renamed,
    TypeChanged,
    Conflicted,
}

/// A changed path: index against HEAD, and working tree against index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    pub path: String,
    pub staged: Option<Changed>,
    pub unstaged: Option<Changed>,
}

// The order is the order of trust: what upstream has, then what the workspace committed as the baseline.
const BASES: [&str; 5] = [
    "refs/remotes/upstream/main",
    "refs/remotes/upstream/HEAD",
    "refs/tags/mlxport-baseline",
    "refs/heads/main",
    "refs/heads/master",
];

impl Repo {
    /// Opens the checkout that contains `path`.
    pub fn open(path: &Path) -> Result<Self, GitError> {
        let missing = || GitError::NotACheckout { path: path.to_path_buf() };
        let inner = Repository::discover(path).map_err(|_| missing())?;
        let root = inner.workdir().ok_or_else(missing)?.to_path_buf();
        Ok(Self { inner, root })
    }

    /// The top folder of the working tree.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The index's file, whose `.lock` beside it says that a git is at work.
    pub fn index_file(&self) -> PathBuf {
        self.inner.path().join("index")
    }

    /// Says where HEAD points.
    pub fn head(&self) -> Result<Head, GitError> {
        let wrap = GitError::wrap("read HEAD");
        match self.inner.head() {
            Ok(head) => {
                let commit = head.peel_to_commit().map_err(&wrap)?.id().to_string();
                let detached = self.inner.head_detached().map_err(&wrap)?;
                match detached {
                    true => Ok(Head::Detached { commit }),
                    false => Ok(Head::Branch { name: lossy(head.shorthand_bytes()), commit }),
                }
            }
            Err(error) if error.code() == ErrorCode::UnbornBranch => {
                let head = self.inner.find_reference("HEAD").map_err(&wrap)?;
                let target = head.symbolic_target_bytes().map(lossy).unwrap_or_default();
                let name = target.strip_prefix("refs/heads/").unwrap_or(&target).to_string();
                Ok(Head::Unborn { name })
            }
            Err(error) => Err(wrap(error)),
        }
    }

    /// Finds what the branch is compared with: the merge base with upstream's main, else with the baseline.
    pub fn base(&self) -> Result<Base, GitError> {
        let Some(head) = self.head_oid()? else {
            return Ok(Base { commit: None, from: BaseFrom::Nothing });
        };
        let current = self.inner.head().ok().map(|head| lossy(head.name_bytes()));
        for name in BASES {
            let Ok(reference) = self.inner.find_reference(name) else { continue };
            if current.as_deref() == Some(name) {
                continue;
            }
            let Ok(commit) = reference.peel_to_commit() else { continue };
            if let Ok(base) = self.inner.merge_base(head, commit.id()) {
                return Ok(Base { commit: Some(base.to_string()), from: BaseFrom::MergeBase(name.into()) });
            }
        }
        let mut commit = self.inner.find_commit(head).map_err(GitError::wrap("read the history"))?;
        while let Ok(parent) = commit.parent(0) {
            commit = parent;
        }
        Ok(Base { commit: Some(commit.id().to_string()), from: BaseFrom::FirstCommit })
    }

    /// Counts the commits of HEAD that `base` does not have.
    pub fn commits_since(&self, base: &Base) -> Result<usize, GitError> {
        let (Some(head), Some(base)) = (self.head_oid()?, base.commit.as_deref()) else { return Ok(0) };
        let wrap = GitError::wrap("count commits");
        let base = Oid::from_str(base).map_err(&wrap)?;
        Ok(self.inner.graph_ahead_behind(head, base).map_err(&wrap)?.0)
    }

    /// Lists changed paths, untracked files included, ignored ones not.
    pub fn status(&self) -> Result<Vec<Status>, GitError> {
        let mut options = StatusOptions::new();
        options.include_untracked(true).recurse_untracked_dirs(true).include_ignored(false);
        let found = self.inner.statuses(Some(&mut options)).map_err(GitError::wrap("read the status"))?;
        let all = found.iter().map(|entry| {
            let (staged, unstaged) = split(entry.status());
            Status { path: lossy(entry.path_bytes()), staged, unstaged }
        });
        Ok(all.filter(|status| status.staged.is_some() || status.unstaged.is_some()).collect())
    }

    /// Reads a file at a revision (`HEAD`, `upstream/main`, a commit); None when it is not there.
    pub fn read_at(&self, revision: &str, path: &str) -> Result<Option<Vec<u8>>, GitError> {
        let wrap = GitError::wrap("read a revision");
        let tree =
            self.inner.revparse_single(revision).and_then(|object| object.peel_to_tree()).map_err(&wrap)?;
        match tree.get_path(Path::new(path)) {
            Ok(entry) => Ok(self.inner.find_blob(entry.id()).ok().map(|blob| blob.content().to_vec())),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(wrap(error)),
        }
    }

    /// The tree that a commit of the index would have, as `git write-tree` says. None while there are conflicts.
    pub fn staged_tree(&self) -> Result<Option<String>, GitError> {
        let wrap = GitError::wrap("read the index");
        let mut index = self.inner.index().map_err(&wrap)?;
        index.read(true).map_err(&wrap)?;
        if index.has_conflicts() {
            return Ok(None);
        }
        Ok(Some(index.write_tree().map_err(&wrap)?.to_string()))
    }

    /// Reads `user.name` and `user.email`, each with its level.
    pub fn identity(&self) -> Result<Identity, GitError> {
        Ok(Identity { name: self.setting("user.name")?, email: self.setting("user.email")? })
    }

    /// Reads one value of git's configuration; an empty one counts as missing.
    pub fn setting(&self, key: &str) -> Result<Option<Setting>, GitError> {
        let wrap = GitError::wrap("read git's configuration");
        let mut config = self.inner.config().map_err(&wrap)?;
        let config = config.snapshot().map_err(&wrap)?;
        let Ok(entry) = config.get_entry(key) else { return Ok(None) };
        let value = lossy(entry.value_bytes()).trim().to_string();
        Ok((!value.is_empty()).then_some(Setting { value, source: level(entry.level()) }))
    }

    pub(super) fn head_oid(&self) -> Result<Option<Oid>, GitError> {
        let id = match self.head()? {
            Head::Branch { commit, .. } | Head::Detached { commit } => commit,
            Head::Unborn { .. } => return Ok(None),
        };
        Oid::from_str(&id).map(Some).map_err(GitError::wrap("read HEAD"))
    }
}

impl std::fmt::Debug for Repo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repo").field("root", &self.root).finish()
    }
}

pub(super) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn level(level: ConfigLevel) -> &'static str {
    match level {
        ConfigLevel::ProgramData | ConfigLevel::System => "system",
        ConfigLevel::XDG | ConfigLevel::Global => "global",
        ConfigLevel::Worktree => "worktree",
        ConfigLevel::Local | ConfigLevel::App | ConfigLevel::Highest => "local",
    }
}

fn split(status: git2::Status) -> (Option<Changed>, Option<Changed>) {
    let pick = |pairs: [(git2::Status, Changed); 5]| {
        pairs.into_iter().find(|(bit, _)| status.contains(*bit)).map(|(_, changed)| changed)
    };
    if status.is_conflicted() {
        return (Some(Changed::Conflicted), Some(Changed::Conflicted));
    }
    let staged = pick([
        (git2::Status::INDEX_NEW, Changed::Added),
        (git2::Status::INDEX_DELETED, Changed::Deleted),
        (git2::Status::INDEX_RENAMED, Changed::Renamed),
        (git2::Status::INDEX_TYPECHANGE, Changed::TypeChanged),
        (git2::Status::INDEX_MODIFIED, Changed::Modified),
    ]);
    let unstaged = pick([
        (git2::Status::WT_NEW, Changed::Added),
        (git2::Status::WT_DELETED, Changed::Deleted),
        (git2::Status::WT_RENAMED, Changed::Renamed),
        (git2::Status::WT_TYPECHANGE, Changed::TypeChanged),
        (git2::Status::WT_MODIFIED, Changed::Modified),
    ]);
    (staged, unstaged)
}
