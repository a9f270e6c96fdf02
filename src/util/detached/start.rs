//! Starting a job's process and letting go of it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::unistd::getpgrp;
use tokio::time::sleep;

use super::data::{JobDir, JobSpec};
use super::error::JobError;
use super::follow::last_words;
use crate::util::fs::{create_dir, open_append, write_atomic};
use crate::util::id::new_id;
use crate::util::process::Command;

const LOOK: Duration = Duration::from_millis(20);
const LOOKS: u32 = 1500;

/// Starts a job and returns when its process owns its folder, a new one under `results`. `exe` is this program.
pub async fn start(results: &Path, exe: &Path, spec: &JobSpec) -> Result<JobDir, JobError> {
    let dir = JobDir::of(results, &new_id());
    create_dir(dir.path())?;
    let text = serde_json::to_vec_pretty(spec)
        .map_err(|error| JobError::Malformed { path: dir.spec(), text: error.to_string() })?;
    write_atomic(&dir.spec(), &text)?;
    let log = open_append(&dir.log())?;
    let again = log.try_clone().map_err(|source| JobError::Start { source })?;
    let command = Command::new(exe).arg("--home").arg(&spec.home).arg("__job").arg(dir.id()).cwd(dir.path());
    // No job talks to a language model.
    let command = command.env_remove("MLXPORT_API_KEY");
    let mut command = command.to_tokio();
    // In our group until it makes a session of its own, which a group's leader cannot.
    command.process_group(getpgrp().as_raw()).kill_on_drop(false);
    command.stdin(Stdio::null()).stdout(log).stderr(again);
    let mut child = command.spawn().map_err(|source| JobError::Start { source })?;
    for _ in 0..LOOKS {
        if dir.pid().exists() {
            return Ok(dir);
        }
        if let Ok(Some(_)) = child.try_wait() {
            break;
        }
        sleep(LOOK).await;
    }
    let _ = child.start_kill();
    Err(JobError::Stillborn { tail: last_words(&dir) })
}
