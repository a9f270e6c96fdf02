//! Stopping a job and everything it started.

use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::sleep;

use super::data::{Ending, JobDir, State};
use super::error::JobError;
use super::events::{Line, Writer};
use super::follow::{is_alive, spec_of, state};
use super::identity::{Identity, session};
use crate::util::fs::read_text;

const LOOK: Duration = Duration::from_millis(50);
/// How long the job may take to stop its own children: 5 s.
const POLITE: u32 = 100;
const ROUNDS: u32 = 100;

/// Stops a job: asks it, then kills every process of its session, whatever groups they made. A job that has ended is
/// left as it is. A number that now means another process is never signalled.
pub async fn cancel(dir: &JobDir) -> Result<(), JobError> {
    spec_of(dir)?;
    let Some(job) = identity(dir)? else { return Ok(()) };
    if !is_alive(dir) || !job.lives() {
        return Ok(());
    }
    send(job.pid, Signal::SIGTERM)?;
    for _ in 0..POLITE {
        if !is_alive(dir) {
            break;
        }
        sleep(LOOK).await;
    }
    sweep(dir, &job).await?;
    match state(dir)? {
        State::Ended(Ending::Died { .. }) => {
            let events = dir.events();
            Ok(Writer::open(&events)?.append(Line::End(Ending::Cancelled), &events)?)
        }
        _ => Ok(()),
    }
}

/// Kills until nobody is left: a process may start another while the first ones die.
async fn sweep(dir: &JobDir, job: &Identity) -> Result<(), JobError> {
    for _ in 0..ROUNDS {
        let members = session(job.pid).await;
        if members.is_empty() && !is_alive(dir) {
            return Ok(());
        }
        for member in members {
            send(member.as_raw(), Signal::SIGKILL)?;
        }
        sleep(LOOK).await;
    }
    Err(JobError::Immortal)
}

fn identity(dir: &JobDir) -> Result<Option<Identity>, JobError> {
    if !dir.pid().exists() {
        return Ok(None);
    }
    let parsed = serde_json::from_str(&read_text(&dir.pid())?);
    parsed.map(Some).map_err(|error| JobError::Malformed { path: dir.pid(), text: error.to_string() })
}

fn send(pid: i32, signal: Signal) -> Result<(), JobError> {
    match kill(Pid::from_raw(pid), signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(errno) => Err(JobError::Kill { pid, source: errno.into() }),
    }
}
