//! The conversation as a list of messages, and as an endpoint wants it: paired calls, no broken attempts, no two
//! messages of the person in a row.

use std::collections::HashSet;

use super::data::{Mark, Message, Role, ToolCall};

/// What was said, oldest first. The system prompt is not part of it.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    messages: Vec<Message>,
    call_ids: HashSet<String>,
    /// Estimated tokens of all messages, kept so that a meter costs nothing.
    tokens: u64,
}

impl Transcript {
    /// Adds a message.
    pub fn push(&mut self, message: Message) {
        self.call_ids.extend(message.tool_calls.iter().map(|call| call.id.clone()));
        self.tokens += super::context::estimate(&message);
        self.messages.push(message);
    }

    /// Gives the messages.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Gives the estimated tokens of all messages.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// Says whether an id is taken.
    pub fn has_call(&self, id: &str) -> bool {
        self.call_ids.contains(id)
    }

    /// Gives the calls of the last assistant message that have no result yet.
    pub fn unanswered(&self) -> Vec<ToolCall> {
        let answered: HashSet<&str> = self
            .messages
            .iter()
            .rev()
            .take_while(|message| message.role == Role::Tool)
            .filter_map(|message| message.tool_call_id.as_deref())
            .collect();
        let last = self.messages.iter().rev().find(|message| message.role != Role::Tool);
        let calls = last.map_or(&[][..], |message| &message.tool_calls);
        calls.iter().filter(|call| !answered.contains(call.id.as_str())).cloned().collect()
    }

    /// Says whether the last word is not the model's, so that a request makes sense.
    pub fn awaits_model(&self) -> bool {
        match self.messages.last() {
            None => false,
            Some(last) => {
                last.role != Role::Assistant || last.mark == Mark::Cut || last.mark == Mark::Interrupted
            }
        }
    }

    /// Makes the list that a request carries.
    pub fn to_wire(&self, system: &str) -> Vec<Message> {
        let mut wire = Vec::with_capacity(self.messages.len() + 1);
        if !system.trim().is_empty() {
            wire.push(Message::text(Role::System, system));
        }
        // An attempt that was cut off and made again is history for the person, not for the model.
        for message in self.messages.iter().filter(|message| message.mark != Mark::Cut) {
            append(&mut wire, message);
        }
        wire
    }
}

fn append(wire: &mut Vec<Message>, message: &Message) {
    let mut message = Message { reasoning: String::new(), ..message.clone() };
    if message.mark == Mark::Interrupted {
        if message.content.trim().is_empty() && message.tool_calls.is_empty() {
            return;
        }
        message.content.push_str("\n[interrupted by the person]");
    }
    match wire.last_mut() {
        Some(last) if last.role == Role::User && message.role == Role::User => {
            last.content = format!("{}\n\n{}", last.content, message.content);
        }
        _ => wire.push(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(id: &str) -> ToolCall {
        ToolCall { id: id.into(), name: "t".into(), arguments: "{}".into() }
    }

    #[test]
    fn a_cut_attempt_and_reasoning_are_not_sent_and_the_persons_messages_join() {
        let mut transcript = Transcript::default();
        transcript.push(Message::user("a"));
        transcript.push(Message { mark: Mark::Cut, ..Message::assistant("half") });
        transcript.push(Message::user("b"));
        transcript.push(Message { mark: Mark::Interrupted, ..Message::assistant("so f") });
        transcript.push(Message { reasoning: "hm".into(), ..Message::assistant("done") });
        let expected = vec![
            Message::text(Role::System, "sys"),
            Message::user("a\n\nb"),
            Message { mark: Mark::Interrupted, ..Message::assistant("so f\n[interrupted by the person]") },
            Message::assistant("done"),
        ];
        assert_eq!(transcript.to_wire("sys"), expected);
    }

    #[test]
    fn unanswered_calls_are_those_of_the_last_message() {
        let mut transcript = Transcript::default();
        transcript.push(Message::assistant("").calling(vec![call("1"), call("2")]));
        transcript.push(Message::tool("1", "x"));
        assert_eq!(transcript.unanswered(), vec![call("2")]);
        transcript.push(Message::tool("2", "y"));
        assert_eq!(transcript.unanswered(), vec![]);
    }
}
