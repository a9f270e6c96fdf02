//! Where the person writes: readline keys, history, and long pastes folded to a mark that stands for their text.

use serde_json::{Value, json};

use crate::app::editor::Editor;
use crate::app::key::Key;
use crate::app::pane::Used;

/// A paste longer than this many lines or characters is folded.
const FOLD_LINES: usize = 10;
const FOLD_CHARS: usize = 800;
/// How many sent messages are kept for the history.
const HISTORY: usize = 100;
/// What of the history survives the run: this many messages, the longest left out. It is written with every change.
const SAVED: usize = 30;
const SAVED_CHARS: usize = 500;

/// The composer.
#[derive(Clone, Debug, Default)]
pub struct Composer {
    pub editor: Editor,
    /// Folded pastes by the mark that stands for each.
    pastes: Vec<(String, String)>,
    pasted: usize,
    history: Vec<String>,
    /// Place in the history while the person looks through it, and the draft that they left.
    at: Option<(usize, String)>,
}

impl Composer {
    /// Takes the whole text out, folded pastes in full, and remembers it.
    pub(super) fn take(&mut self) -> String {
        let text = self.expanded(&self.editor.text());
        self.editor.take();
        self.pastes.clear();
        self.at = None;
        if !text.trim().is_empty() && self.history.last() != Some(&text) {
            self.history.push(text.clone());
            let extra = self.history.len().saturating_sub(HISTORY);
            self.history.drain(..extra);
        }
        text
    }

    /// Says whether a paste is folded.
    pub fn is_folded(&self) -> bool {
        !self.pastes.is_empty()
    }

    pub(super) fn key(&mut self, key: Key) -> Used {
        self.editor.key(key)
    }

    pub(super) fn paste(&mut self, text: &str) {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let lines = text.lines().count();
        if lines <= FOLD_LINES && text.chars().count() <= FOLD_CHARS {
            return self.editor.insert(&text);
        }
        self.pasted += 1;
        let mark = format!("[Pasted #{} +{lines} lines]", self.pasted);
        self.editor.insert(&mark);
        self.pastes.push((mark, text));
    }

    pub(super) fn unfold(&mut self) {
        let text = self.expanded(&self.editor.text());
        self.pastes.clear();
        self.editor = Editor::new(&text);
    }

    fn expanded(&self, text: &str) -> String {
        self.pastes.iter().fold(text.to_string(), |text, (mark, whole)| text.replacen(mark, whole, 1))
    }

    pub(super) fn older(&mut self) {
        let (place, draft) = match &self.at {
            None => (self.history.len(), self.editor.text()),
            Some((place, draft)) => (*place, draft.clone()),
        };
        let Some(place) = place.checked_sub(1) else { return };
        self.editor = Editor::new(&self.history[place]);
        self.at = Some((place, draft));
    }

    pub(super) fn newer(&mut self) {
        let Some((place, draft)) = self.at.take() else { return };
        match self.history.get(place + 1) {
            Some(text) => {
                self.editor = Editor::new(text);
                self.at = Some((place + 1, draft));
            }
            None => self.editor = Editor::new(&draft),
        }
    }

    pub(super) fn save(&self) -> Value {
        let (line, column) = self.editor.cursor();
        let short = |text: &&String| text.len() <= SAVED_CHARS;
        let mut history: Vec<&String> = self.history.iter().rev().filter(short).take(SAVED).collect();
        history.reverse();
        json!({
            "draft": self.editor.text(),
            "cursor": [line, column],
            "pastes": self.pastes,
            "history": history,
        })
    }

    pub(super) fn restore(&mut self, saved: &Value) {
        self.editor = Editor::new(saved["draft"].as_str().unwrap_or_default());
        let place = |at: usize| saved["cursor"][at].as_u64().and_then(|n| usize::try_from(n).ok());
        if let (Some(line), Some(column)) = (place(0), place(1)) {
            self.editor.set_cursor(line, column);
        }
        self.pastes = serde_json::from_value(saved["pastes"].clone()).unwrap_or_default();
        self.pasted = self.pastes.len();
        self.history = serde_json::from_value(saved["history"].clone()).unwrap_or_default();
    }
}
