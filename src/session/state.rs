//! `state.json`: what is live now and the list's figures, as of a length of the log. Small, written atomically; a
//! session of 100 MB opens by it alone. It can always be made again from the log.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::data::{Entry, Header, Line, Live, Summary, VERSION};
use super::log::{self, Read1};
use crate::util::fs::{self, FsError};

/// The live state as of `log_len` bytes of the log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub v: u32,
    /// The next line's number.
    pub next_seq: u64,
    pub log_len: u64,
    pub header: Header,
    pub summary: Summary,
    pub live: Live,
}

impl State {
    /// Reads the state, and what the log says after it. A missing, damaged or foreign state costs reading the log.
    pub fn load(folder: &Path) -> Result<Self, FsError> {
        let log = folder.join("log.jsonl");
        let length =
            std::fs::metadata(&log).map_err(|source| FsError::Read { path: log.clone(), source })?.len();
        let stored = std::fs::read(folder.join("state.json")).ok();
        let stored = stored.and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        let mut state =
            stored.filter(|state| state.v == VERSION && state.log_len <= length).unwrap_or_default();
        state.v = VERSION;
        let from = state.log_len;
        state.log_len = log::read_from(&log, from, |read| {
            if let Read1::Line(line) = read {
                state.next_seq = state.next_seq.max(line.seq + 1);
                state.follow(&line);
            }
        })?;
        if state.header.session.is_empty() && state.next_seq > 0 {
            state.name_again(folder);
        }
        Ok(state)
    }

    /// Makes a header for a log whose first line is damaged, from the folder's name and what the panes kept: the rest of the
    /// session must not be lost with it.
    fn name_again(&mut self, folder: &Path) {
        let id = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let kept = self.live.panes.get("app").and_then(|app| app["model_type"].as_str());
        self.header = Header {
            session: id,
            model_type: kept.unwrap_or_default().to_string(),
            created: self.summary.updated.clone(),
            ..Header::default()
        };
        self.summary.id.clone_from(&self.header.session);
        self.summary.model_type.clone_from(&self.header.model_type);
        self.summary.created.clone_from(&self.header.created);
    }

    /// Takes a line that was written.
    pub fn follow(&mut self, line: &Line) {
        if let Entry::Header(header) = &line.entry {
            self.header = header.clone();
        }
        self.summary.take(line);
        self.live.take(&line.entry);
    }

    /// Writes the state.
    pub fn store(&self, folder: &Path) -> Result<(), FsError> {
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        fs::write_atomic(&folder.join("state.json"), &bytes)
    }
}
