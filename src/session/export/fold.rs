//! From log lines to pieces: a call, its proposal, decision, outcome and checks are one piece, where the model made the call.

use std::collections::HashMap;

use similar::TextDiff;

use super::{Call, Document, Edit, Piece, SCHEMA};
use crate::agent::data::policy::RuleChange;
use crate::agent::data::{
    Decision, Entry as ChatEntry, Mark, Message, PinKind, Proposal, Role, ToolOutcome, call_title,
};
use crate::harness::data::RunResult;
use crate::session::data::{Entry, Header, PersonStep};
use crate::tools::data::Artifact;

/// Lines on the way to a document.
#[derive(Debug, Default)]
pub struct Folding {
    header: Header,
    pieces: Vec<Piece>,
    /// Where the piece of a call is.
    calls: HashMap<String, usize>,
    pub skipped: usize,
}

impl Folding {
    /// Takes the next line.
    pub fn take(&mut self, ts: String, entry: Entry) {
        match entry {
            Entry::Header(header) => self.header = header,
            Entry::Chat { entry } => self.chat(ts, entry),
            Entry::Reader { entry } => self.reader(ts, entry),
            Entry::Tool { call_id, summary, artifacts } => self.tool_line(&call_id, summary, artifacts),
            Entry::Check { result } => self.pieces.push(Piece::Check { ts, result }),
            Entry::Edit { receipt } => {
                let text = format!("you saved {}", receipt.path.display());
                self.pieces.push(Piece::Act { ts, text });
            }
            Entry::Setup { text } => self.note(ts, "setup", text),
            Entry::Person { step } => self.pieces.push(Piece::Act { ts, text: act(&step) }),
            Entry::Note { label, text } => self.note(ts, &label, text),
            Entry::Error { report } => self.pieces.push(Piece::Error { ts, report }),
            Entry::Unknown => self.skipped += 1,
            // Live state; who wrote which line belongs to the branch; a Voice field is shown where it becomes part of an act.
            Entry::Draft(_) | Entry::Pane { .. } | Entry::Provenance { .. } | Entry::Voice { .. } => {}
        }
    }

    /// Gives the document.
    pub fn done(mut self) -> Document {
        for piece in &mut self.pieces {
            if let Piece::Tool(call) = piece
                && let Some(edit) = &mut call.edit
            {
                edit.diff = diff(edit);
            }
        }
        Document { schema: SCHEMA, session: self.header, skipped: self.skipped, pieces: self.pieces }
    }

    fn chat(&mut self, ts: String, entry: ChatEntry) {
        match entry {
            ChatEntry::Message { message } => self.message(ts, message, By::Model),
            ChatEntry::ToolEnded { call_id, outcome } => self.ended(&By::Model.id(&call_id), &outcome),
            ChatEntry::Proposed { proposal } | ChatEntry::Rebased { proposal, .. } => self.proposed(proposal),
            ChatEntry::Decided { call_id, decision, by } => {
                self.decided(&call_id, decision, by.words().unwrap_or_default());
            }
            ChatEntry::Undone { diff, .. } => {
                self.pieces.push(Piece::Act { ts, text: format!("you took a written edit back:\n{diff}") });
            }
            ChatEntry::Mode { mode } => {
                let text = format!("you set who decides on edits: {}, {}", mode.name(), mode.words());
                self.pieces.push(Piece::Act { ts, text });
            }
            ChatEntry::Rule { rule, change } => {
                let what = if change == RuleChange::Taken { "took" } else { "revoked" };
                self.pieces.push(Piece::Act { ts, text: format!("you {what} the rule: {rule}") });
            }
            ChatEntry::Failed { failure, retry_in_ms } => {
                let again = match retry_in_ms {
                    Some(0) => "; tried again at once".into(),
                    Some(wait) => format!("; again in {} s", wait.div_ceil(1000)),
                    None => String::new(),
                };
                self.note(ts, "endpoint", format!("{}{again}", failure.text));
            }
            ChatEntry::Stopped { report } => self.pieces.push(Piece::Error { ts, report }),
            // The check itself stands there already.
            ChatEntry::Pinned { pin } if pin.kind == PinKind::Check => {}
            ChatEntry::Pinned { pin } => self.pieces.push(Piece::Fact { ts, pin }),
            ChatEntry::Compacted { upto, summary, pinned } => {
                self.pieces.push(Piece::Condensed { ts, messages: upto, pinned, summary });
            }
            ChatEntry::NotCompacted { why } => self.note(ts, "not condensed", why),
            ChatEntry::Usage { .. } | ChatEntry::Queue { .. } | ChatEntry::Summarised { .. } => {}
        }
    }

    /// The second reader's part. What it was given to read is the diff, and is left out.
    fn reader(&mut self, ts: String, entry: ChatEntry) {
        match entry {
            ChatEntry::Message { message } if message.role == Role::User => {}
            ChatEntry::Message { message } => self.message(ts, message, By::Reader),
            ChatEntry::ToolEnded { call_id, outcome } => self.ended(&By::Reader.id(&call_id), &outcome),
            ChatEntry::Stopped { report } => self.pieces.push(Piece::Error { ts, report }),
            _ => {}
        }
    }

