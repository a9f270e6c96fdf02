//! A machine rebuilt from a session's entries. Nothing starts by itself: an unfinished turn rests as interrupted and
//! goes on when the person says so; a proposal that nobody decided on waits for the person again.

use super::calls::{CallPhase, CallProgress, Round};
use super::{Machine, Setup, State};
use crate::agent::data::{Entry, Message, Proposal, Role};
use crate::agent::transcript::Condensed;

impl Machine {
    /// Rebuilds a conversation from what its log kept.
    pub fn restore<'a>(setup: Setup, entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut machine = Self::new(setup);
        let mut undecided: Option<(&Proposal, Option<&String>)> = None;
        let mut unjudged: Option<(usize, &String)> = None;
        for entry in entries {
            match entry {
                Entry::Proposed { proposal } => undecided = Some((proposal, None)),
                Entry::Rebased { proposal, lost } => undecided = Some((proposal, Some(lost))),
                Entry::Decided { .. } | Entry::ToolEnded { .. } => undecided = None,
                Entry::Summarised { upto, summary, .. } => unjudged = Some((*upto, summary)),
                // A message after it means that the conversation went on without.
                Entry::Compacted { .. } | Entry::NotCompacted { .. } | Entry::Message { .. } => {
                    unjudged = None;
                }
                _ => {}
            }
            machine.replay(entry);
        }
        let messages = machine.transcript.messages();
        // Ids that we minted before must not come again.
        machine.minted = messages.iter().map(|message| message.tool_calls.len() as u64).sum();
        machine.shown = 0;
        if machine.state == State::Idle && machine.is_mid_turn() {
            machine.state = machine.waiting_again(undecided).unwrap_or(State::Interrupted);
        }
        if let Some((upto, summary)) = unjudged {
            machine.preview_again(upto, summary.clone());
        }
        machine
    }

    /// The round of calls at the one whose proposal waits.
    fn waiting_again(&self, undecided: Option<(&Proposal, Option<&String>)>) -> Option<State> {
        let mut calls = self.transcript.unanswered().into_iter();
        let call = calls.next()?;
        let (proposal, lost) = undecided.map(|(proposal, lost)| (proposal.clone(), lost.cloned()))?;
        if call.id != proposal.call_id {
            return None;
        }
        let first = CallProgress { call, phase: CallPhase::NeedsApproval { proposal, lost } };
        let rest = calls.map(|call| CallProgress { call, phase: CallPhase::Waiting });
        Some(State::Tools(Round::again(std::iter::once(first).chain(rest).collect())))
    }

    fn replay(&mut self, entry: &Entry) {
        self.note(entry);
        match entry {
            Entry::Message { message } => {
                if matches!(message.role, Role::User | Role::Tool) {
                    self.notes.clear();
                }
                self.join(message.clone());
                self.state = State::Idle;
            }
            Entry::Queue { messages } => self.queue.clone_from(messages),
            Entry::Usage { usage } => {
                self.usage = Some(*usage);
                self.counts_next = true;
            }
            Entry::Compacted { upto, summary, pinned } => {
                self.condensed(Condensed { upto: *upto, summary: summary.clone(), pinned: pinned.clone() })
            }
            Entry::Stopped { report } => self.state = State::Stopped { report: report.clone() },
            Entry::Undone { diff, .. } => self.note_undone(diff),
            Entry::Mode { mode } => self.policy.mode = *mode,
            Entry::Rule { rule, change } => self.replay_rule(rule, *change),
            Entry::ToolEnded { .. }
            | Entry::Proposed { .. }
            | Entry::Rebased { .. }
            | Entry::Decided { .. }
            | Entry::Failed { .. }
            | Entry::Pinned { .. }
            | Entry::Summarised { .. }
            | Entry::NotCompacted { .. } => {}
        }
    }

    /// Adds a message so that every call has its answer and every answer its call, as endpoints demand: a damaged log may
    /// lack either.
    fn join(&mut self, message: Message) {
        let open = self.transcript.unanswered();
        if message.role == Role::Tool {
            if open.iter().any(|call| Some(&call.id) == message.tool_call_id.as_ref()) {
                self.push(message);
            }
            return;
        }
        for call in open {
            let text = "Error: what this call answered is missing from the session's log.";
            self.push(Message::tool(call.id, text));
        }
        self.push(message);
    }

    fn is_mid_turn(&self) -> bool {
        let open = self.transcript.awaits_model() || !self.transcript.unanswered().is_empty();
        let broken = self.transcript.messages().last().is_some_and(|last| last.role == Role::Tool);
        open || broken
    }
}
