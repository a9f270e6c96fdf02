//! A small world for setup: a data folder, stand-ins for uv and git on PATH that can hold or fail at a named moment, and
//! a tiny repository instead of mlx-lm. The real uv and the real packages build the shared environment of the tests.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use mlxport::util::fs::{create_dir, write_atomic};

use crate::support::env::git;

const PATIENCE: Duration = Duration::from_secs(60);

/// Stands for uv. `at MOMENT` holds while `hold/MOMENT` exists and fails when `fail/MOMENT` does.
const UV: &str = r#"#!/bin/sh
. "$WORLD/at.sh"
env > "$WORLD/seen-by-uv"
for last; do :; done
case "$1 $2" in
"--version ") at uv; echo "uv 9.9.9" ;;
"python find") at python; [ -e "$WORLD/no-python" ] && exit 2; echo /usr/bin/python3 ;;
"python install") echo "error: no download for this platform" >&2; exit 2 ;;
"venv "*) mkdir -p "$last/bin" "$last/lib/python3.12/site-packages"; cp "$WORLD/python" "$last/bin/python" ;;
"pip sync") case "$*" in *--compile-bytecode*) at compile ;; *) at packages ;; esac ;;
*) echo "unexpected: $*" >&2; exit 9 ;;
esac
"#;

/// Stands for the environment's interpreter: answers the probe.
const PYTHON: &str = r#"#!/bin/sh
. "$WORLD/at.sh"
at probe
echo '{"python":"3.12.1","mlx":"1","torch":"2","transformers":"5","transformers_record":"ab","transformers_dir":"/t","errors":[]}'
"#;

/// The real git, with moments.
const GIT: &str = r#"#!/bin/sh
. "$WORLD/at.sh"
case " $* " in
*" --version "*) at preflight ;;
*" clone "*) at checkout ;;
*" switch "*) at branch ;;
*" describe "*) at link ;;
esac
exec "$REAL_GIT" "$@"
"#;

const AT: &str = r#"at() {
  if [ -e "$WORLD/hold/$1" ]; then : > "$WORLD/held"; while [ -e "$WORLD/hold/$1" ]; do sleep 0.05; done; exit 1; fi
  if [ -e "$WORLD/fail/$1" ]; then cat "$WORLD/fail/$1" >&2; exit 7; fi
}
"#;

/// What a run of the program left.
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

pub struct World {
    folder: tempfile::TempDir,
    pub home: PathBuf,
    /// A bare repository that looks like mlx-lm.
    pub origin: PathBuf,
    vars: Vec<(String, String)>,
    path: Vec<PathBuf>,
}

impl World {
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("mlxport-").tempdir().expect("a temporary folder");
        let root = folder.path().canonicalize().expect("a real path");
        let (home, origin) = (root.join("home"), root.join("origin.git"));
        for name in ["home", "hold", "fail", "bin"] {
            create_dir(&root.join(name)).expect("a folder");
        }
        write_atomic(&root.join("at.sh"), AT.as_bytes()).expect("a script");
        for (name, text) in [("bin/uv", UV), ("bin/git", GIT), ("python", PYTHON)] {
            program(&root.join(name), text);
        }
        let seed = root.join("seed");
        repository(&seed);
        git(&seed, &["clone", "--quiet", "--bare", ".", &origin.to_string_lossy()]);
        let path = vec![root.join("bin"), "/usr/bin".into(), "/bin".into()];
        Self { folder, home, origin, vars: Vec::new(), path }
    }

    pub fn root(&self) -> PathBuf {
        self.folder.path().canonicalize().expect("a real path")
    }

    pub fn url(&self) -> String {
        format!("file://{}", self.origin.display())
    }

    /// Sets a variable for all runs.
    pub fn var(mut self, key: &str, value: &str) -> Self {
        self.vars.push((key.into(), value.into()));
        self
    }

    /// Replaces PATH by one folder that holds these programs alone, each a name and a script or a real file.
    pub fn only(mut self, programs: &[(&str, &str)]) -> Self {
        let bin = self.root().join("only");
        create_dir(&bin).expect("a folder");
        for (name, text) in programs {
            match text.strip_prefix("link:") {
                Some(real) => std::os::unix::fs::symlink(real, bin.join(name)).expect("a link"),
                None => program(&bin.join(name), text),
            }
        }
        self.path = vec![bin];
        self
    }

    pub fn config(&self, text: &str) {
        write_atomic(&self.home.join("config.toml"), text.as_bytes()).expect("a config file");
    }

    pub fn hold(&self, moment: &str) {
        let _ = std::fs::remove_file(self.root().join("held"));
        write_atomic(&self.root().join("hold").join(moment), b"").expect("a mark");
    }

    pub fn release(&self, moment: &str) {
        std::fs::remove_file(self.root().join("hold").join(moment)).expect("a mark");
    }

    pub fn fail(&self, moment: &str, words: &str) {
        write_atomic(&self.root().join("fail").join(moment), words.as_bytes()).expect("a mark");
    }

    pub fn mend(&self, moment: &str) {
        std::fs::remove_file(self.root().join("fail").join(moment)).expect("a mark");
    }

    pub fn wait_held(&self) {
        wait("the held moment", || self.root().join("held").exists());
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mlxport"));
        let path = std::env::join_paths(&self.path).expect("a search path");
        command.env_clear().env("PATH", path).env("HOME", self.root()).env("WORLD", self.root());
        command
            .env("REAL_GIT", real_git())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1");
        command.envs(self.vars.iter().cloned()).arg("--home").arg(&self.home).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        self.command(args).output().expect("the program").into()
    }

    pub fn start(&self, args: &[&str]) -> Child {
        self.command(args).spawn().expect("the program")
    }

    /// Sets up from the tiny repository.
    pub fn setup(&self) -> Ran {
        self.run(&["setup", "arcee", "--mlx-lm", &self.url()])
    }

    /// Kills the process of the job that runs, as a power cut would.
    pub fn kill_job(&self) {
        let pid = self.job_pid();
        let killed = Command::new("kill").args(["-9", &pid]).status().expect("kill");
        assert!(killed.success(), "no process {pid}");
    }

    /// Gives the folders of all jobs.
    pub fn jobs(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.home.join("results")).into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> =
            entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
        found.sort();
        found
    }

    fn job_pid(&self) -> String {
        let last = self.jobs().pop().expect("a job");
        let text = std::fs::read_to_string(last.join("pid")).expect("the job's pid");
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        value["pid"].to_string()
    }
}

/// Waits until something holds.
pub fn wait(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Makes a repository that looks like mlx-lm, with one commit on main.
pub fn repository(folder: &Path) {
    for (name, text) in
        [("mlx_lm/models/llama.py", "A = 1\n"), ("tests/test_models.py", "B = 1\n"), ("README.md", "x\n")]
    {
        write_atomic(&folder.join(name), text.as_bytes()).expect("a file");
    }
    git(folder, &["init", "--quiet", "-b", "main"]);
    git(folder, &["add", "--all"]);
    git(folder, &["commit", "--quiet", "-m", "one"]);
}

fn program(path: &Path, text: &str) {
    write_atomic(path, text.as_bytes()).expect("a script");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("permissions");
}

pub fn real_git() -> String {
    let output = Command::new("sh").args(["-c", "command -v git"]).output().expect("sh");
    String::from_utf8_lossy(&output.stdout).trim().to_string()
}
