//! What all panes may know: the model, the workspace, the session, and the few words in the status line. Written by the
//! pane that knows, read by every pane.

use std::path::PathBuf;

use super::Millis;
use super::pane::PaneId;
use crate::agent::data::provenance::Ledger;

/// How long a toast stays.
pub const TOAST_MS: Millis = 4_000;

/// Facts shared by all panes.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub session: String,
    /// The architecture being ported, such as `arcee`.
    pub model_type: Option<String>,
    pub workspace: Option<WorkspaceFacts>,
    /// Config files and folders that the person named.
    pub configs: Vec<PathBuf>,
    pub model: ModelFacts,
    /// The last verdict of the harness, in few words, for the status line.
    pub verdict: Option<VerdictFacts>,
    /// Set while a recorded session is played.
    pub demo: Option<DemoFacts>,
    pub ssh: bool,
    /// Whether the terminal has the focus.
    pub focused: bool,
    /// The pane that has the focus.
    pub focus: PaneId,
    pub toast: Option<Toast>,
    /// Warnings found at start: bad keys of config.toml and such.
    pub warnings: Vec<String>,
    /// Every text the model has said, for the Voice pane's paste guard; kept by Chat.
    pub assistant_said: Vec<String>,
    /// Who wrote which line; kept by Chat.
    pub provenance: Ledger,
    /// Counts for the disclosure's fact sheet; kept by Chat.
    pub counts: Counts,
}

/// What the panes need of the workspace: places and one sentence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkspaceFacts {
    pub checkout: PathBuf,
    pub branch: String,
    pub transformers: PathBuf,
    /// The port under work: `<checkout>/mlx_lm/models/<model_type>.py`.
    pub port: Option<PathBuf>,
    /// The reference's files, the modeling file first.
    pub references: Vec<PathBuf>,
    /// Where mlx-lm came from, in one sentence: "mlx-lm 0.32.2 from PyPI (git hosting not reached)".
    pub baseline: String,
}

/// What answers in the chat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelFacts {
    /// Provider in words: `manual`, `recorded`, or the endpoint's host.
    pub provider: String,
    pub model: String,
    pub context_used: u64,
    pub context_limit: u64,
    /// Set where `context_used` is not, or not only, the endpoint's own count.
    pub context_estimated: bool,
}

/// The last verdict in few words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerdictFacts {
    pub glyph: char,
    /// The verdict in one word.
    pub name: &'static str,
    /// Whether the run passed whole.
    pub pass: bool,
    pub text: String,
    pub run_id: String,
}

/// What the demo shows of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DemoFacts {
    /// What the recorded person does next, in words: "accept the edit".
    pub next: Option<String>,
    pub played: usize,
    pub total: usize,
}

/// Counts made by the program, for the person to write the disclosure from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub models: Vec<String>,
    pub turns: usize,
    pub edits_accepted: usize,
    pub edits_changed: usize,
    pub edits_denied: usize,
    /// Set while the log of earlier runs is not read, or could not be read whole: the counts are too low.
    pub incomplete: bool,
}

/// A short message that goes by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toast {
    pub text: String,
    pub until: Millis,
}

impl Facts {
    /// Shows a short message.
    pub fn toast(&mut self, now: Millis, text: String) {
        self.toast = Some(Toast { text, until: now + TOAST_MS });
    }
}
