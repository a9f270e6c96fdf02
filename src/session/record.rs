//! Recordings: a session's lines without its live state and its failures, numbered anew, redacted again. The same
//! format as a log, so that anything that reads one reads the other.

use std::path::Path;

use super::beside;
use super::data::{Entry, Header, Line, PersonStep, TimedStep, VERSION};
use super::error::SessionError;
use super::log::{self, Read1};
use super::redact::Redactor;
use super::state::State;
use crate::agent::data::{Decision, Entry as ChatEntry, Mark, Message, Role, ToolOutcome};
use crate::config::Home;
use crate::harness::data::RunResult;
use crate::tools::data::Artifact;
use crate::util::fs;

/// A recorded session.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    pub header: Header,
    pub lines: Vec<Line>,
}

/// What [`record`] wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    pub lines: usize,
    pub configs: usize,
}

/// Saves a session as a recording, and its configs in the folder beside it that bears its name.
pub fn record(home: &Home, id: &str, out: &Path, redactor: &Redactor) -> Result<Recorded, SessionError> {
    let lines = lines(home, id)?;
    let mut text = String::new();
    for (seq, line) in lines.iter().enumerate() {
        let line = Line { v: VERSION, seq: seq as u64, ..line.clone() };
        let mut value = serde_json::to_value(&line).unwrap_or_default();
        redactor.value(&mut value);
        text.push_str(&value.to_string());
        text.push('\n');
    }
    fs::write_atomic(out, text.as_bytes())?;
    let configs = beside::keep(&State::load(&home.session(id))?.live, out, redactor)?;
    Ok(Recorded { lines: lines.len(), configs })
}

/// Gives the lines of a session that a recording keeps, as they are numbered in the log.
pub fn lines(home: &Home, id: &str) -> Result<Vec<Line>, SessionError> {
    let folder = home.session(id);
    let mut kept: Vec<Line> = Vec::new();
    log::read_from(&folder.join("log.jsonl"), 0, |read| {
        if let Read1::Line(line) = read
            && let Some(entry) = keep(line.entry)
        {
            push(&mut kept, Line { entry, ..*line });
        }
    })?;
    // What was typed last may not have reached the log.
    let live = State::load(&folder)?.live;
    for (field, text) in live.voice {
        let known = kept.iter().rev().find_map(|line| match &line.entry {
            Entry::Voice { field: at, text } if *at == field => Some(text.clone()),
            _ => None,
        });
        if known.as_ref() != Some(&text) && !text.is_empty() {
            let ts = kept.last().map(|line| line.ts.clone()).unwrap_or_default();
            kept.push(Line { v: VERSION, seq: 0, ts, entry: Entry::Voice { field, text } });
        }
    }
    if !matches!(kept.first().map(|line| &line.entry), Some(Entry::Header(_))) {
        return Err(SessionError::Headless { id: id.into(), log: folder.join("log.jsonl") });
    }
    Ok(kept)
}

/// Adds a line; a Voice field that is typed on replaces what stood just before.
fn push(kept: &mut Vec<Line>, line: Line) {
    if let Entry::Voice { field, .. } = &line.entry {
        let since =
            kept.iter().rposition(|line| !matches!(line.entry, Entry::Voice { .. })).map_or(0, |at| at + 1);
        let same = kept[since..]
            .iter()
            .position(|line| matches!(&line.entry, Entry::Voice { field: known, .. } if known == field));
        if let Some(at) = same {
            kept.remove(since + at);
        }
    }
    kept.push(line);
}

/// Says what of an entry a recording keeps. Proposals are left out: the demo's real tools make them again, and they
/// hold whole files. So do the long answers of tools, of which the beginning is kept, and the charts of checks. Condensings
/// are left out too: a recording is the whole conversation.
fn keep(entry: Entry) -> Option<Entry> {
    match entry {
        Entry::Header(header) => Some(Entry::Header(Header { recording: true, ..header })),
        Entry::Chat { mut entry } => {
            shorten(&mut entry);
            let kept = match &entry {
                ChatEntry::Message { message } => message.role != Role::System && message.mark == Mark::Whole,
                ChatEntry::ToolEnded { .. } | ChatEntry::Decided { .. } | ChatEntry::Pinned { .. } => true,
                ChatEntry::Proposed { .. }
                | ChatEntry::Rebased { .. }
                | ChatEntry::Undone { .. }
                | ChatEntry::Mode { .. }
                | ChatEntry::Rule { .. }
                | ChatEntry::Usage { .. }
                | ChatEntry::Failed { .. }
                | ChatEntry::Stopped { .. }
                | ChatEntry::Queue { .. }
                | ChatEntry::Summarised { .. }
                | ChatEntry::Compacted { .. }
                | ChatEntry::NotCompacted { .. } => false,
            };
            kept.then_some(Entry::Chat { entry })
        }
        Entry::Tool { call_id, summary, mut artifacts } => {
            for artifact in &mut artifacts {
                if let Artifact::Check { result } = artifact {
                    slim(result);
                }
            }
            Some(Entry::Tool { call_id, summary, artifacts })
        }
        Entry::Check { mut result } => {
            slim(&mut result);
            Some(Entry::Check { result })
        }
        Entry::Edit { .. }
        | Entry::Setup { .. }
        | Entry::Voice { .. }
        | Entry::Person { .. }
        | Entry::Note { .. } => Some(entry),
        Entry::Provenance { .. }
        | Entry::Reader { .. }
        | Entry::Draft(_)
        | Entry::Pane { .. }
        | Entry::Error { .. }
        | Entry::Unknown => None,
    }
}

