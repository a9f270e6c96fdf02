//! Facts that outlive every compaction, folded from the entries that the log keeps: what was asked, what the person said
//! and decided, which files changed, how the last check ended. Word for word, but bounded: a fact that fills the context
//! would be no help.

use std::collections::{BTreeMap, BTreeSet};

use similar::TextDiff;

use crate::agent::data::{Decision, Entry, Pin, PinKind, Proposal, Role, ToolOutcome};

/// Characters of the task, and of any other fact.
const LONG: usize = 3000;
const SHORT: usize = 600;
/// Newest things that are kept of what the person said and decided.
const MOST: usize = 20;

/// The facts of a conversation.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    task: Option<Pin>,
    said: Vec<Pin>,
    decisions: Vec<Pin>,
    edited: BTreeSet<String>,
    /// Facts that others know, by kind and subject.
    given: BTreeMap<(PinKind, String), Pin>,
    /// Proposals that may still be decided on or written.
    proposals: BTreeMap<String, Proposal>,
}

impl Facts {
    /// Takes in what an entry says.
    pub(super) fn take(&mut self, entry: &Entry) {
        match entry {
            Entry::Message { message } if message.role == Role::User => self.heard(&message.content),
            Entry::Proposed { proposal } => {
                self.proposals.insert(proposal.call_id.clone(), proposal.clone());
            }
            Entry::Rebased { proposal, .. } => {
                self.proposals.insert(proposal.call_id.clone(), proposal.clone());
            }
            Entry::Undone { call_id, diff } => {
                let text = format!("the person took a written edit back:\n{}", cut(diff.trim_end(), SHORT));
                keep(&mut self.decisions, Pin::new(PinKind::Decision, call_id.as_str(), text));
            }
            Entry::Decided { call_id, decision, .. } => self.decided(call_id, decision),
            Entry::ToolEnded { call_id, outcome } => {
                if let Some(proposal) = self.proposals.remove(call_id)
                    && matches!(outcome, ToolOutcome::Done { .. })
                    && proposal.scope.is_file()
                {
                    self.edited.insert(proposal.path);
                }
            }
            Entry::Pinned { pin } => {
                let short = Pin { text: cut(&pin.text, LONG), ..pin.clone() };
                self.given.insert((pin.kind, pin.subject.clone()), short);
            }
            Entry::Message { .. }
            | Entry::Usage { .. }
            | Entry::Failed { .. }
            | Entry::Stopped { .. }
            | Entry::Queue { .. }
            | Entry::Mode { .. }
            | Entry::Rule { .. }
            | Entry::Summarised { .. }
            | Entry::Compacted { .. }
            | Entry::NotCompacted { .. } => {}
        }
    }

    /// Gives the facts in order of kind; `architecture` is what is ported.
    pub(super) fn pins(&self, architecture: &str) -> Vec<Pin> {
        let mut pins: Vec<Pin> = self.task.iter().cloned().collect();
        if !architecture.is_empty() {
            pins.push(Pin::new(PinKind::Architecture, "", architecture));
        }
        pins.extend(self.said.iter().cloned());
        pins.extend(self.decisions.iter().cloned());
        if !self.edited.is_empty() {
            let files: Vec<&str> = self.edited.iter().map(String::as_str).collect();
            pins.push(Pin::new(PinKind::Edited, "", files.join(", ")));
        }
        pins.extend(self.given.values().cloned());
        pins.sort_by_key(|pin| pin.kind);
        pins
    }

    /// Gives a fact that was given from outside.
    pub(super) fn given(&self, kind: PinKind) -> Option<&Pin> {
        self.given.get(&(kind, String::new()))
    }

    fn heard(&mut self, text: &str) {
        if text.trim().is_empty() || text == super::GO_ON {
            return;
        }
        match self.task {
            None => self.task = Some(Pin::new(PinKind::Task, "", cut(text, LONG))),
            Some(_) => keep(&mut self.said, Pin::new(PinKind::Said, "", cut(text, SHORT))),
        }
    }

    fn decided(&mut self, call_id: &str, decision: &Decision) {
        let Some(proposal) = self.proposals.get(call_id) else { return };
        let title = &proposal.title;
        let text = match decision {
            Decision::Accept => return,
            Decision::AcceptEdited { after } => {
                let diff = TextDiff::from_lines(&proposal.after, after);
                let diff = diff.unified_diff().context_radius(0).to_string();
                format!("{title}: written as the person changed it:\n{}", cut(diff.trim_end(), SHORT))
            }
            Decision::AcceptPart { declined, .. } => {
                let hunks = cut(declined.join("\n").trim_end(), SHORT);
                format!("{title}: written in part; the person declined:\n{hunks}")
            }
            Decision::Deny { reason } if reason.trim().is_empty() => {
                format!("{title}: refused without a reason")
            }
            Decision::Deny { reason } => format!("{title}: refused: {}", cut(reason.trim(), SHORT)),
        };
        if matches!(decision, Decision::Deny { .. }) {
            self.proposals.remove(call_id);
        }
        keep(&mut self.decisions, Pin::new(PinKind::Decision, call_id, text));
    }
}

fn keep(pins: &mut Vec<Pin>, pin: Pin) {
    pins.push(pin);
    let extra = pins.len().saturating_sub(MOST);
    pins.drain(..extra);
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_string(),
        Some((at, _)) => {
            let left = text[at..].chars().count();
            format!("{} [… {left} more characters]", &text[..at])
        }
    }
}
