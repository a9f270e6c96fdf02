//! A message as the chunks of a chat completion, in the shape that real servers send. Pure.

use serde_json::{Value, json};

use crate::agent::data::Message;

/// Characters of text, and of a call's arguments, in one chunk.
const TEXT_PIECE: usize = 16;
const ARGUMENTS_PIECE: usize = 64;

/// The frame around every chunk.
pub struct Envelope {
    pub id: String,
    pub model: String,
    pub created: u64,
}

impl Envelope {
    /// Splits a message into the data of server-sent events, `[DONE]` included.
    pub fn chunks(&self, message: &Message, request_tokens: usize) -> Vec<String> {
        let mut out = vec![self.delta(json!({"role": "assistant", "content": ""}))];
        for piece in pieces(&message.reasoning, TEXT_PIECE) {
            out.push(self.delta(json!({"reasoning_content": piece})));
        }
        for piece in pieces(&message.content, TEXT_PIECE) {
            out.push(self.delta(json!({"content": piece})));
        }
        for (index, call) in message.tool_calls.iter().enumerate() {
            out.push(self.delta(json!({"tool_calls": [{
                "index": index, "id": call.id, "type": "function",
                "function": {"name": call.name, "arguments": ""},
            }]})));
            for piece in pieces(&call.arguments, ARGUMENTS_PIECE) {
                out.push(
                    self.delta(json!({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})),
                );
            }
        }
        out.push(
            self.chunk(json!([{"index": 0, "delta": {}, "finish_reason": finish(message)}]), Value::Null),
        );
        out.push(self.chunk(json!([]), usage(message, request_tokens)));
        out.push("[DONE]".into());
        out
    }

    /// Gives the message whole, for requests that do not stream.
    pub fn whole(&self, message: &Message, request_tokens: usize) -> Value {
        let calls: Vec<Value> = message
            .tool_calls
            .iter()
            .map(|call| {
                json!({"id": call.id, "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments}})
            })
            .collect();
        let mut said = json!({"role": "assistant", "content": message.content});
        if !calls.is_empty() {
            said["tool_calls"] = Value::Array(calls);
        }
        json!({
            "id": self.id, "object": "chat.completion", "created": self.created, "model": self.model,
            "choices": [{"index": 0, "message": said, "finish_reason": finish(message)}],
            "usage": usage(message, request_tokens),
        })
    }

    fn delta(&self, delta: Value) -> String {
        self.chunk(json!([{"index": 0, "delta": delta, "finish_reason": null}]), Value::Null)
    }

    fn chunk(&self, choices: Value, usage: Value) -> String {
        json!({
            "id": self.id, "object": "chat.completion.chunk", "created": self.created, "model": self.model,
            "choices": choices, "usage": usage,
        })
        .to_string()
    }
}

fn finish(message: &Message) -> &'static str {
    if message.tool_calls.is_empty() { "stop" } else { "tool_calls" }
}

/// Four characters count as a token: nobody tokenizes here, and the meter needs a plausible figure.
fn usage(message: &Message, request_tokens: usize) -> Value {
    let arguments: usize = message.tool_calls.iter().map(|call| call.arguments.len()).sum();
    let said = (message.content.len() + arguments).div_ceil(4);
    json!({"prompt_tokens": request_tokens, "completion_tokens": said, "total_tokens": request_tokens + said})
}

/// Cuts text into pieces of about `size` characters, at blanks where there are some, as tokens fall.
fn pieces(text: &str, size: usize) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let hard = rest.char_indices().nth(size).map_or(rest.len(), |(at, _)| at);
        let at = match rest[..hard].rfind(' ') {
            Some(blank) if blank > 0 && hard < rest.len() => blank,
            _ => hard,
        };
        out.push(&rest[..at]);
        rest = &rest[at..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_join_to_the_text_and_cut_no_character() {
        for text in [
            "",
            "a",
            "one two three four five six",
            "日本語日本語日本語日本語日本語日本語",
            " lead",
            "{\"a\": 1}",
        ] {
            let parts = pieces(text, 16);
            assert_eq!(parts.concat(), text);
            assert!(parts.iter().all(|part| !part.is_empty() && part.chars().count() <= 16));
        }
    }
}
