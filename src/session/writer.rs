//! The writer: one thread that owns the log. A line is whole or not there; a kill loses at most the line being
//! written. Live entries (draft, panes, Voice) go to `state.json` within a moment and to the log before the next
//! lasting entry, so that typing does not fill the log.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::data::{Entry, Line, VERSION};
use super::redact::Redactor;
use super::state::State;
use crate::util::blame::Report;
use crate::util::fs::{self, FileLock, FsError};
use crate::util::id;
use crate::util::sink::Sink;

/// `state.json` is written at most this often: each write is flushed to the disk.
const STATE_EVERY: Duration = Duration::from_millis(100);

/// What the writer says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriterEvent {
    /// Lines wait in memory: the disk refuses them. Said once.
    Failed(Report),
    /// The waiting lines are written.
    Recovered,
}

enum Command {
    Record(Box<Entry>),
    Secret(String),
    Flush(Sender<()>),
    Close,
}

/// A handle to record with; cheap to clone, never blocks.
#[derive(Clone)]
pub struct Recorder(Sender<Command>);

impl Recorder {
    /// Records an entry. After the writer is closed it does nothing.
    pub fn record(&self, entry: Entry) {
        let _ = self.0.send(Command::Record(Box::new(entry)));
    }

    /// Adds a secret that became known after the start.
    pub fn secret(&self, value: String) {
        let _ = self.0.send(Command::Secret(value));
    }
}

/// The session's writer. Closing it, or dropping it, writes everything and syncs the disk.
pub struct Writer {
    recorder: Recorder,
    thread: Option<JoinHandle<()>>,
}

/// What a writer starts from.
pub(super) struct Start {
    pub folder: PathBuf,
    pub state: State,
    pub lock: FileLock,
    pub redactor: Redactor,
}

impl Writer {
    pub(super) fn start(start: Start, events: Sink<WriterEvent>) -> Result<Self, FsError> {
        let log = fs::open_append(&start.folder.join("log.jsonl"))?;
        let (sender, receiver) = mpsc::channel();
        let live = &start.state.live;
        // A kill may have left these in state.json alone; the log gets them with the next lasting entry.
        let voice =
            live.voice.iter().map(|(field, text)| Entry::Voice { field: field.clone(), text: text.clone() });
        let panes =
            live.panes.iter().map(|(pane, state)| Entry::Pane { pane: pane.clone(), state: state.clone() });
        let unsettled =
            voice.chain(panes).chain([Entry::Draft(live.draft.clone())]).filter(|_| start.state.next_seq > 0);
        let task = Task {
            unsettled: unsettled.collect(),
            log,
            log_len: start.state.log_len,
            folder: start.folder,
            state: start.state,
            redactor: start.redactor,
            events,
            pending: Vec::new(),
            stale: None,
            refusing: Vec::new(),
            _lock: start.lock,
        };
        let thread = std::thread::Builder::new()
            .name("session".into())
            .spawn(move || task.run(&receiver))
            .map_err(|source| FsError::Write { path: "session writer".into(), source })?;
        Ok(Self { recorder: Recorder(sender), thread: Some(thread) })
    }

    /// Gives a handle to record with.
    pub fn recorder(&self) -> Recorder {
        self.recorder.clone()
    }

    /// Records an entry.
    pub fn record(&self, entry: Entry) {
        self.recorder.record(entry);
    }

    /// Waits until all that was recorded is in the files.
    pub fn flush(&self) {
        let (sender, receiver) = mpsc::channel();
        if self.recorder.0.send(Command::Flush(sender)).is_ok() {
            let _ = receiver.recv();
        }
    }

