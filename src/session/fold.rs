//! From lines to what they mean now: one fold, used by resume, by the writer (for the list's figures and the live
//! state) and by the list.

use super::data::{Entry, Line, Live, Restored, Summary};
use crate::agent::data::{Entry as ChatEntry, Role};
use crate::tools::data::Artifact;

impl Restored {
    /// Takes the next line.
    pub fn take(&mut self, line: Line) {
        self.summary.take(&line);
        self.live.take(&line.entry);
        match line.entry {
            Entry::Header(header) => self.header = header,
            Entry::Chat { entry } => self.chat(entry),
            Entry::Tool { call_id, summary, artifacts } => {
                self.cards.insert(call_id, summary);
                for artifact in artifacts {
                    if let Artifact::Check { result } = artifact {
                        self.last_check = Some(*result);
                    }
                }
            }
            Entry::Check { result } => self.last_check = Some(*result),
            Entry::Person { step } => self.acts.push(step),
            Entry::Unknown => self.unknown += 1,
            Entry::Edit { .. }
            | Entry::Provenance { .. }
            | Entry::Reader { .. }
            | Entry::Setup { .. }
            | Entry::Note { .. }
            | Entry::Error { .. } => {}
            Entry::Draft(_) | Entry::Pane { .. } | Entry::Voice { .. } => {}
        }
    }

    fn chat(&mut self, entry: ChatEntry) {
        match entry {
            ChatEntry::Message { message } => {
                // A call that has its answer is over, decided or not.
                if let Some(call) = &message.tool_call_id {
                    self.undecided.retain(|proposal| proposal.call_id != *call);
                }
                self.messages.push(message);
            }
            ChatEntry::Proposed { proposal } | ChatEntry::Rebased { proposal, .. } => {
                self.undecided.retain(|known| known.call_id != proposal.call_id);
                self.undecided.push(proposal);
            }
            ChatEntry::Decided { call_id, .. } | ChatEntry::ToolEnded { call_id, .. } => {
                self.undecided.retain(|proposal| proposal.call_id != call_id);
            }
            ChatEntry::Usage { .. }
            | ChatEntry::Failed { .. }
            | ChatEntry::Stopped { .. }
            | ChatEntry::Queue { .. }
            | ChatEntry::Undone { .. }
            | ChatEntry::Mode { .. }
            | ChatEntry::Rule { .. }
            | ChatEntry::Pinned { .. }
            | ChatEntry::Summarised { .. }
            | ChatEntry::Compacted { .. }
            | ChatEntry::NotCompacted { .. } => {}
        }
    }
}

impl Live {
    /// Takes what an entry changes of the live state.
    pub fn take(&mut self, entry: &Entry) {
        match entry {
            Entry::Draft(draft) => self.draft = draft.clone(),
            Entry::Pane { pane, state } => {
                self.panes.insert(pane.clone(), state.clone());
            }
            Entry::Voice { field, text } => {
                self.voice.insert(field.clone(), text.clone());
            }
            Entry::Chat { entry: ChatEntry::Queue { messages } } => self.queue = messages.clone(),
            _ => {}
        }
    }
}

impl Summary {
    /// Takes the next line into the list's figures.
    pub fn take(&mut self, line: &Line) {
        self.updated.clone_from(&line.ts);
        match &line.entry {
            Entry::Header(header) => {
                self.id.clone_from(&header.session);
                self.model_type.clone_from(&header.model_type);
                self.created.clone_from(&header.created);
                self.recording = header.recording;
            }
            Entry::Chat { entry: ChatEntry::Message { message } } if message.role == Role::User => {
                self.turns += 1
            }
            Entry::Check { result } => self.last_verdict = Some(result.verdict),
            Entry::Tool { artifacts, .. } => {
                for artifact in artifacts {
                    if let Artifact::Check { result } = artifact {
                        self.last_verdict = Some(result.verdict);
                    }
                }
            }
            _ => {}
        }
    }
}
