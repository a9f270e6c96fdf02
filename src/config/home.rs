//! The data folder: `$MLXPORT_HOME`, else the platform's data folder + `mlxport`. Nothing is written outside it but
//! the standard Hub cache and what the person named.

use std::path::{Path, PathBuf};

/// The data folder and the names of what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    root: PathBuf,
    /// Where environment and cache are, if not below the root: the demo's folder shares its parent's.
    shared: Option<PathBuf>,
}

impl Home {
    /// Takes a data folder as it is; nothing is created.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), shared: None }
    }

    /// Gives a data folder for a run of its own that shares this one's environment and cache.
    pub fn nested(&self, root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), shared: Some(self.shared().to_path_buf()) }
    }

    /// The folder that holds environment and cache.
    pub fn shared(&self) -> &Path {
        self.shared.as_deref().unwrap_or(&self.root)
    }

    /// The data folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Settings the person wrote: `config.toml`.
    pub fn config_file(&self) -> PathBuf {
        self.root.join("config.toml")
    }

    /// Keys of profiles that `mlxport model key set` keeps; readable by the person alone.
    pub fn keys_file(&self) -> PathBuf {
        self.root.join("keys.toml")
    }

    /// Python environments, keyed by the hash of the lock; also our own uv.
    pub fn env(&self) -> PathBuf {
        self.shared().join("env")
    }

    /// Checkouts of mlx-lm and the demo's bare repositories.
    pub fn checkouts(&self) -> PathBuf {
        self.root.join("checkouts")
    }

    /// One folder a session: `<id>/log.jsonl`.
    pub fn sessions(&self) -> PathBuf {
        self.root.join("sessions")
    }

    /// One folder a session.
    pub fn session(&self, id: &str) -> PathBuf {
        self.sessions().join(id)
    }

    /// Results of checks, and the folders of detached jobs.
    pub fn results(&self) -> PathBuf {
        self.root.join("results")
    }

    /// What can be made again: uv's cache, reference states, extracted harness.
    pub fn cache(&self) -> PathBuf {
        self.shared().join("cache")
    }

    /// Log files of mlxport itself.
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }
}
