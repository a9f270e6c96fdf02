//! What the port room says, as plain data: the workspace, the steps of its setup, and what an edit left behind.

pub mod checkpoint;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::util::blame::Report;

/// Where the checkout's first commit came from. The screen and doctor say it, since evidence refers to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Baseline {
    /// Cloned from a git URL.
    Git { url: String, commit: String },
    /// A worktree of the person's own clone.
    Local { path: PathBuf, commit: String },
    /// The pinned release, committed as a baseline. `why` says why not git, where that was wanted.
    Release { version: String, commit: String, why: Option<String> },
}

impl Baseline {
    /// Gives the commit that the branch starts from.
    pub fn commit(&self) -> &str {
        match self {
            Self::Git { commit, .. } | Self::Local { commit, .. } | Self::Release { commit, .. } => commit,
        }
    }
}

impl std::fmt::Display for Baseline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let short = |commit: &str| commit.get(..9).unwrap_or(commit).to_string();
        match self {
            Self::Git { url, commit } => write!(f, "{url} at {}", short(commit)),
            Self::Local { path, commit } => write!(f, "worktree of {} at {}", path.display(), short(commit)),
            Self::Release { version, why: None, .. } => write!(f, "release {version} of mlx-lm"),
            Self::Release { version, why: Some(why), .. } => write!(f, "release {version} of mlx-lm: {why}"),
        }
    }
}

/// A git remote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    pub name: String,
    pub url: String,
    /// A bare repository in the data folder, not a place on the network.
    pub local: bool,
}

/// The two remotes of the checkout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remotes {
    pub upstream: Remote,
    pub fork: Remote,
}

/// Versions in use, for every result. Unknown ones are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    pub python: String,
    pub mlx: String,
    /// Of the checkout, not of the environment's copy.
    pub mlx_lm: String,
    pub transformers: String,
    /// Hash of transformers' RECORD: the revision of the reference source.
    pub transformers_record: String,
    pub torch: String,
    pub uv: String,
}

/// The machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    pub chip: String,
    /// Bytes of memory.
    pub ram: u64,
    pub os: String,
}

/// Whose Python environment it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnvOwner {
    /// Built by setup from the lock.
    Mlxport,
    /// Named by the person; used as it is, nothing is written to it.
    Person,
}

/// A workspace that is ready for work. Saved as `workspace.json` in the data folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    pub schema: u32,
    pub home: PathBuf,
    /// The environment's interpreter.
    pub python: PathBuf,
    pub uv: Option<PathBuf>,
    pub env_dir: PathBuf,
    pub env_owner: EnvOwner,
    /// SHA-256 of the requirements that the environment was built from.
    pub lock: String,
    /// The checkout of mlx-lm: the folder that holds `mlx_lm/`.
    pub checkout: PathBuf,
    /// The branch checked out; empty when HEAD is detached.
    pub branch: String,
    pub baseline: Baseline,
    pub remotes: Remotes,
    /// The folder that holds `models/`, inside the environment.
    pub transformers_dir: PathBuf,
    pub versions: Versions,
    pub machine: Machine,
}

impl Workspace {
    /// Gives the port's file in the checkout.
    pub fn port_file(&self, model_type: &str) -> PathBuf {
        self.checkout.join("mlx_lm/models").join(format!("{model_type}.py"))
    }

    /// Gives upstream's test file of models.
    pub fn test_file(&self) -> PathBuf {
        self.checkout.join("tests/test_models.py")
    }

    /// Gives the model type that the branch is about.
    pub fn model_type(&self) -> Option<&str> {
        self.branch.strip_prefix("add-")
    }
}

/// A step of setup, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepId {
    Preflight,
    Uv,
    Python,
    Packages,
    Compile,
    Checkout,
    Branch,
    Link,
    Probe,
}

impl StepId {
    /// All steps, in order.
    pub const ALL: [Self; 9] = [
        Self::Preflight,
        Self::Uv,
        Self::Python,
        Self::Packages,
        Self::Compile,
        Self::Checkout,
        Self::Branch,
        Self::Link,
        Self::Probe,
    ];

    /// Gives what the step does, for a row of the screen.
    pub fn label(self) -> &'static str {
        match self {
            Self::Preflight => "Check disk, folders and git",
            Self::Uv => "Find or install uv",
            Self::Python => "Make a Python environment",
            Self::Packages => "Install the locked packages",
            Self::Compile => "Compile the packages",
            Self::Checkout => "Check out mlx-lm",
            Self::Branch => "Make the branch",
            Self::Link => "Make mlx-lm importable from the checkout",
            Self::Probe => "Run mlx, torch and transformers once",
        }
    }
}

/// How far a step is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum StepState {
    Todo,
    Running,
    /// With what came of it, in a few words.
    Done {
        note: String,
    },
    Failed {
        report: Report,
    },
    /// Not needed, with the reason.
    Skipped {
        reason: String,
    },
}

/// Bytes of a running step, measured on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bytes {
    pub done: u64,
    /// What the whole step is expected to take.
    pub total: u64,
    /// Bytes a second over the last seconds.
    pub rate: u64,
    pub seconds_left: Option<u64>,
}

/// What happens during setup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum SetupEvent {
    /// The steps to come, and what they will cost: about this many bytes and seconds.
    Plan {
        steps: Vec<StepId>,
        bytes: u64,
        seconds: u64,
    },
    Step {
        step: StepId,
        state: StepState,
        elapsed_ms: u64,
    },
    Progress {
        step: StepId,
        bytes: Bytes,
    },
    /// A line of uv's, git's or pip's own. Untrusted text.
    Line {
        step: StepId,
        text: String,
    },
    /// Another process is building; this one waits.
    Waiting {
        step: StepId,
        text: String,
    },
    Finished {
        workspace: Box<Workspace>,
        elapsed_ms: u64,
    },
    Ended {
        report: Report,
    },
}

/// What setup is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetupRequest {
    /// Makes or opens the branch `add-<model_type>`.
    pub model_type: Option<String>,
}

/// A port of the same model type that exists already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Duplicate {
    /// The commit that the work starts from has it.
    Upstream { path: String, commit: String },
    /// A branch has it, and not as upstream does.
    Branch { name: String, commit: String, subject: String, time: i64 },
}

/// The files that may be edited: the port and its test, relative to the checkout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowList {
    pub(super) checkout: PathBuf,
    pub(super) files: Vec<PathBuf>,
    pub(super) backups: PathBuf,
}

impl AllowList {
    /// Allows the port of one model type and upstream's model tests.
    pub fn for_port(workspace: &Workspace, model_type: &str, session: &str) -> Self {
        let port = Path::new("mlx_lm/models").join(format!("{model_type}.py"));
        Self {
            checkout: workspace.checkout.clone(),
            files: vec![port, "tests/test_models.py".into()],
            backups: workspace.home.join("cache/backups").join(session),
        }
    }

    /// Allows one more file below a folder: a shared file of mlx-lm, or the person's lessons, once they have said so.
    pub fn one(folder: &Path, file: &str, backups: PathBuf) -> Self {
        Self { checkout: folder.to_path_buf(), files: vec![file.into()], backups }
    }

    /// Lists the allowed files, relative to the checkout.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }
}

/// What an edit left behind; enough to undo it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditReceipt {
    pub path: PathBuf,
    /// The bytes before; none when the file is new.
    pub backup: Option<PathBuf>,
    pub old_sha: Option<String>,
    pub new_sha: String,
}
