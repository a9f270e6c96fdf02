//! The conversation as a list of messages, and as an endpoint wants it: paired calls, no broken attempts, no two
//! messages of the person in a row, and one text in place of what was condensed.

use std::collections::HashSet;

use super::context::estimate;
use super::data::{Mark, Message, Pin, Role, ToolCall, fact_line};

/// How the text begins that stands for condensed messages.
pub const CONDENSED: &str = "[mlxport: earlier messages are condensed]";
/// Parts that text from what the person said next.
pub const CONDENSED_END: &str = "[end of the condensed part]";

/// What was said, oldest first. The system prompt is not part of it.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    messages: Vec<Message>,
    call_ids: HashSet<String>,
    condensed: Option<Condensed>,
    /// Estimated tokens of what is sent, kept so that a meter costs nothing.
    tokens: u64,
}

/// What stands for the first messages in requests. The messages themselves stay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condensed {
    /// How many messages it stands for.
    pub upto: usize,
    pub summary: String,
    pub pinned: Vec<Pin>,
}

impl Condensed {
    /// Writes it as the message that opens every request from then on.
    pub fn message(&self) -> Message {
        let facts: Vec<String> = self.pinned.iter().map(fact_line).collect();
        let facts = if facts.is_empty() { "none".into() } else { facts.join("\n") };
        Message::user(format!(
            "{CONDENSED}\n{} messages were replaced by this text to save context. The program kept the facts word for word. The \
             summary was written by a language model and accepted by the person. Files may have changed since: read again \
             before you edit.\n\n## Facts\n\n{facts}\n\n## Summary\n\n{}\n{CONDENSED_END}",
            self.upto,
            self.summary.trim()
        ))
    }
}

impl Transcript {
    /// Adds a message.
    pub fn push(&mut self, message: Message) {
        self.call_ids.extend(message.tool_calls.iter().map(|call| call.id.clone()));
        self.tokens += estimate(&message);
        self.messages.push(message);
    }

    /// Lets one text stand for the first messages. A place inside a round of calls is moved to before it.
    pub fn condense(&mut self, condensed: Condensed) {
        let upto = self.safe_cut(condensed.upto);
        if upto == 0 {
            return;
        }
        let condensed = Condensed { upto, ..condensed };
        let rest: u64 = self.messages[upto..].iter().map(estimate).sum();
        self.tokens = rest + estimate(&condensed.message());
        self.condensed = Some(condensed);
    }

    /// Gives what stands for the first messages.
    pub fn condensed(&self) -> Option<&Condensed> {
        self.condensed.as_ref()
    }

    /// Gives the messages that are still sent as they are.
    pub fn live(&self) -> &[Message] {
        &self.messages[self.condensed.as_ref().map_or(0, |condensed| condensed.upto)..]
    }

    /// Gives the last place at or before `upto` where the conversation can be cut: no result stands without its call, and
    /// no call without its result.
    pub fn safe_cut(&self, upto: usize) -> usize {
        let open = !self.unanswered().is_empty();
        let caller = self.messages.iter().rposition(|message| message.role != Role::Tool).unwrap_or(0);
        let most = if open { caller } else { self.messages.len() };
        let mut at = upto.min(most);
        while at > 0 && self.messages.get(at).is_some_and(|message| message.role == Role::Tool) {
            at -= 1;
        }
        at
    }

    /// Gives the messages.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Gives the estimated tokens of what is sent.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// Says whether an id is taken.
    pub fn has_call(&self, id: &str) -> bool {
        self.call_ids.contains(id)
    }

    /// Names the tool that a call was for.
    pub fn tool_of(&self, id: &str) -> &str {
        let calls = self.messages.iter().rev().flat_map(|message| &message.tool_calls);
        calls.into_iter().find(|call| call.id == id).map_or("a tool", |call| call.name.as_str())
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
        for message in self.sent() {
            append(&mut wire, &message);
        }
        wire
    }

    /// Gives what stands for the condensed messages, then the others.
    pub fn sent(&self) -> impl Iterator<Item = Message> {
        let condensed = self.condensed.as_ref().map(Condensed::message);
        // An attempt that was cut off and made again is history for the person, not for the model.
        let live = self.live().iter().filter(|message| message.mark != Mark::Cut).cloned();
        condensed.into_iter().chain(live)
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
    fn a_condensed_part_is_one_message_and_no_call_loses_its_result() {
        let mut transcript = Transcript::default();
        transcript.push(Message::user("port it"));
        transcript.push(Message::assistant("").calling(vec![call("1"), call("2")]));
        transcript.push(Message::tool("1", "x"));
        transcript.push(Message::tool("2", "y"));
        transcript.push(Message::user("go on"));
        let all = transcript.messages().to_vec();
        assert_eq!([1, 2, 3, 4, 5, 9].map(|at| transcript.safe_cut(at)), [1, 1, 1, 4, 5, 5]);
        transcript.condense(Condensed { upto: 3, summary: "was asked".into(), pinned: Vec::new() });
        assert_eq!(transcript.condensed().map(|condensed| condensed.upto), Some(1));
        transcript.condense(Condensed {
            upto: 4,
            summary: "read two files".into(),
            pinned: vec![Pin::new(crate::agent::data::PinKind::Task, "", "port it\nsoon")],
        });
        let wire = transcript.to_wire("");
        assert_eq!((wire.len(), wire[0].role), (1, Role::User), "no two messages of the person in a row");
        let text = &wire[0].content;
        assert!(
            text.starts_with(CONDENSED) && text.ends_with("[end of the condensed part]\n\ngo on"),
            "{text}"
        );
        assert!(text.contains("- task: port it\n  soon") && text.contains("read two files"), "{text}");
        assert_eq!(transcript.messages(), all, "the original stays");
        transcript.push(Message::assistant("").calling(vec![call("3")]));
        assert_eq!(transcript.safe_cut(9), 5, "an open call is not cut off");
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
