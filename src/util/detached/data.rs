//! What a job is on disk.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::util::blame::Report;

/// What a job shall do. It is written to a file that others may read: never a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobSpec {
    /// The data folder, passed on as `--home`.
    pub home: PathBuf,
    /// One of the kinds that `cli/job.rs` knows.
    pub kind: String,
    pub args: Value,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Ending {
    /// It did its work; the value is the kind's own.
    Done { value: Value },
    /// It could not.
    Failed { report: Report },
    /// A person stopped it.
    Cancelled,
    /// It is gone without a word: killed, crashed, or the machine was restarted. Holds the last lines of its log.
    Died { last_words: String },
}

/// What a job is doing now.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Its process was asked for and has not yet taken its folder.
    Starting,
    Running,
    /// It lives but has not moved for a while: stopped, or the machine slept.
    Stalled,
    Ended(Ending),
}

/// A job's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobDir {
    path: PathBuf,
}

impl JobDir {
    /// Names the folder of a job; nothing is created. `results` is the data folder's.
    pub fn of(results: &Path, id: &str) -> Self {
        Self { path: results.join(id) }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder's name.
    pub fn id(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    pub(super) fn spec(&self) -> PathBuf {
        self.path.join("job.json")
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.path.join("lock")
    }

    pub(super) fn pid(&self) -> PathBuf {
        self.path.join("pid")
    }

    pub(super) fn heartbeat(&self) -> PathBuf {
        self.path.join("heartbeat")
    }

    /// One line an event, oldest first; the last line of a finished job is its ending.
    pub fn events(&self) -> PathBuf {
        self.path.join("events.jsonl")
    }

    /// What the job wrote to stdout and stderr.
    pub fn log(&self) -> PathBuf {
        self.path.join("log")
    }
}
