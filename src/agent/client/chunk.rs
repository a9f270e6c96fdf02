//! Pieces of a stream, read leniently: what real servers leave out, repeat or misplace is made good here, so that the
//! machine sees one shape.

use serde_json::Value;

use crate::agent::data::{FinishReason, StreamEvent, ToolCallDelta, Usage};

/// Turns pieces into events; remembers which tool call a piece without a number belongs to.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    /// For each slot that we gave: the server's index and id, as far as it said them.
    slots: Vec<Slot>,
    reason: Option<FinishReason>,
    usage: Option<Usage>,
}

#[derive(Debug, Default)]
struct Slot {
    index: Option<u64>,
    id: String,
}

impl Assembler {
    /// Reads one piece. The error is the server's error object.
    pub(super) fn piece(&mut self, piece: &Value) -> Result<Vec<StreamEvent>, Value> {
        if is_error(piece) {
            return Err(piece.clone());
        }
        self.count(&piece["usage"]);
        let mut events = Vec::new();
        // More than one choice is never asked for; the first is the one.
        let choice = &piece["choices"][0];
        // A server that sends a whole message as one piece puts it where the delta is.
        let delta = if choice["delta"].is_object() { &choice["delta"] } else { &choice["message"] };
        self.delta(delta, &mut events);
        if let Some(reason) = choice["finish_reason"].as_str().filter(|reason| !reason.is_empty()) {
            self.reason = Some(reason_of(reason));
        }
        Ok(events)
    }

    /// Reads a whole answer that came without streaming.
    pub(super) fn whole(&mut self, answer: &Value) -> Result<Vec<StreamEvent>, Value> {
        if !is_error(answer) && !answer["choices"][0].is_object() {
            return Err(serde_json::json!({"error": {"message": "an answer without choices", "code": 400}}));
        }
        self.piece(answer)
    }

    /// Says whether the model said that it was finished.
    pub(super) fn is_finished(&self) -> bool {
        self.reason.is_some()
    }

    /// Gives the end; nothing when the model never said that it was finished.
    pub(super) fn end(self) -> Option<(FinishReason, Option<Usage>)> {
        let usage = self.usage;
        self.reason.map(|reason| (reason, usage))
    }

    fn delta(&mut self, delta: &Value, events: &mut Vec<StreamEvent>) {
        // Some servers fill both spellings with the same words: one is taken.
        let reasoning = [&delta["reasoning_content"], &delta["reasoning"], &delta["thinking"]];
        let reasoning = reasoning.into_iter().map(words).find(|words| !words.is_empty());
        if let Some(delta) = reasoning {
            events.push(StreamEvent::Reasoning { delta });
        }
        let said = format!("{}{}", words(&delta["content"]), words(&delta["refusal"]));
        if !said.is_empty() {
            events.push(StreamEvent::Text { delta: said });
        }
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            events.push(StreamEvent::ToolCall { delta: self.call(call) });
        }
    }

    fn call(&mut self, call: &Value) -> ToolCallDelta {
        let filled = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_string);
        let id = filled(&call["id"]);
        let name = filled(&call["function"]["name"]);
        let slot = self.slot(call["index"].as_u64(), id.as_deref(), name.is_some());
        let arguments = match &call["function"]["arguments"] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            // Written as an object rather than as its text.
            other => other.to_string(),
        };
        ToolCallDelta { slot: u32::try_from(slot).unwrap_or(u32::MAX), id, name, arguments }
    }

    /// Finds the call that a piece belongs to. The id decides when there is one: servers give every call index 0, or none.
    fn slot(&mut self, index: Option<u64>, id: Option<&str>, names: bool) -> usize {
        let same_index = |slot: &Slot| index.is_some() && slot.index == index;
        let found = match id {
            Some(id) => self
                .slots
                .iter()
                .rposition(|slot| slot.id == id)
                .or_else(|| self.slots.iter().rposition(|slot| slot.id.is_empty() && same_index(slot))),
            None if index.is_some() => self.slots.iter().rposition(same_index),
            None if names => None,
            None => self.slots.len().checked_sub(1),
        };
        let at = found.unwrap_or_else(|| {
            self.slots.push(Slot { index, id: String::new() });
            self.slots.len() - 1
        });
        if let (true, Some(id)) = (self.slots[at].id.is_empty(), id) {
            self.slots[at].id = id.to_string();
        }
        at
    }

    fn count(&mut self, usage: &Value) {
        let number = |name: &str| usage[name].as_u64().unwrap_or(0);
        let counted =
            Usage { prompt_tokens: number("prompt_tokens"), completion_tokens: number("completion_tokens") };
        // Empty counts in every piece but the last are usual.
        if counted != Usage::default() {
            self.usage = Some(counted);
        }
    }
}

