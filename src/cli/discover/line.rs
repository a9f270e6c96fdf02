//! One checkpoint and one note, on one line.

use crate::hub::data::discover::{Candidate, Fit, Note, Seen, Standing, Weight, age};
use crate::util::text::{one_line, truncate};

/// One checkpoint: marks, name, figures, where it comes from.
pub fn line(one: &Candidate) -> String {
    let star = if one.canonical { "★" } else { " " };
    let lock = if one.access().is_some() { "!" } else { " " };
    let downloads = one.info.downloads.map(|count| format!("{count} downloads"));
    let date = one.info.modified.as_deref().map(|date| date.get(..10).unwrap_or(date).to_string());
    let size = one.size.as_ref().map(|size| size.label.clone()).filter(|_| !one.kind.is_original());
    let seen = match &one.seen {
        Seen::Hub => None,
        Seen::Cache { age: old } => Some(format!("in the Hub cache, {} old", age(*old))),
        Seen::Kept { age: old } => Some(format!("listed {} ago", age(*old))),
    };
    let fit = match &one.fit {
        Fit::Inside { .. } => Some("also sees or hears".to_string()),
        Fit::Not { why } => Some(format!("no language model: {why}")),
        Fit::Language | Fit::Unknown => None,
    };
    let base =
        one.base.as_ref().filter(|_| one.standing != Standing::Official).map(|base| format!("from {base}"));
    let access = one.access().map(str::to_string);
    let facts: Vec<String> = [size, downloads, date, access, fit, base, seen]
        .into_iter()
        .flatten()
        .map(|fact| one_line(&fact))
        .collect();
    format!("{star}{lock} {:<44} {}", truncate(&one_line(&one.id), 60), facts.join(" · "))
}

/// A note with its hint, on one line.
pub fn words(note: &Note) -> String {
    let hint = note.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    one_line(&format!("{}{hint}", note.text))
}

/// The sign of a note's weight.
pub fn mark(weight: Weight) -> &'static str {
    match weight {
        Weight::Say => "·",
        Weight::Warn => "!",
        Weight::Refuse => "✗",
    }
}
