//! Session entries as labelled lines: `[label] text`, no escapes.

use crate::session::data::Entry;
use crate::util::text::neutralise;

/// Gives an entry's lines; some entries have none.
pub fn lines(entry: &Entry) -> Vec<String> {
    let (label, text) = match entry {
        Entry::Note { label, text } => (label.as_str(), text.clone()),
        Entry::Person { step } => ("person (recorded)", step.words()),
        _ => return Vec::new(),
    };
    neutralise(&text).lines().map(|line| format!("[{label}] {line}")).collect()
}
