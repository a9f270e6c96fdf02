//! What is to be done. Only `runtime` does it.

use std::path::PathBuf;

use super::Millis;
use super::job::JobId;
use super::pane::{chat, configs, harness, pr, source};
use super::{models, rewind, setup};
use crate::session::data::Entry;

/// Something for the runtime to do.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Start a job; its messages come back under this number.
    Start(JobId, Job),
    /// Cancel a job and kill what it started.
    Cancel(JobId),
    /// Add an entry to the session log.
    Record(Box<Entry>),
    /// An act that only the person may cause; the runtime does it only when a key (or, in the demo, a recorded act)
    /// caused this very update.
    Person(JobId, pr::PersonRequest),
    /// Copy text to the clipboard (OSC 52 over SSH).
    Copy(String),
    /// Open a file in `$EDITOR`, the terminal given to it meanwhile.
    Edit {
        path: PathBuf,
        line: usize,
    },
    /// Open the text of a proposal in `$EDITOR`; it comes back as [`chat::Msg::Edited`].
    EditText {
        call_id: String,
        /// The file's name, by which editors choose colours.
        name: String,
        text: String,
        line: usize,
    },
    /// Send a `Tick` at this moment.
    Wake(Millis),
    /// Tell the person although the terminal is not focused.
    Notify(String),
    /// Play the recording's next step of the person (demo only).
    NextRecorded,
    /// Draw everything again.
    Redraw,
    Suspend,
    Quit,
}

/// A job as data: which room's work, with what.
#[derive(Clone, Debug)]
pub enum Job {
    Setup(setup::Job),
    Rewind(rewind::Job),
    Models(models::Job),
    Chat(chat::Job),
    Source(source::Job),
    Harness(harness::Job),
    Configs(configs::Job),
    Discover(configs::discover::Job),
    Pr(pr::Job),
}