    fn ended(&mut self, call_id: &str, outcome: &ToolOutcome) {
        if let Some(call) = self.call(call_id) {
            // What the person refused ended as a failure for the model; it is not one.
            if call.state != "refused" {
                call.state = ended(outcome).into();
            }
        }
    }

    fn message(&mut self, ts: String, message: Message, by: By) {
        match message.role {
            Role::System => {}
            Role::User => self.pieces.push(Piece::Person { ts, text: message.content }),
            Role::Tool => {
                let id = by.id(message.tool_call_id.as_deref().unwrap_or_default());
                match self.call(&id) {
                    Some(call) => call.output = message.content,
                    None => self.note(ts, "result without its call", message.content),
                }
            }
            Role::Assistant => self.said(ts, message, by),
        }
    }

    fn said(&mut self, ts: String, message: Message, by: By) {
        let reader = by == By::Reader;
        let Message { content: text, reasoning, mark, tool_calls, .. } = message;
        if !text.trim().is_empty() || !reasoning.trim().is_empty() || mark != Mark::Whole {
            self.pieces.push(Piece::Model { ts: ts.clone(), text, reasoning, mark, reader });
        }
        for call in tool_calls {
            let piece = Call {
                ts: ts.clone(),
                id: call.id.clone(),
                title: call_title(&call),
                reader,
                arguments: call.arguments,
                state: "not run".into(),
                ..Call::default()
            };
            self.calls.insert(by.id(&call.id), self.pieces.len());
            self.pieces.push(Piece::Tool(Box::new(piece)));
        }
    }

    fn proposed(&mut self, proposal: Proposal) {
        let Some(call) = self.call(&proposal.call_id) else { return };
        call.title = proposal.title;
        if !proposal.scope.is_file() {
            return;
        }
        call.edit = Some(Edit {
            path: proposal.path,
            diff: String::new(),
            decision: "nobody decided".into(),
            before: proposal.before,
            after: proposal.after,
        });
    }

    /// `by` says who decided where it was not the person.
    fn decided(&mut self, call_id: &str, decision: Decision, by: String) {
        let Some(call) = self.call(call_id) else { return };
        if matches!(decision, Decision::Deny { .. }) {
            call.state = "refused".into();
        }
        let Some(edit) = &mut call.edit else { return };
        edit.decision = match decision {
            Decision::Accept if by.is_empty() => "accepted".into(),
            Decision::Accept => format!("written, {by}"),
            Decision::AcceptPart { after, declined, .. } => {
                edit.after = after;
                format!("accepted in part; {} hunks declined", declined.len())
            }
            Decision::AcceptEdited { after } => {
                edit.after = after;
                "written as the person changed it".into()
            }
            Decision::Deny { reason } if reason.trim().is_empty() => "refused".into(),
            Decision::Deny { reason } => format!("refused: {reason}"),
        };
    }

    fn tool_line(&mut self, call_id: &str, summary: String, artifacts: Vec<Artifact>) {
        let Some(call) = self.call(call_id) else { return };
        call.summary = summary;
        let checks = artifacts.into_iter().filter_map(|artifact| match artifact {
            Artifact::Check { result } => Some(*result),
            _ => None,
        });
        call.checks.extend(checks.collect::<Vec<RunResult>>());
    }

    fn note(&mut self, ts: String, label: &str, text: String) {
        self.pieces.push(Piece::Note { ts, label: label.into(), text });
    }

    fn call(&mut self, id: &str) -> Option<&mut Call> {
        match self.pieces.get_mut(*self.calls.get(id)?)? {
            Piece::Tool(call) => Some(call),
            _ => None,
        }
    }
}

/// Who made a call: the two readers' ids may be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Model,
    Reader,
}

impl By {
    fn id(self, call_id: &str) -> String {
        match self {
            Self::Model => call_id.to_string(),
            Self::Reader => format!("reader {call_id}"),
        }
    }
}

fn ended(outcome: &ToolOutcome) -> &'static str {
    match outcome {
        ToolOutcome::Done { .. } => "done",
        ToolOutcome::Failed { .. } => "failed",
        ToolOutcome::Stop { .. } => "could not run",
        ToolOutcome::Interrupted { .. } => "interrupted",
    }
}

fn act(step: &PersonStep) -> String {
    match step {
        PersonStep::Commit { message } => format!("you committed:\n{message}"),
        PersonStep::Push { branch } => format!("you typed {branch} and pushed to the fork"),
        PersonStep::Voice { field, text } => format!("you wrote {field}:\n{text}"),
        PersonStep::Stage { path } => format!("you staged {path}"),
        other => format!("you: {}", other.words()),
    }
}

fn diff(edit: &Edit) -> String {
    let diff = TextDiff::from_lines(&edit.before, &edit.after);
    let (old, new) = (format!("a/{}", edit.path), format!("b/{}", edit.path));
    diff.unified_diff().context_radius(3).header(&old, &new).to_string()
}
