//! The session: an append-only log that is enough to rebuild the screen, its writer thread, resume, and recordings
//! with the local endpoint that replays them.
//!
//! A session's folder holds `log.jsonl` (everything, one JSON line an entry, redacted before it is written),
//! `state.json` (what is live now: drafts, panes, figures for the list; written atomically, so that resume need not
//! read the log first) and `lock`. Start at [`data::Entry`], then [`writer`] and [`resume`].

pub mod beside;
pub mod data;
pub mod endpoint;
pub mod error;
pub mod export;
mod fold;
mod folder;
mod log;
pub mod record;
pub mod redact;
mod replay;
pub mod replayed;
pub mod resume;
mod state;
mod stream;
pub mod writer;

pub use data::{Earlier, Entry, Header, Line, PersonStep, Restored, Summary};
pub use endpoint::{Pace, RecordedEndpoint};
pub use error::SessionError;
pub use folder::{find, list};
pub use record::{Recorded, Recording, record};
pub use redact::Redactor;
pub use replayed::differences;
pub use resume::{Opened, conversation, create, history, open};
pub use writer::{Recorder, Writer};
