//! Proof that a person asked.

use std::path::{Path, PathBuf};

use crate::git::{GitError, RemoteUrl, Repo};

/// A value that stands for one act of the person. Neither cloned nor stored: an act consumes it.
#[derive(Debug)]
pub struct PersonAct(Source);

#[derive(Debug)]
enum Source {
    Key(String),
    Recorded { workspace: PathBuf },
}

impl PersonAct {
    /// Made by `runtime` from the key that the person pressed, and by nobody else. `key` is its name, for the log.
    pub fn from_key(key: impl Into<String>) -> Self {
        Self(Source::Key(key.into()))
    }

    /// Made by `runtime` while `demo` plays recorded acts. Every act refuses a checkout outside `workspace`, and a push
    /// refuses any remote but a bare repository of this machine inside it.
    pub fn recorded(workspace: impl Into<PathBuf>) -> Self {
        Self(Source::Recorded { workspace: workspace.into() })
    }

    /// Says how the act came about, for the log and the screen.
    pub fn shown(&self) -> String {
        match &self.0 {
            Source::Key(key) => format!("key {key}"),
            Source::Recorded { .. } => "recorded".into(),
        }
    }

    /// Refuses a recorded act on a checkout outside the demo's workspace.
    pub(super) fn allows(&self, repo: &Repo) -> Result<(), GitError> {
        match &self.0 {
            Source::Key(_) => Ok(()),
            Source::Recorded { workspace } => inside(workspace, repo.root()),
        }
    }

    /// Refuses a recorded push to anything but a bare repository inside the demo's workspace.
    pub(super) fn allows_push(&self, repo: &Repo, url: &str) -> Result<(), GitError> {
        let Source::Recorded { workspace } = &self.0 else { return Ok(()) };
        let RemoteUrl::Local(_) = RemoteUrl::parse(url) else {
            return Err(GitError::RecordedRefused { why: format!("{url} is not on this machine") });
        };
        let path = url.strip_prefix("file://").unwrap_or(url);
        let path = repo.root().join(path);
        inside(workspace, &path)?;
        match path.join("HEAD").is_file() && path.join("objects").is_dir() {
            true => Ok(()),
            false => Err(GitError::RecordedRefused { why: format!("{url} is not a bare repository") }),
        }
    }
}

// Symbolic links are resolved first: a link inside the workspace may point out of it.
fn inside(workspace: &Path, path: &Path) -> Result<(), GitError> {
    let refused = |why: String| GitError::RecordedRefused { why };
    let real = |path: &Path| {
        path.canonicalize()
            .map_err(|error| refused(format!("{} cannot be resolved: {error}", path.display())))
    };
    match real(path)?.starts_with(real(workspace)?) {
        true => Ok(()),
        false => Err(refused(format!("{} is outside the demo's workspace", path.display()))),
    }
}
