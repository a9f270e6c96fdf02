//! One Python environment for all tests, really built by the program's own setup, and cheap workspaces that share it.
//!
//! It lies in `target/mlxport-test`, or where `MLXPORT_TEST_ENV` points: to a data folder (built there if need be) or to
//! an existing environment. The first test that asks builds it (5.4 GB, minutes); others wait for the file lock.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use mlxport::config::{Env, Flags, Home, Settings};
use mlxport::port::data::{Baseline, Remote, Remotes};
use mlxport::port::{SetupRequest, Workspace, open_branch, setup};
use mlxport::util::fs::{create_dir, write_atomic};
use mlxport::util::sink::discard;
use tokio_util::sync::CancellationToken;

static SHARED: OnceLock<Workspace> = OnceLock::new();

/// Gives the shared workspace: read its environment, write nothing into it.
pub fn shared() -> &'static Workspace {
    SHARED.get_or_init(build)
}

/// Gives the data folder of the shared workspace.
pub fn test_home() -> Home {
    Home::at(&shared().home)
}

#[allow(dead_code, reason = "each area uses what it needs")]
/// A data folder of one test: its own checkout and remotes, the shared environment. Removed when dropped.
pub struct TestWorkspace {
    pub workspace: Workspace,
    pub settings: Settings,
    _folder: tempfile::TempDir,
}

impl TestWorkspace {
    pub fn home(&self) -> Home {
        Home::at(&self.workspace.home)
    }
}

/// Makes a workspace on the branch `add-<model_type>`, from the shared baseline.
pub fn test_workspace(model_type: &str) -> TestWorkspace {
    let shared = shared();
    let folder = tempfile::Builder::new().prefix("mlxport-").tempdir().expect("a temporary folder");
    let root = folder.path().canonicalize().expect("a real path");
    let home = Home::at(&root);
    for made in [home.checkouts(), home.cache(), home.results(), home.sessions()] {
        create_dir(&made).expect("a folder");
    }
    let (checkout, upstream, fork) = (
        home.checkouts().join("mlx-lm"),
        home.checkouts().join("upstream.git"),
        home.checkouts().join("fork.git"),
    );
    let url = |path: &Path| format!("file://{}", path.display());
    git(
        &shared.checkout,
        &["clone", "--quiet", "--bare", "--single-branch", "-b", "main", ".", &text(&upstream)],
    );
    git(&upstream, &["clone", "--quiet", "--bare", ".", &text(&fork)]);
    git(&root, &["clone", "--quiet", "--origin", "upstream", &url(&upstream), &text(&checkout)]);
    git(&checkout, &["remote", "add", "fork", &url(&fork)]);
    for file in ["mlx_lm/_version.py", ".git/info/exclude"] {
        let bytes = std::fs::read(shared.checkout.join(file)).expect("a file that setup wrote");
        write_atomic(&checkout.join(file), &bytes).expect("a copy");
    }
    let workspace = Workspace {
        home: root.clone(),
        checkout,
        branch: "main".into(),
        remotes: Remotes {
            upstream: Remote { name: "upstream".into(), url: url(&upstream), local: true },
            fork: Remote { name: "fork".into(), url: url(&fork), local: true },
        },
        ..shared.clone()
    };
    let settings = settings(&root);
    let opened = runtime().block_on(open_branch(&settings, &workspace, model_type));
    TestWorkspace { workspace: opened.expect("a branch"), settings, _folder: folder }
}

/// Gives the settings of a data folder, with the program under test as the program.
pub fn settings(home: &Path) -> Settings {
    let flags = Flags { home: Some(home.to_path_buf()), mlx_lm: Some("pypi".into()), ..Flags::default() };
    let mut settings = Settings::load(flags, &Env::from_process()).expect("settings");
    settings.exe = PathBuf::from(env!("CARGO_BIN_EXE_mlxport"));
    settings
}

fn build() -> Workspace {
    let default =
        Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a target folder").join("mlxport-test");
    let named = Env::from_process().get("MLXPORT_TEST_ENV").map(PathBuf::from);
    let (home, python) = match named {
        Some(folder) if folder.join("bin/python").exists() => (default, Some(folder.join("bin/python"))),
        Some(folder) => (folder, None),
        None => (default, None),
    };
    create_dir(&home).expect("the folder of the shared environment");
    let mut settings = settings(&home);
    settings.env_python.value = python;
    let request = SetupRequest { model_type: None };
    let built = runtime().block_on(setup(&settings, request, discard(), CancellationToken::new()));
    let workspace = built.unwrap_or_else(|error| panic!("the shared environment cannot be built: {error}"));
    assert!(
        matches!(workspace.baseline, Baseline::Release { .. }),
        "the shared baseline is the pinned release"
    );
    workspace
}

/// Makes a runtime for one call; tests are not asynchronous here.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
}

/// Runs git in a folder without the person's configuration and gives what it printed.
pub fn git(folder: &Path, args: &[&str]) -> String {
    let who = ["-c", "user.name=Test Person", "-c", "user.email=person@example.invalid"];
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(who)
        .args(args)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .expect("git");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {args:?}: {said}");
    String::from_utf8_lossy(&output.stdout).trim_end().to_string()
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
