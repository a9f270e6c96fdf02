//! The inside of `mlxport __sandbox`: restrict this process, then become the child.

use std::convert::Infallible;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use nix::unistd::{Pid, getppid};

use super::error::SandboxError;
use super::spec::Sandbox;

/// Restricts this process and becomes `program`, if `parent` still is what started it. Returns only when something failed, and then the process is of no
/// further use: it may be half restricted.
pub fn enter(
    sandbox: &Sandbox,
    parent: Pid,
    program: &Path,
    arguments: &[OsString],
) -> Result<Infallible, SandboxError> {
    if getppid() != parent {
        return Err(SandboxError::Orphan(parent));
    }
    let program = find(program);
    let (program, arguments) = restrict(sandbox, parent, program, arguments)?;
    Err(SandboxError::Start { source: become_child(sandbox, &program, &arguments), program })
}

#[cfg(target_os = "linux")]
fn restrict(
    sandbox: &Sandbox,
    parent: Pid,
    program: PathBuf,
    arguments: &[OsString],
) -> Result<(PathBuf, Vec<OsString>), SandboxError> {
    super::linux::restrict(sandbox, parent, &program)?;
    Ok((program, arguments.to_vec()))
}

/// Apple's own tool applies the profile and then becomes the child.
#[cfg(target_os = "macos")]
fn restrict(
    sandbox: &Sandbox,
    _: Pid,
    program: PathBuf,
    arguments: &[OsString],
) -> Result<(PathBuf, Vec<OsString>), SandboxError> {
    super::close::inherited();
    super::limits::apply(&sandbox.limits)?;
    let mut wrapped: Vec<OsString> = vec!["-p".into(), super::seatbelt::profile(sandbox, &program).into()];
    wrapped.push(program.into_os_string());
    wrapped.extend_from_slice(arguments);
    Ok((PathBuf::from("/usr/bin/sandbox-exec"), wrapped))
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn restrict(
    _: &Sandbox,
    _: Pid,
    _: PathBuf,
    _: &[OsString],
) -> Result<(PathBuf, Vec<OsString>), SandboxError> {
    Err(SandboxError::Platform)
}

/// Gives a bare name's file, so that the rules can name it.
fn find(program: &Path) -> PathBuf {
    if program.components().count() > 1 {
        return program.to_path_buf();
    }
    let places = ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(program));
    places.into_iter().find(|path| path.exists()).unwrap_or_else(|| program.to_path_buf())
}

#[expect(
    clippy::disallowed_methods,
    reason = "this process becomes the child; there is nothing left to supervise it"
)]
fn become_child(sandbox: &Sandbox, program: &Path, arguments: &[OsString]) -> std::io::Error {
    std::process::Command::new(program).args(arguments).env_clear().envs(sandbox.environment()).exec()
}
