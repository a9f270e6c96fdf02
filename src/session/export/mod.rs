//! A session as a document for people: Markdown, JSON or one HTML page. Written from the log alone, and cleaned of secrets once
//! more: the log may be older than a rule of [`redact`](super::redact), or written by another hand.
//!
//! [`fold`] turns lines into [`Piece`]s; [`markdown`], [`html`] and JSON write the same pieces. What a pane keeps for itself
//! (drafts, cursors) is left out.

mod fold;
mod html;
mod markdown;
mod prose;
#[cfg(test)]
mod tests;

use serde::Serialize;

use super::data::{Entry, Header};
use super::error::SessionError;
use super::log::{self, Read1};
use super::redact::Redactor;
use crate::agent::data::{Mark, Pin};
use crate::config::Home;
use crate::harness::data::RunResult;
use crate::util::blame::Report;

/// Version of the JSON form.
const SCHEMA: u32 = 1;

/// What a document is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Markdown,
    Json,
    Html,
}

impl Format {
    /// Reads a format's name.
    pub fn parse(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "md" | "markdown" => Some(Self::Markdown),
            "json" => Some(Self::Json),
            "html" | "htm" => Some(Self::Html),
            _ => None,
        }
    }

    /// The ending of its files.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Markdown => "md",
            Self::Json => "json",
            Self::Html => "html",
        }
    }
}

/// A session as it is read.
#[derive(Debug, Serialize)]
pub struct Document {
    schema: u32,
    session: Header,
    /// Lines that could not be read, or that a later version wrote.
    #[serde(skip_serializing_if = "is_zero")]
    skipped: usize,
    pieces: Vec<Piece>,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// One thing that happened.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Piece {
    /// The person said it.
    Person {
        ts: String,
        text: String,
    },
    /// A language model said it; `reader` is the second reader.
    Model {
        ts: String,
        text: String,
        #[serde(skip_serializing_if = "String::is_empty")]
        reasoning: String,
        mark: Mark,
        reader: bool,
    },
    /// A tool call with what came of it.
    Tool(Box<Call>),
    /// A run of the harness that the person or a save started.
    Check {
        ts: String,
        result: Box<RunResult>,
    },
    /// The older part of the conversation was summed up for the model.
    Condensed {
        ts: String,
        messages: usize,
        pinned: Vec<Pin>,
        summary: String,
    },
    /// A fact that is kept word for word.
    Fact {
        ts: String,
        pin: Pin,
    },
    /// The person staged, wrote for upstream, committed or pushed.
    Act {
        ts: String,
        text: String,
    },
    /// A line of the program: set-up, notes, failures of the endpoint.
    Note {
        ts: String,
        label: String,
        text: String,
    },
    Error {
        ts: String,
        report: Report,
    },
}

/// A tool call.
#[derive(Debug, Default, Serialize)]
struct Call {
    ts: String,
    id: String,
    title: String,
    reader: bool,
    arguments: String,
    /// How it ended, in a word.
    state: String,
    summary: String,
    output: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    edit: Option<Edit>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checks: Vec<RunResult>,
}

/// What a call would have changed, and what the person said to it.
#[derive(Debug, Serialize)]
struct Edit {
    path: String,
    /// Unified diff of what was written, or proposed where it was refused.
    diff: String,
    decision: String,
    #[serde(skip)]
    before: String,
    #[serde(skip)]
    after: String,
}

/// Writes a session as a document. Needs no lock.
///
/// # Errors
/// The log cannot be read.
pub fn export(home: &Home, id: &str, format: Format, redactor: &Redactor) -> Result<String, SessionError> {
    let log = home.session(id).join("log.jsonl");
    let mut folding = fold::Folding::default();
    log::read_from(&log, 0, |read| match read {
        Read1::Line(line) => {
            let line = *line;
            match clean(line.entry, redactor) {
                Some(entry) => folding.take(line.ts, entry),
                None => folding.skipped += 1,
            }
        }
        Read1::Damaged(_) => folding.skipped += 1,
    })?;
    let mut document = folding.done();
    if document.session.session.is_empty() {
        document.session.session = id.to_string();
    }
    Ok(written(&document, format))
}

fn clean(entry: Entry, redactor: &Redactor) -> Option<Entry> {
    let mut value = serde_json::to_value(&entry).ok()?;
    redactor.value(&mut value);
    serde_json::from_value(value).ok()
}

fn written(document: &Document, format: Format) -> String {
    match format {
        Format::Markdown => markdown::page(document),
        Format::Html => html::page(document),
        Format::Json => serde_json::to_string_pretty(document).unwrap_or_default() + "\n",
    }
}
