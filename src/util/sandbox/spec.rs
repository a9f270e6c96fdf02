//! What a sandboxed child may do, as data, and as the flags of `mlxport __sandbox`.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::python;
use crate::util::process::Command;

/// Which sockets a child may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Profile {
    /// None at all; only a connected pair of the process's own.
    None,
    /// IPv4 and IPv6 in a network namespace that has a loopback device and nothing else.
    Loopback,
}

impl Profile {
    /// Names the profile as on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Loopback => "loopback",
        }
    }
}

/// How much of the machine each process of the sandbox may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Private writable memory, in MiB. Not the address space: torch maps far more than it uses.
    pub mem_mb: Option<u64>,
    /// Processor seconds.
    pub cpu_s: Option<u64>,
    /// Processes and threads beyond those the machine has now. The kernel exempts root.
    pub procs: u64,
    /// Size of one file, in MiB.
    pub file_mb: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { mem_mb: None, cpu_s: None, procs: 1024, file_mb: 16 << 10 }
    }
}

/// What a child may read, write, see and use. Everything else is refused to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sandbox {
    pub profile: Profile,
    pub read: Vec<PathBuf>,
    pub write: Vec<PathBuf>,
    /// What stays shut although a folder above it may be read.
    pub hidden: Vec<PathBuf>,
    pub env: Vec<(OsString, OsString)>,
    pub limits: Limits,
}

impl Sandbox {
    /// Allows nothing but the system's libraries.
    pub fn new(profile: Profile) -> Self {
        let (read, write, hidden) = (Vec::new(), Vec::new(), Vec::new());
        Self { profile, read, write, hidden, env: Vec::new(), limits: Limits::default() }
    }

    /// Lets the child read and run what is below a path. A path that does not exist is skipped.
    pub fn read(mut self, path: impl AsRef<Path>) -> Self {
        self.read.push(path.as_ref().to_path_buf());
        self
    }

    /// Lets the child read, write and run below a folder, which must exist when the child starts. The first such folder
    /// is also its `HOME` and `TMPDIR`, unless [`Sandbox::env`] says otherwise.
    pub fn write(mut self, folder: impl AsRef<Path>) -> Self {
        self.write.push(folder.as_ref().to_path_buf());
        self
    }

    /// Keeps a file or folder shut although what is above it may be read. Not inside a folder that may be written.
    pub fn hide(mut self, path: impl AsRef<Path>) -> Self {
        self.hidden.push(path.as_ref().to_path_buf());
        self
    }

    /// Lets the child read a Python environment and the installation it was made from.
    pub fn python(mut self, environment: impl AsRef<Path>) -> Self {
        self.read.extend(python::folders(environment.as_ref()));
        self
    }

    /// Sets one variable of the child. Nothing is inherited; a variable set on the finished command is not passed on.
    /// Never a key: the command line is public.
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((key.as_ref().to_os_string(), value.as_ref().to_os_string()));
        self
    }

    /// Caps each process's private writable memory, in MiB.
    pub fn mem_mb(mut self, limit: u64) -> Self {
        self.limits.mem_mb = Some(limit);
        self
    }

    /// Caps each process's processor time, in seconds.
    pub fn cpu_s(mut self, limit: u64) -> Self {
        self.limits.cpu_s = Some(limit);
        self
    }

    /// Caps processes and threads, beyond those the machine has when the child starts.
    pub fn procs(mut self, limit: u64) -> Self {
        self.limits.procs = limit;
        self
    }

    /// Caps the size of one written file, in MiB.
    pub fn file_mb(mut self, limit: u64) -> Self {
        self.limits.file_mb = limit;
        self
    }

    /// Makes the command that runs `program` inside; add the program's arguments to it. `exe` is this program's binary.
    /// The child dies with the thread that starts it: start it from a thread that outlives it.
    pub fn command(&self, exe: &Path, program: &Path) -> Command {
        let parent = std::process::id().to_string();
        let command = Command::new(exe).clear_env().arg("__sandbox").args(self.flags());
        // Named here, because a child that asks too late is told of whoever adopted it.
        command.arg("--parent").arg(parent).arg("--").arg(program)
    }

    fn flags(&self) -> Vec<OsString> {
        let mut flags: Vec<OsString> = vec![self.profile.name().into()];
        let mut pair = |flag: &str, value: &OsStr| flags.extend([OsString::from(flag), value.to_os_string()]);
        self.read.iter().for_each(|path| pair("--read", path.as_os_str()));
        self.write.iter().for_each(|path| pair("--write", path.as_os_str()));
        self.hidden.iter().for_each(|path| pair("--hide", path.as_os_str()));
        for (key, value) in self.environment() {
            let mut text = key;
            text.push("=");
            text.push(value);
            pair("--env", &text);
        }
        let numbers = [
            ("--mem-mb", self.limits.mem_mb),
            ("--cpu-s", self.limits.cpu_s),
            ("--procs", Some(self.limits.procs)),
            ("--file-mb", Some(self.limits.file_mb)),
        ];
        for (flag, value) in numbers {
            if let Some(value) = value {
                pair(flag, value.to_string().as_ref());
            }
        }
        flags
    }

    /// The child's whole environment: harmless defaults under what was set.
    pub(super) fn environment(&self) -> Vec<(OsString, OsString)> {
        let mut all: Vec<(OsString, OsString)> = Vec::new();
        let fixed =
            [("PATH", "/usr/bin:/bin"), ("LANG", "C.UTF-8"), ("USER", "mlxport"), ("LOGNAME", "mlxport")];
        all.extend(fixed.map(|(key, value)| (key.into(), value.into())));
        if let Some(folder) = self.write.first() {
            all.extend(["HOME", "TMPDIR"].map(|key| (key.into(), folder.clone().into_os_string())));
        }
        for (key, value) in &self.env {
            all.retain(|(old, _)| old != key);
            all.push((key.clone(), value.clone()));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sandbox_is_a_command_line_that_names_everything_allowed() {
        let sandbox =
            Sandbox::new(Profile::None).read("/opt/a").write("/run/b").env("A", "1").mem_mb(64).cpu_s(5);
        let shown = sandbox.command(Path::new("/bin/mlxport"), Path::new("/bin/true")).arg("x y").shown();
        let shown = shown.replace(&format!("--parent {}", std::process::id()), "--parent P");
        assert_eq!(
            shown,
            "/bin/mlxport __sandbox none --read /opt/a --write /run/b --env PATH=/usr/bin:/bin --env LANG=C.UTF-8 \
             --env USER=mlxport --env LOGNAME=mlxport --env HOME=/run/b --env TMPDIR=/run/b --env A=1 --mem-mb 64 \
             --cpu-s 5 --procs 1024 --file-mb 16384 --parent P -- /bin/true 'x y'"
        );
    }

    #[test]
    fn a_set_variable_replaces_the_default() {
        let sandbox = Sandbox::new(Profile::Loopback).write("/run/b").env("HOME", "/elsewhere");
        let shown = sandbox.command(Path::new("m"), Path::new("p")).shown();
        assert!(shown.contains("--env HOME=/elsewhere") && !shown.contains("HOME=/run/b"), "{shown}");
    }
}
