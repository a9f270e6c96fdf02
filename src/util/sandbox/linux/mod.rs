//! Linux: what a process does to itself before it becomes the child. Order matters: the network needs privileges, the
//! rules need paths, and the system call filter comes last because it forbids the calls before it.

mod calls;
mod files;
mod filter;
mod network;

use std::path::Path;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getppid};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

use super::error::SandboxError;
use super::spec::{Profile, Sandbox};
use super::{close, limits};

/// Restricts this process and everything it will start. It must have one thread.
pub fn restrict(sandbox: &Sandbox, parent: Pid, program: &Path) -> Result<(), SandboxError> {
    close::inherited();
    die_with(parent)?;
    volunteer();
    if sandbox.profile == Profile::Loopback {
        network::isolate().map_err(SandboxError::Network)?;
    }
    limits::apply(&sandbox.limits)?;
    files::restrict(sandbox, program)?;
    give_up_privileges()?;
    filter::install(sandbox.profile, parent)
}

fn die_with(parent: Pid) -> Result<(), SandboxError> {
    let failed = |source| SandboxError::Limit { what: "outliving its parent", source };
    set_pdeathsig(Signal::SIGKILL).map_err(|errno| failed(errno.into()))?;
    match getppid() == parent {
        true => Ok(()),
        false => Err(SandboxError::Orphan(parent)),
    }
}

/// Asks the kernel to end the child, not the screen, when memory runs out. A kernel that refuses keeps its own order.
#[expect(clippy::disallowed_methods, reason = "a kernel setting, not a file that someone reads")]
fn volunteer() {
    let _ = std::fs::write("/proc/self/oom_score_adj", "700");
}

/// Root without capabilities: it cannot raise its limits, make devices or read what its user may not.
fn give_up_privileges() -> Result<(), SandboxError> {
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    set_capabilities(None, sets).map_err(|errno| SandboxError::Privileges(errno.into()))
}