fn is_error(piece: &Value) -> bool {
    let error = &piece["error"];
    let filled = error.is_object() || error.as_str().is_some_and(|text| !text.is_empty());
    filled || piece["object"] == "error"
}

fn reason_of(reason: &str) -> FinishReason {
    match reason {
        "stop" | "eos" | "end_turn" | "stop_sequence" => FinishReason::Stop,
        "tool_calls" | "tool_use" | "function_call" => FinishReason::ToolCalls,
        "length" | "max_tokens" => FinishReason::Length,
        "content_filter" => FinishReason::ContentFilter,
        other => FinishReason::Other(other.to_string()),
    }
}

/// Text, or a list of parts with text.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn slots(pieces: &[Value]) -> Vec<(u32, String)> {
        let mut assembler = Assembler::default();
        let mut seen = Vec::new();
        for piece in pieces {
            let chunk = json!({"choices": [{"delta": {"tool_calls": [piece]}}]});
            for event in assembler.piece(&chunk).expect("no error") {
                if let StreamEvent::ToolCall { delta } = event {
                    seen.push((delta.slot, delta.arguments));
                }
            }
        }
        seen
    }

    fn pairs(expected: &[(u32, &str)]) -> Vec<(u32, String)> {
        expected.iter().map(|(slot, text)| (*slot, (*text).to_string())).collect()
    }

    #[test]
    fn pieces_find_their_call_whatever_the_server_leaves_out() {
        let call =
            |id: &str, arguments: &str| json!({"id": id, "function": {"name": "t", "arguments": arguments}});
        let more = |arguments: &str| json!({"function": {"arguments": arguments}});
        let at = |index: u64, mut piece: Value| {
            piece["index"] = json!(index);
            piece
        };
        // As specified.
        let usual = [at(0, call("a", "{")), at(0, more("}")), at(1, call("b", "[")), at(1, more("]"))];
        assert_eq!(slots(&usual), pairs(&[(0, "{"), (0, "}"), (1, "["), (1, "]")]));
        // No index at all.
        let bare = [call("a", "{"), more("}"), call("b", "[")];
        assert_eq!(slots(&bare), pairs(&[(0, "{"), (0, "}"), (1, "[")]));
        // Every call numbered 0, told apart by id.
        let same = [at(0, call("a", "1")), at(0, call("b", "2")), at(0, more("3"))];
        assert_eq!(slots(&same), pairs(&[(0, "1"), (1, "2"), (1, "3")]));
        // Id repeated in every piece.
        let repeated = [at(0, call("a", "1")), at(0, call("a", "2"))];
        assert_eq!(slots(&repeated), pairs(&[(0, "1"), (0, "2")]));
        // Neither id nor index: a name begins a call.
        let nameless = json!({"function": {"name": "t", "arguments": {"x": 1}}});
        assert_eq!(slots(&[nameless.clone(), nameless]), pairs(&[(0, "{\"x\":1}"), (1, "{\"x\":1}")]));
    }

    #[test]
    fn an_empty_finish_reason_is_none_and_the_last_count_is_kept() {
        let mut assembler = Assembler::default();
        let chunk = json!({"choices": [{"delta": {"content": "a"}, "finish_reason": ""}], "usage": null});
        assert_eq!(assembler.piece(&chunk), Ok(vec![StreamEvent::Text { delta: "a".into() }]));
        assert!(!assembler.is_finished());
        let end = json!({"choices": [{"delta": {}, "finish_reason": "stop"}]});
        assert_eq!(assembler.piece(&end), Ok(vec![]));
        assert_eq!(assembler.piece(&json!({"choices": [], "usage": {"prompt_tokens": 3}})), Ok(vec![]));
        let usage = Usage { prompt_tokens: 3, completion_tokens: 0 };
        assert_eq!(assembler.end(), Some((FinishReason::Stop, Some(usage))));
    }

    #[test]
    fn reasoning_is_taken_once_from_either_spelling() {
        let mut assembler = Assembler::default();
        let chunk = json!({"choices": [{"delta": {"reasoning": "hm", "reasoning_content": "hm", "content": [{"type": "text", "text": "a"}]}}]});
        let expected =
            vec![StreamEvent::Reasoning { delta: "hm".into() }, StreamEvent::Text { delta: "a".into() }];
        assert_eq!(assembler.piece(&chunk), Ok(expected));
    }
}
