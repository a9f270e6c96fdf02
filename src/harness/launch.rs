//! Where the worker runs and what it is allowed: the interpreter, the folders on its path, its environment and its
//! sandbox. Every process that can import the checkout is started from here.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::data::{FamilyRequest, Sockets};
use super::embed;
use super::error::HarnessError;
use crate::config::Home;
use crate::port::data::Workspace;
use crate::util::process::Command;
use crate::util::sandbox::{Profile, Sandbox};

/// How the worker makes a fresh process for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Forks from a parent that has imported everything and evaluated nothing.
    Fork,
    /// Keeps one-shot processes ready: forked children of a Metal process crash.
    Spare,
}

impl Strategy {
    /// Gives the strategy that this platform can use.
    pub fn native() -> Self {
        if cfg!(target_os = "macos") { Self::Spare } else { Self::Fork }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Fork => "fork",
            Self::Spare => "spare",
        }
    }
}

/// What a worker may do besides what every worker may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    pub reads: Vec<PathBuf>,
    pub writes: Vec<PathBuf>,
    pub sockets: Sockets,
}

impl Access {
    /// Lets a bench meter the processes that it starts. What others hold (environment, memory) stays shut: Landlock refuses
    /// it to a process outside their domain, whoever runs it.
    pub fn metering(mut self) -> Self {
        self.reads.push("/proc".into());
        self
    }
}

/// The folders and programs that a worker needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// This program, which starts the worker inside the sandbox.
    pub program: PathBuf,
    /// The environment's interpreter.
    pub python: PathBuf,
    /// The folder that holds the package `mlxport_harness`; see [`super::embed::unpack`].
    pub package: PathBuf,
    /// The checkout of mlx-lm: the folder that holds `mlx_lm/`.
    pub mlx_lm: PathBuf,
    /// The data folder's results.
    pub results: PathBuf,
    /// The data folder's cache; the worker writes below `cache/harness` and nowhere else.
    pub cache: PathBuf,
    pub strategy: Strategy,
    /// What no worker may read, although it lies in its environment.
    pub hidden: Vec<PathBuf>,
}

impl Site {
    /// Takes a workspace; unpacks this program's own harness where that has not been done.
    pub fn of(program: PathBuf, workspace: &Workspace) -> Result<Self, HarnessError> {
        let home = Home::at(&workspace.home);
        Ok(Self {
            program,
            python: workspace.python.clone(),
            package: embed::unpack(&home.cache())?,
            mlx_lm: workspace.checkout.clone(),
            results: home.results(),
            cache: home.cache(),
            strategy: Strategy::native(),
            hidden: Vec::new(),
        })
    }

    /// Gives the checkout's file for a model type.
    pub fn port_of(&self, model_type: &str) -> PathBuf {
        self.mlx_lm.join("mlx_lm/models").join(format!("{model_type}.py"))
    }

    /// Reference states, shared by all runs.
    pub fn states(&self) -> PathBuf {
        self.work().join("states")
    }

    /// The folder that a run may write, emptied after it.
    pub fn scratch(&self, run_id: &str) -> PathBuf {
        self.runs().join(run_id)
    }

    /// The folders of the runs at work.
    pub fn runs(&self) -> PathBuf {
        self.work().join("runs")
    }

    /// A folder that outlasts runs, for a bench that goes on where it was cut.
    pub fn kept(&self, name: &str) -> PathBuf {
        self.work().join(name)
    }

    fn work(&self) -> PathBuf {
        self.cache.join("harness")
    }

    /// Builds the worker's command line. It reads its interpreter, the harness and the checkout, and writes its own
    /// folder below the cache; it has no sockets, no keys and nothing of the person's.
    pub fn worker(&self) -> Command {
        self.start(&Access::default(), &["serve", "--strategy", self.strategy.name()])
    }

    /// Builds the command line of a worker that may also do what a request needs.
    pub fn worker_for(&self, request: &FamilyRequest) -> Command {
        let (reads, writes) = (request.reads.clone(), request.writes.clone());
        let access = Access { reads, writes, sockets: request.sockets };
        self.start(&access, &["serve", "--strategy", self.strategy.name()])
    }

    /// Builds the command line of the package itself, for what it does without a worker's protocol.
    pub fn package(&self, args: &[String], access: &Access) -> Command {
        self.start(access, args)
    }

    fn start(&self, access: &Access, args: &[impl AsRef<OsStr>]) -> Command {
        let path = [&self.package, &self.mlx_lm].map(|folder| folder.to_string_lossy()).join(":");
        let profile = match access.sockets {
            Sockets::None => Profile::None,
            Sockets::Loopback => Profile::Loopback,
        };
        let mut sandbox = self.inside(&path, profile);
        for folder in &access.reads {
            sandbox = sandbox.read(folder);
            // A Hub cache's snapshot is links into its blobs, which come along.
            let snapshots = folder.parent().filter(|parent| parent.ends_with("snapshots"));
            if let Some(repository) = snapshots.and_then(Path::parent) {
                sandbox = sandbox.read(repository.join("blobs"));
            }
        }
        for folder in &access.writes {
            sandbox = sandbox.write(folder);
        }
        sandbox
            .command(&self.program, &self.python)
            .args(["-m", "mlxport_harness"])
            .args(args)
            .cwd(self.work())
    }

    fn inside(&self, path: &str, profile: Profile) -> Sandbox {
        let environment = self.python.parent().and_then(Path::parent).unwrap_or(&self.python);
        let sandbox = Sandbox::new(profile)
            .python(environment)
            .read(&self.package)
            .read(&self.mlx_lm)
            .write(self.work())
            .env("TMPDIR", self.runs())
            .env("PYTHONPATH", path);
        let settings = [
            ("MLX_ENABLE_TF32", "0"),
            ("HF_HUB_OFFLINE", "1"),
            ("TRANSFORMERS_OFFLINE", "1"),
            ("TOKENIZERS_PARALLELISM", "false"),
            ("PYTHONDONTWRITEBYTECODE", "1"),
            ("PYTHONSAFEPATH", "1"),
        ];
        let sandbox = self.hidden.iter().fold(sandbox, |sandbox, path| sandbox.hide(path));
        settings.into_iter().fold(sandbox, |sandbox, (key, value)| sandbox.env(key, value))
    }
}
