//! The watcher's side: what a job is doing, and its events as they come. Nothing here can end a job.

use std::fs::OpenOptions;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::data::{Ending, JobDir, JobSpec, State};
use super::error::JobError;
use super::events::{Line, Reader};
use crate::util::fs::read_text;
use crate::util::sink::Sink;

const LOOK: Duration = Duration::from_millis(100);
/// A start that takes longer has failed.
const START: Duration = Duration::from_secs(60);
/// Without a heartbeat for this long a job counts as stalled.
const SILENCE: Duration = Duration::from_secs(30);
const LAST_LINES: usize = 20;

/// Why following ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Followed {
    /// The job ended.
    Ended(Ending),
    /// The follower was told to stop; the job goes on.
    Left,
}

/// Hands every event of a job to `sink`, the old ones first, until the job ends or `leave` is cancelled.
pub async fn follow(dir: &JobDir, sink: Sink<Value>, leave: CancellationToken) -> Result<Followed, JobError> {
    spec_of(dir)?;
    let mut reader = Reader::default();
    loop {
        // Asked before reading: what was written before it died is then still read.
        let gone = !is_coming(dir) && !is_alive(dir);
        for line in reader.more(&dir.events())? {
            match line {
                Line::Event(event) => sink(event),
                Line::End(ending) => return Ok(Followed::Ended(ending)),
            }
        }
        if gone {
            return Ok(Followed::Ended(Ending::Died { last_words: last_words(dir) }));
        }
        tokio::select! {
            () = sleep(LOOK) => {}
            () = leave.cancelled() => return Ok(Followed::Left),
        }
    }
}

/// Says what a job is doing.
pub fn state(dir: &JobDir) -> Result<State, JobError> {
    spec_of(dir)?;
    let alive = is_alive(dir);
    let ending = Reader::default().more(&dir.events())?.into_iter().find_map(|line| match line {
        Line::End(ending) => Some(ending),
        Line::Event(_) => None,
    });
    Ok(match ending {
        Some(ending) => State::Ended(ending),
        None if alive && age(&dir.heartbeat()) > SILENCE => State::Stalled,
        None if alive => State::Running,
        None if is_coming(dir) => State::Starting,
        None => State::Ended(Ending::Died { last_words: last_words(dir) }),
    })
}

/// Lists the jobs under the results folder, oldest first. A folder that is not a job is passed over.
pub fn list(results: &Path) -> Vec<(JobDir, JobSpec, State)> {
    let Ok(entries) = std::fs::read_dir(results) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    let job = |name: &String| {
        let dir = JobDir::of(results, name);
        Some((dir.clone(), spec_of(&dir).ok()?, state(&dir).ok()?))
    };
    names.iter().filter_map(job).collect()
}

pub(super) fn spec_of(dir: &JobDir) -> Result<JobSpec, JobError> {
    if !dir.spec().exists() {
        return Err(JobError::Missing { path: dir.path().to_path_buf() });
    }
    serde_json::from_str(&read_text(&dir.spec())?)
        .map_err(|error| JobError::Malformed { path: dir.spec(), text: error.to_string() })
}

/// Asks the kernel whether somebody holds the job's lock. Shared, so that two who ask do not see each other.
pub(super) fn is_alive(dir: &JobDir) -> bool {
    let Ok(file) = OpenOptions::new().read(true).open(dir.lock()) else { return false };
    file.try_lock_shared().is_err()
}

fn is_coming(dir: &JobDir) -> bool {
    !dir.pid().exists() && age(&dir.spec()) < START
}

fn age(path: &Path) -> Duration {
    let time = std::fs::metadata(path).and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    SystemTime::now().duration_since(time).unwrap_or_default()
}

/// Gives the last lines of a job's log.
pub(super) fn last_words(dir: &JobDir) -> String {
    let text = read_text(&dir.log()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
}
