//! Limits that each process of the sandbox inherits.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::error::SandboxError;
use super::spec::Limits;

const MIB: u64 = 1 << 20;
/// mlx-lm raises its soft limit to 2048 and its hard limit to 4096 at import.
const OPEN_FILES: u64 = 4096;
/// Seconds between the signal that a program may handle and the one that it may not.
const CPU_GRACE: u64 = 2;

/// Sets the limits of this process and all it starts.
pub fn apply(limits: &Limits) -> Result<(), SandboxError> {
    lower("core files", Resource::RLIMIT_CORE, 0)?;
    lower("open files", Resource::RLIMIT_NOFILE, OPEN_FILES)?;
    lower("file size", Resource::RLIMIT_FSIZE, limits.file_mb.saturating_mul(MIB))?;
    if let Some(mem_mb) = limits.mem_mb {
        lower("memory", Resource::RLIMIT_DATA, mem_mb.saturating_mul(MIB))?;
    }
    if let Some(cpu_s) = limits.cpu_s {
        set("processor time", Resource::RLIMIT_CPU, (cpu_s, cpu_s.saturating_add(CPU_GRACE)))?;
    }
    #[cfg(target_os = "linux")]
    lower("processes", Resource::RLIMIT_NPROC, limits.procs.saturating_add(running()))?;
    Ok(())
}

/// Counts the machine's processes and threads: the limit counts all of the person's, and they are among these.
#[cfg(target_os = "linux")]
fn running() -> u64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let total = text.split_whitespace().nth(3).and_then(|part| part.split_once('/')).map(|(_, total)| total);
    total.and_then(|total| total.parse().ok()).unwrap_or(4096)
}

fn lower(what: &'static str, resource: Resource, limit: u64) -> Result<(), SandboxError> {
    set(what, resource, (limit, limit))
}

/// Never raises a limit that is already lower.
fn set(what: &'static str, resource: Resource, (soft, hard): (u64, u64)) -> Result<(), SandboxError> {
    let failed = |errno: nix::Error| SandboxError::Limit { what, source: errno.into() };
    let (_, now) = getrlimit(resource).map_err(failed)?;
    setrlimit(resource, soft.min(now), hard.min(now)).map_err(failed)
}
