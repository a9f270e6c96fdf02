//! Requests as chat completions JSON.

use serde_json::{Map, Value, json};

use super::endpoint::Endpoint;
use crate::agent::data::{ChatRequest, Message, Role, ToolCall, ToolSpec};

/// Whether the endpoint is asked to count tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counting {
    Asked,
    NotAsked,
}

/// Writes the body of a streaming request.
pub(super) fn request(request: &ChatRequest, counting: Counting, endpoint: &Endpoint) -> Value {
    let mut body = Map::new();
    body.insert("model".into(), json!(request.model));
    body.insert("messages".into(), request.messages.iter().map(message).collect());
    body.insert("stream".into(), json!(true));
    if counting == Counting::Asked {
        body.insert("stream_options".into(), json!({"include_usage": true}));
    }
    if !request.tools.is_empty() {
        body.insert("tools".into(), request.tools.iter().map(tool).collect());
    }
    if let Some(limit) = request.max_tokens {
        // OpenAI's newer models refuse the old name; everyone else may not know the new one.
        let name = if endpoint.is_openai() { "max_completion_tokens" } else { "max_tokens" };
        body.insert(name.into(), json!(limit));
    }
    Value::Object(body)
}

fn message(message: &Message) -> Value {
    match message.role {
        Role::System => json!({"role": "system", "content": message.content}),
        Role::User => json!({"role": "user", "content": message.content}),
        Role::Tool => {
            json!({"role": "tool", "tool_call_id": message.tool_call_id, "content": message.content})
        }
        Role::Assistant if message.tool_calls.is_empty() => {
            json!({"role": "assistant", "content": message.content})
        }
        Role::Assistant => {
            let content = (!message.content.is_empty()).then_some(&message.content);
            let calls: Vec<Value> = message.tool_calls.iter().map(call).collect();
            json!({"role": "assistant", "content": content, "tool_calls": calls})
        }
    }
}

fn call(call: &ToolCall) -> Value {
    // Chat templates parse the arguments; what is not an object would fail every later request with a 500.
    let arguments = match serde_json::from_str::<Value>(&call.arguments) {
        Ok(Value::Object(_)) => call.arguments.clone(),
        _ if call.arguments.trim().is_empty() => "{}".into(),
        _ => json!({"unreadable": call.arguments}).to_string(),
    };
    json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
}

fn tool(tool: &ToolSpec) -> Value {
    json!({
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": tool.schema},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_written_as_servers_read_it() {
        let endpoint = Endpoint::new("http://h/v1", None).expect("good");
        let calls = vec![
            ToolCall { id: "a".into(), name: "t".into(), arguments: "{\"x\":1}".into() },
            ToolCall { id: "b".into(), name: "t".into(), arguments: "{\"x\":".into() },
        ];
        let chat = ChatRequest {
            model: "m".into(),
            messages: vec![
                Message::user("hi"),
                Message::assistant("").calling(calls),
                Message::tool("a", "1"),
            ],
            tools: Vec::new(),
            max_tokens: Some(5),
        };
        let function = |arguments: &str| json!({"name": "t", "arguments": arguments});
        assert_eq!(
            request(&chat, Counting::NotAsked, &endpoint),
            json!({
                "model": "m",
                "messages": [
                    {"role": "user", "content": "hi"},
                    {"role": "assistant", "content": null, "tool_calls": [
                        {"id": "a", "type": "function", "function": function("{\"x\":1}")},
                        {"id": "b", "type": "function", "function": function("{\"unreadable\":\"{\\\"x\\\":\"}")},
                    ]},
                    {"role": "tool", "tool_call_id": "a", "content": "1"},
                ],
                "stream": true,
                "max_tokens": 5,
            })
        );
    }
}
