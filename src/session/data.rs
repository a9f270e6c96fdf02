//! What a session keeps, as plain data. A recording is the same lines with the live state left out.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use crate::agent::data::Entry as ChatEntry;
use crate::agent::data::provenance::FileLines;
use crate::agent::data::{Message, Proposal};
use crate::harness::data::{RunResult, Verdict};
use crate::port::data::EditReceipt;
use crate::tools::data::Artifact;
use crate::util::blame::{Blame, Report};

/// Version of the lines.
pub const VERSION: u32 = 1;

/// One line of a log or recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    pub v: u32,
    pub seq: u64,
    /// RFC 3339 in UTC.
    pub ts: String,
    #[serde(flatten)]
    pub entry: Entry,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Entry {
    /// The first line.
    Header(Header),
    /// The conversation: messages, proposals, decisions, the queue.
    Chat { entry: ChatEntry },
    /// The second reader's conversation.
    Reader { entry: ChatEntry },
    /// A tool run's card, and what it left.
    Tool { call_id: String, summary: String, artifacts: Vec<Artifact> },
    /// A check that the person or a save started.
    Check { result: Box<RunResult> },
    /// An edit that the person made in the port's pane.
    Edit { receipt: EditReceipt },
    /// Who wrote the lines of a file of the checkout, after they changed. The latest of each file counts.
    Provenance { file: FileLines },
    /// The workspace: what was built, and from where.
    Setup { text: String },
    /// The composer. Live: the latest wins.
    Draft(Draft),
    /// A pane's own state: cursor, folds, pinned run, editor buffer. Live: the latest of each pane wins.
    Pane { pane: String, state: Value },
    /// Text that the person typed, or program output that they inserted. Live: the latest of each field wins.
    Voice { field: String, text: String },
    /// The person staged, wrote for upstream's humans, committed or pushed. The log says that it happened.
    Person { step: PersonStep },
    /// Something worth a line in the plain transcript.
    Note { label: String, text: String },
    /// An error as the person saw it.
    Error { report: Report },
    /// A line of a later version; skipped.
    #[serde(other)]
    Unknown,
}

/// What the session is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    pub session: String,
    pub model_type: String,
    pub created: String,
    /// The language model, as the endpoint names it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// mlxport, mlx, mlx-lm, transformers, torch, the harness.
    #[serde(default)]
    pub versions: BTreeMap<String, String>,
    /// Whether the language model's turns come from a recording.
    #[serde(default)]
    pub recording: bool,
}

/// The composer's text and the cursor in it, in characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    pub text: String,
    pub cursor: usize,
}

/// What is live now: the latest of each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Live {
    #[serde(default)]
    pub draft: Draft,
    #[serde(default)]
    pub queue: Vec<String>,
    #[serde(default)]
    pub panes: BTreeMap<String, Value>,
    #[serde(default)]
    pub voice: BTreeMap<String, String>,
}

/// A session in the list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    pub id: String,
    pub model_type: String,
    pub created: String,
    /// When the last line was written.
    pub updated: String,
    /// The person's messages.
    pub turns: usize,
    #[serde(default)]
    pub last_verdict: Option<Verdict>,
    #[serde(default)]
    pub recording: bool,
}

/// A whole log, folded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Restored {
    pub header: Header,
    pub live: Live,
    pub summary: Summary,
    pub messages: Vec<Message>,
    /// Cards by call.
    pub cards: BTreeMap<String, String>,
    /// Proposals that nobody has decided on.
    pub undecided: Vec<Proposal>,
    pub last_check: Option<RunResult>,
    pub acts: Vec<PersonStep>,
    /// Lines that are no JSON of ours; they were skipped.
    pub damaged: usize,
    /// Lines of a later version; they were skipped.
    pub unknown: usize,
}

/// The conversation of an earlier run: messages, proposals, decisions and the lines of tool cards, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Earlier {
    pub entries: Vec<Entry>,
    /// The language model that the session began with.
    pub model: String,
    pub log: PathBuf,
    /// Numbers of lines that are no JSON of ours; they were skipped.
    pub damaged: Vec<usize>,
    /// Lines of a later version; they were skipped.
    pub unknown: usize,
}

impl Earlier {
    /// Says what the person must know of a log that could not be read whole.
    pub fn trouble(&self) -> Option<Report> {
        let log = self.log.display();
        if !self.damaged.is_empty() {
            let (lines, are) = if self.damaged.len() == 1 { ("line", "is") } else { ("lines", "are") };
            let text = format!(
                "{} of the session's log {are} damaged, and what stood there is missing here: {lines} {} of {log}",
                counted(self.damaged.len(), "line"),
                ranges(&self.damaged)
            );
            return Some(Report::new(Blame::Environment, text).hint(
                "nothing was removed: the file is as it was, and what you do now is added at its end. To mend it, quit, \
                 put the lines right (one JSON object each) or put a copy of the file back, and resume",
            ));
        }
        (self.unknown > 0).then(|| {
            let text = format!("{} in {log} of a later mlxport skipped", counted(self.unknown, "line"));
            Report::new(Blame::User, text).hint("resume with that version to see them; nothing was removed")
        })
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Writes rising numbers as `3, 7–9`; the rest is counted after the eighth run.
fn ranges(numbers: &[usize]) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let shown = runs.iter().take(8).map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first}–{last}"),
    });
    let mut text = shown.collect::<Vec<_>>().join(", ");
    if runs.len() > 8 {
        text.push_str(" and more");
    }
    text
}

/// What a recording's person does between the model's turns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum PersonStep {
    /// Sends a message.
    Say { text: String },
    /// Accepts the waiting proposal.
    Approve,
    /// Accepts the waiting proposal with this text in its place.
    ApproveEdited { after: String },
    /// Accepts some hunks of the waiting proposal: the text with these, their heads, the diffs of the others.
    ApprovePart { after: String, written: Vec<String>, declined: Vec<String> },
    /// Refuses the waiting proposal.
    Deny { reason: String },
    /// Stages a whole file of the branch.
    Stage { path: String },
    /// Writes a Voice field.
    Voice { field: String, text: String },
    /// Commits with this message.
    Commit { message: String },
    /// Types the branch name and pushes to the fork.
    Push { branch: String },
}

impl PersonStep {
    /// Whether the step belongs to the pull request's pane.
    pub fn is_for_pr(&self) -> bool {
        match self {
            Self::Stage { .. } | Self::Voice { .. } | Self::Commit { .. } | Self::Push { .. } => true,
            Self::Say { .. }
            | Self::Approve
            | Self::ApproveEdited { .. }
            | Self::ApprovePart { .. }
            | Self::Deny { .. } => false,
        }
    }

    /// Says what it is, for the hint "play: …".
    pub fn words(&self) -> String {
        match self {
            Self::Say { .. } => "send the message".into(),
            Self::Approve => "accept the edit".into(),
            Self::ApproveEdited { .. } => "accept the edit with a change".into(),
            Self::ApprovePart { written, declined, .. } => {
                format!("accept {} of {} hunks", written.len(), written.len() + declined.len())
            }
            Self::Deny { .. } => "refuse the edit".into(),
            Self::Stage { path } => format!("stage {path}"),
            Self::Voice { field, .. } => format!("write {field}"),
            Self::Commit { .. } => "commit".into(),
            Self::Push { .. } => "push to the fork".into(),
        }
    }
}

/// A step, and how many of the model's messages came before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimedStep {
    pub after_turn: usize,
    pub step: PersonStep,
}