/// Lines of a tool's answer that are kept whole; of a longer one the first stands for it.
const SHORT: usize = 20;

fn shorten(entry: &mut ChatEntry) {
    let text = match entry {
        ChatEntry::Message { message } if message.role == Role::Tool => &mut message.content,
        ChatEntry::ToolEnded { outcome: ToolOutcome::Done { text }, .. } => text,
        _ => return,
    };
    let count = text.lines().count();
    if count > SHORT {
        let first = text.lines().next().unwrap_or_default();
        *text = format!("{first}\n({count} lines, made again by the real tool)");
    }
}

/// Leaves what a replay is compared with: verdicts, figures, places.
fn slim(result: &mut RunResult) {
    for check in &mut result.checks {
        check.series.clear();
        check.extra.clear();
    }
}

impl Recording {
    /// Reads a recording.
    pub fn load(path: &Path) -> Result<Self, SessionError> {
        Self::parse(&fs::read_text(path)?).map_err(|(line, text)| SessionError::Recording {
            path: path.to_path_buf(),
            line,
            text,
        })
    }

    /// Reads a recording's text, for those that are embedded. The error names the line.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut lines: Vec<Line> = Vec::new();
        for (index, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
            let line: Line = serde_json::from_str(text).map_err(|error| (index + 1, error.to_string()))?;
            if line.v > VERSION {
                return Err((
                    index + 1,
                    format!("version {} is newer than this mlxport's {VERSION}", line.v),
                ));
            }
            lines.push(line);
        }
        match lines.first().map(|line| &line.entry) {
            Some(Entry::Header(header)) => Ok(Self { header: header.clone(), lines }),
            _ => Err((1, "the first line is no header".into())),
        }
    }

    /// Gives the conversation: whole messages, in order.
    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        self.lines.iter().filter_map(|line| match &line.entry {
            Entry::Chat { entry: ChatEntry::Message { message } } if message.mark == Mark::Whole => {
                Some(message)
            }
            _ => None,
        })
    }

    /// Gives the model's messages.
    pub fn turns(&self) -> Vec<&Message> {
        self.messages().filter(|message| message.role == Role::Assistant).collect()
    }

    /// Gives what the person did, in order, each with the number of model messages before it.
    pub fn person_steps(&self) -> Vec<TimedStep> {
        let mut after_turn = 0;
        let mut steps: Vec<TimedStep> = Vec::new();
        for line in &self.lines {
            let step = match &line.entry {
                Entry::Chat { entry: ChatEntry::Message { message } } if message.mark == Mark::Whole => {
                    after_turn += usize::from(message.role == Role::Assistant);
                    (message.role == Role::User).then(|| PersonStep::Say { text: message.content.clone() })
                }
                Entry::Chat { entry: ChatEntry::Decided { decision, .. } } => Some(match decision {
                    Decision::Accept => PersonStep::Approve,
                    Decision::AcceptEdited { after } => PersonStep::ApproveEdited { after: after.clone() },
                    Decision::AcceptPart { after, written, declined } => PersonStep::ApprovePart {
                        after: after.clone(),
                        written: written.clone(),
                        declined: declined.clone(),
                    },
                    Decision::Deny { reason } => PersonStep::Deny { reason: reason.clone() },
                }),
                Entry::Voice { field, text } => {
                    Some(PersonStep::Voice { field: field.clone(), text: text.clone() })
                }
                // Words and decisions are in the conversation itself.
                Entry::Person { step } if step.is_for_pr() => Some(step.clone()),
                _ => None,
            };
            let step = step.map(|step| TimedStep { after_turn, step });
            // The Voice field of an act is in the log twice: as live text, and as the act.
            let again = |step: &TimedStep| {
                matches!(step.step, PersonStep::Voice { .. }) && steps.last() == Some(step)
            };
            steps.extend(step.filter(|step| !again(step)));
        }
        steps
    }
}
