//! Starting a session and coming back to one. [`open`] reads what the composer and the panes need, whatever the log's
//! size; [`history`] reads the whole log and is a job.

use serde_json::Value;

use super::data::{Earlier, Entry, Header, Line, Live, Restored, Summary, VERSION};
use super::error::SessionError;
use super::log::{self, Read1};
use super::redact::Redactor;
use super::state::State;
use super::writer::{Start, Writer, WriterEvent};
use crate::config::Home;
use crate::util::fs::{self, FileLock, FsError};
use crate::util::sink::Sink;

/// How much of the log's end is read at once: more than a screen of chat.
const RECENT_BYTES: u64 = 256 << 10;

/// A session that is open: its live state at once, the rest by [`history`].
pub struct Opened {
    pub header: Header,
    pub live: Live,
    pub summary: Summary,
    /// The last lines, for the first screen.
    pub recent: Vec<Line>,
    pub writer: Writer,
}

/// Starts a session. The header's `session` is its id, for instance of [`crate::util::id::new_id`].
pub fn create(
    home: &Home,
    header: Header,
    redactor: Redactor,
    events: Sink<WriterEvent>,
) -> Result<Writer, SessionError> {
    let folder = home.session(&header.session);
    fs::create_dir(&folder)?;
    let lock = locked(home, &header.session)?;
    // An id is used once: an existing log is another session's, and is not appended to.
    if folder.join("log.jsonl").exists() {
        return Err(SessionError::Busy { id: header.session });
    }
    let state = State { v: VERSION, ..State::default() };
    let writer = Writer::start(Start { folder, state, lock, redactor }, events)?;
    writer.record(Entry::Header(header));
    Ok(writer)
}

/// Opens a session to go on with it. Cuts off a torn last line; refuses a session that is open elsewhere.
pub fn open(
    home: &Home,
    id: &str,
    redactor: Redactor,
    events: Sink<WriterEvent>,
) -> Result<Opened, SessionError> {
    let folder = home.session(id);
    let log = folder.join("log.jsonl");
    if !log.is_file() {
        return Err(SessionError::Missing { id: id.into() });
    }
    let lock = locked(home, id)?;
    log::repair(&log)?;
    let state = State::load(&folder)?;
    if state.header.session.is_empty() {
        return Err(SessionError::Headless { id: id.into(), log });
    }
    let recent = log::recent(&log, RECENT_BYTES)?;
    let (header, summary) = (state.header.clone(), state.summary.clone());
    let live = expanded(&redactor, state.live.clone());
    let writer = Writer::start(Start { folder, state, lock, redactor }, events)?;
    Ok(Opened { header, live, summary, recent, writer })
}

/// Gives the conversation of a session with its tool cards, whole and in order, for the chat to be rebuilt from. Needs no
/// lock. Damaged lines are skipped and told.
pub fn conversation(home: &Home, id: &str, redactor: &Redactor) -> Result<Earlier, SessionError> {
    let log = home.session(id).join("log.jsonl");
    let mut earlier = Earlier { log: log.clone(), ..Earlier::default() };
    log::read_from(&log, 0, |read| match read {
        Read1::Damaged(line) => earlier.damaged.push(line),
        Read1::Line(line) => match line.entry {
            Entry::Header(header) => earlier.model = header.model,
            Entry::Unknown => earlier.unknown += 1,
            entry @ (Entry::Chat { .. }
            | Entry::Reader { .. }
            | Entry::Tool { .. }
            | Entry::Provenance { .. }) => {
                earlier.entries.push(redactor.expanded(entry));
            }
            _ => {}
        },
    })?;
    Ok(earlier)
}

/// Reads a whole log and folds it. Needs no lock.
pub fn history(home: &Home, id: &str, redactor: &Redactor) -> Result<Restored, SessionError> {
    let folder = home.session(id);
    let mut restored = Restored::default();
    let mut damaged = 0;
    log::read_from(&folder.join("log.jsonl"), 0, |read| match read {
        Read1::Line(line) => restored.take(*line),
        Read1::Damaged(_) => damaged += 1,
    })?;
    restored.damaged = damaged;
    let state = State::load(&folder)?;
    if restored.header.session.is_empty() {
        restored.header = state.header.clone();
    }
    if restored.header.session.is_empty() {
        return Err(SessionError::Headless { id: id.into(), log: folder.join("log.jsonl") });
    }
    // Live entries reach state.json before the log.
    restored.live = expanded(redactor, state.live);
    Ok(restored)
}

fn expanded(redactor: &Redactor, mut live: Live) -> Live {
    for state in live.panes.values_mut() {
        redactor.expand(state);
    }
    live.panes.retain(|_, state| *state != Value::Null);
    live
}

fn locked(home: &Home, id: &str) -> Result<FileLock, SessionError> {
    FileLock::try_now(&home.session(id).join("lock")).map_err(|error| match error {
        FsError::Locked { .. } => SessionError::Busy { id: id.into() },
        other => other.into(),
    })
}
