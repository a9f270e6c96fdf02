//! A little world to escape into: a run folder, the person's home with a token, and python3 with or without a sandbox.

use std::ffi::OsString;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::OnceLock;

use mlxport::util::process::Command;
use mlxport::util::sandbox::{Profile, Sandbox};

pub const PYTHON: &str = "/usr/bin/python3";
pub const TOKEN: &str = "hf_planted_token";

/// Said by every script: `tried` prints `done` or the name of the error.
const PRELUDE: &str = "
import ctypes, errno, json, os, resource, signal, socket, subprocess, sys, time
def tried(act):
    try:
        act()
        print('done')
    except OSError as error:
        print(errno.errorcode.get(error.errno, error.errno))
def call(number, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) for a in arguments]) < 0:
        raise OSError(ctypes.get_errno(), 'call')
";

/// Who runs the child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    Myself,
    Nobody,
}

/// Gives everyone whom the tests can be: dropping to another user takes root.
pub fn users() -> Vec<User> {
    match nix::unistd::geteuid().is_root() {
        true => vec![User::Myself, User::Nobody],
        false => vec![User::Myself],
    }
}

/// Gives someone whom every limit binds: the kernel exempts root from some.
pub fn unprivileged() -> User {
    users().into_iter().last().expect("there is always oneself")
}

pub struct World {
    pub user: User,
    _folder: tempfile::TempDir,
    pub run: PathBuf,
    pub home: PathBuf,
}

impl World {
    pub fn new(user: User) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().canonicalize().expect("a real path");
        std::fs::set_permissions(&root, PermissionsExt::from_mode(0o755)).expect("open to all");
        let world = Self { user, run: root.join("run"), home: root.join("home"), _folder: folder };
        for path in [&world.run, &world.home] {
            std::fs::create_dir(path).expect("a folder");
        }
        mlxport::util::fs::write_atomic(&world.home.join("token"), TOKEN.as_bytes()).expect("a token");
        for path in [&world.run, &world.home, &world.home.join("token")] {
            if user == User::Nobody {
                chown(path, Some(65534), Some(65534)).expect("give away");
            }
        }
        world
    }

    pub fn sandbox(&self) -> Sandbox {
        Sandbox::new(Profile::None).write(&self.run).env("HOME", &self.home)
    }

    /// The command that runs a script in the sandbox.
    pub fn inside(&self, sandbox: &Sandbox, script: &str) -> Command {
        sandbox
            .command(program(), Path::new(PYTHON))
            .args(["-c", &format!("{PRELUDE}{script}")])
            .cwd(&self.run)
    }

    /// The command that runs the same script without it.
    pub fn outside(&self, script: &str) -> Command {
        let command = Command::new(PYTHON).args(["-c", &format!("{PRELUDE}{script}")]);
        command.clear_env().env("HOME", &self.home).cwd(&self.run)
    }

    /// Runs a script in the world's plain sandbox and gives the lines it printed.
    pub fn lines_inside(&self, script: &str) -> Vec<String> {
        lines(&self.output(&self.inside(&self.sandbox(), script)))
    }

    pub fn lines_outside(&self, script: &str) -> Vec<String> {
        lines(&self.output(&self.outside(script)))
    }

    pub fn output(&self, command: &Command) -> Output {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let _entered = runtime.enter();
        let mut command = command.to_tokio();
        if self.user == User::Nobody {
            command.uid(65534).gid(65534);
        }
        command.stdin(Stdio::null());
        runtime.block_on(command.output()).expect("a started child")
    }

    /// Gives what the person's home holds: names, modes, times, contents.
    pub fn home_state(&self) -> Vec<(PathBuf, u32, i64, Vec<u8>)> {
        let mut found: Vec<_> = std::fs::read_dir(&self.home)
            .expect("the home")
            .map(|entry| {
                let path = entry.expect("an entry").path();
                let meta = path.symlink_metadata().expect("metadata");
                let bytes = if meta.is_file() { std::fs::read(&path).expect("contents") } else { Vec::new() };
                (path, meta.mode(), meta.mtime(), bytes)
            })
            .collect();
        found.sort();
        found
    }
}

pub fn lines(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{:?} {text} {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    text.lines().map(str::to_string).collect()
}

/// Puts a command into a launcher's arguments. The environment that the command would clear is the launcher's to pass.
pub fn words(command: &Command) -> Vec<OsString> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let _entered = runtime.enter();
    let command = command.to_tokio();
    let std = command.as_std();
    std::iter::once(std.get_program()).chain(std.get_args()).map(OsString::from).collect()
}

/// A copy of the program that any user may run: the build folder may lie in a private home.
pub fn program() -> &'static Path {
    static COPY: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = COPY.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).expect("open to all");
        let path = folder.path().join("mlxport");
        std::fs::copy(env!("CARGO_BIN_EXE_mlxport"), &path).expect("a copy");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("open to all");
        (folder, path)
    });
    path
}
