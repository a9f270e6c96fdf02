//! What a stream has said so far, and how it becomes a message.

use crate::agent::data::{Mark, Message, Role, StreamEvent, ToolCall, ToolCallDelta};

/// An unfinished assistant message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partial {
    pub text: String,
    pub reasoning: String,
    pub calls: Vec<PartialCall>,
}

/// An unfinished tool call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartialCall {
    pub slot: u32,
    pub id: String,
    pub name: String,
    pub arguments: String,
}

impl Partial {
    /// Takes in one event; those that say nothing are ignored.
    pub(super) fn absorb(&mut self, event: StreamEvent) {
        match event {
            StreamEvent::Text { delta } => self.text.push_str(&delta),
            StreamEvent::Reasoning { delta } => self.reasoning.push_str(&delta),
            StreamEvent::ToolCall { delta } => self.absorb_call(delta),
            StreamEvent::Opened | StreamEvent::Finished { .. } | StreamEvent::Failed { .. } => {}
        }
    }

    fn absorb_call(&mut self, delta: ToolCallDelta) {
        let at = match self.calls.iter().position(|call| call.slot == delta.slot) {
            Some(at) => at,
            None => {
                self.calls.push(PartialCall { slot: delta.slot, ..PartialCall::default() });
                self.calls.len() - 1
            }
        };
        let call = &mut self.calls[at];
        // Servers repeat id and name in every piece; the first is the one that counts.
        if let (true, Some(id)) = (call.id.is_empty(), delta.id) {
            call.id = id;
        }
        if let (true, Some(name)) = (call.name.is_empty(), delta.name) {
            call.name = name;
        }
        call.arguments.push_str(&delta.arguments);
    }

    /// Says whether nothing worth keeping has arrived.
    pub fn is_empty(&self) -> bool {
        self.text.trim().is_empty() && self.reasoning.trim().is_empty() && self.calls.is_empty()
    }

    /// Makes the finished message; calls without an id, or with one that is taken, are given one by `mint`.
    pub(super) fn into_message(self, mark: Mark, mut mint: impl FnMut(&str) -> String) -> Message {
        let mut calls: Vec<ToolCall> = Vec::new();
        for call in self.calls {
            let id = mint(&call.id);
            calls.push(ToolCall { id, name: call.name.trim().to_string(), arguments: call.arguments });
        }
        Message { reasoning: self.reasoning, mark, ..Message::text(Role::Assistant, self.text) }
            .calling(calls)
    }

    /// Makes what is kept of a message that was broken off: its words, not its half-written calls.
    pub(super) fn into_broken(self, mark: Mark) -> Option<Message> {
        let message =
            Message { reasoning: self.reasoning, mark, ..Message::text(Role::Assistant, self.text) };
        let said = !message.content.trim().is_empty() || !message.reasoning.trim().is_empty();
        said.then_some(message)
    }
}