    /// Writes everything, syncs the disk, gives the lock back.
    pub fn close(self) {}
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.recorder.0.send(Command::Close);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Task {
    log: File,
    /// Bytes of whole lines in the file.
    log_len: u64,
    folder: PathBuf,
    state: State,
    redactor: Redactor,
    events: Sink<WriterEvent>,
    /// Lines that are not written yet.
    pending: Vec<u8>,
    /// Live entries that the log does not have yet, the latest of each.
    unsettled: Vec<Entry>,
    /// Since when `state.json` is behind.
    stale: Option<Instant>,
    /// Files that refused the last write, and were reported.
    refusing: Vec<Target>,
    _lock: FileLock,
}

impl Task {
    fn run(mut self, receiver: &Receiver<Command>) {
        let mut open = true;
        while open {
            let first = match self.stale {
                None => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(since) => receiver.recv_timeout(STATE_EVERY.saturating_sub(since.elapsed())),
            };
            let mut waiting = Vec::new();
            match first {
                Ok(command) => open = self.take(command, &mut waiting),
                Err(RecvTimeoutError::Timeout) => self.store(),
                Err(RecvTimeoutError::Disconnected) => open = false,
            }
            while open && let Ok(command) = receiver.try_recv() {
                open = self.take(command, &mut waiting);
            }
            self.write();
            if self.stale.is_some_and(|since| since.elapsed() >= STATE_EVERY) || !waiting.is_empty() {
                self.store();
            }
            for done in waiting {
                let _ = done.send(());
            }
        }
        self.settle();
        self.write();
        self.store();
        let _ = self.log.sync_all();
    }

    fn take(&mut self, command: Command, waiting: &mut Vec<Sender<()>>) -> bool {
        match command {
            Command::Record(entry) => self.record(*entry),
            Command::Secret(value) => self.redactor = std::mem::take(&mut self.redactor).secret(&value),
            Command::Flush(done) => waiting.push(done),
            Command::Close => return false,
        }
        true
    }

    fn record(&mut self, entry: Entry) {
        let entry = self.clean(entry);
        self.stale.get_or_insert_with(Instant::now);
        if entry.live_key().is_some() {
            self.state.live.take(&entry);
            self.unsettled.retain(|known| known.live_key() != entry.live_key());
            self.unsettled.push(entry);
            return;
        }
        self.settle();
        self.append(entry);
    }

    fn settle(&mut self) {
        for entry in std::mem::take(&mut self.unsettled) {
            self.append(entry);
        }
    }

    fn append(&mut self, entry: Entry) {
        let line = Line { v: VERSION, seq: self.state.next_seq, ts: id::timestamp(), entry };
        // Serialising our own types to memory cannot fail but for a map with keys that are no text; there is none.
        if let Ok(text) = serde_json::to_string(&line) {
            self.pending.extend_from_slice(text.as_bytes());
            self.pending.push(b'\n');
            self.state.next_seq += 1;
            self.state.follow(&line);
        }
    }

    fn clean(&self, entry: Entry) -> Entry {
        let Ok(mut value) = serde_json::to_value(&entry) else { return entry };
        self.redactor.value(&mut value);
        // What cannot be read back after redaction is dropped rather than written as it was.
        serde_json::from_value(value).unwrap_or_else(|_| Entry::Note {
            label: "log".into(),
            text: "an entry could not be redacted and was left out".into(),
        })
    }

    fn write(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        match self.log.write_all(&self.pending) {
            Ok(()) => {
                self.log_len += self.pending.len() as u64;
                self.pending.clear();
                self.recovered(Target::Log);
            }
            Err(source) => {
                // A part may be there: cut it off, the next attempt writes the lines whole.
                let _ = self.log.set_len(self.log_len);
                self.fail(Target::Log, &FsError::Write { path: self.folder.join("log.jsonl"), source });
            }
        }
    }

    fn store(&mut self) {
        self.stale = None;
        self.state.log_len = self.log_len;
        // While lines wait, the log's length and the state's figures differ; the log stays the truth.
        if !self.pending.is_empty() {
            return;
        }
        match self.state.store(&self.folder) {
            Ok(()) => self.recovered(Target::State),
            Err(error) => self.fail(Target::State, &error),
        }
    }

    fn fail(&mut self, target: Target, error: &FsError) {
        if !self.refusing.contains(&target) {
            self.refusing.push(target);
            (self.events)(WriterEvent::Failed(Report::from(error)));
        }
    }

    fn recovered(&mut self, target: Target) {
        let before = self.refusing.len();
        self.refusing.retain(|known| *known != target);
        if before > 0 && self.refusing.is_empty() {
            (self.events)(WriterEvent::Recovered);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Log,
    State,
}

impl Entry {
    /// Names what a live entry replaces; none for entries that last.
    fn live_key(&self) -> Option<(u8, &str)> {
        match self {
            Self::Draft(_) => Some((0, "")),
            Self::Pane { pane, .. } => Some((1, pane)),
            Self::Voice { field, .. } => Some((2, field)),
            _ => None,
        }
    }
}
