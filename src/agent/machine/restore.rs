//! A machine rebuilt from a session's entries. Nothing starts by itself: an unfinished turn rests as interrupted and
//! goes on when the person says so.

use super::{Machine, Setup, State};
use crate::agent::data::{Entry, Role};

impl Machine {
    /// Rebuilds a conversation from what its log kept.
    pub fn restore<'a>(setup: Setup, entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut machine = Self::new(setup);
        for entry in entries {
            machine.replay(entry);
        }
        let messages = machine.transcript.messages();
        // Ids that we minted before must not come again.
        machine.minted = messages.iter().map(|message| message.tool_calls.len() as u64).sum();
        machine.shown = 0;
        if machine.state == State::Idle && machine.is_mid_turn() {
            machine.state = State::Interrupted;
        }
        machine
    }

    fn replay(&mut self, entry: &Entry) {
        match entry {
            Entry::Message { message } => {
                self.transcript.push(message.clone());
                self.state = State::Idle;
            }
            Entry::Queue { messages } => self.queue.clone_from(messages),
            Entry::Usage { usage } => self.usage = Some(*usage),
            Entry::Stopped { report } => self.state = State::Stopped { report: report.clone() },
            Entry::ToolEnded { .. }
            | Entry::Proposed { .. }
            | Entry::Decided { .. }
            | Entry::Failed { .. } => {}
        }
    }

    fn is_mid_turn(&self) -> bool {
        let open = self.transcript.awaits_model() || !self.transcript.unanswered().is_empty();
        let broken = self.transcript.messages().last().is_some_and(|last| last.role == Role::Tool);
        open || broken
    }
}
