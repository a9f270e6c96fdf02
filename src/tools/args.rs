//! Arguments as the model wrote them, parsed strictly. The messages are for the model: they name the field and say
//! what was expected.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::ToolError;
use crate::util::text;

/// Longest argument text that is parsed at all.
const LONGEST: usize = 1 << 20;
/// Most columns that are shown of what is wrong.
const LONGEST_ERROR: usize = 600;

/// Reads the arguments' JSON text. An empty text counts as `{}`: several servers send it for no arguments.
pub fn object(tool: &'static str, text: &str) -> Result<Value, ToolError> {
    let wrong = |text: String| ToolError::Arguments { tool, text };
    if text.len() > LONGEST {
        return Err(wrong(format!("{} bytes; at most {LONGEST} are taken", text.len())));
    }
    if text.trim().is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    match serde_json::from_str::<Value>(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(other) => Err(wrong(format!("a JSON object was expected, not {}", kind(&other)))),
        Err(error) => Err(wrong(format!("not valid JSON: {}", shown(&error)))),
    }
}

/// Gives the arguments their type. Unknown fields are refused by the types themselves.
pub fn typed<T: DeserializeOwned>(tool: &'static str, value: Value) -> Result<T, ToolError> {
    serde_json::from_value(value).map_err(|error| ToolError::Arguments { tool, text: shown(&error) })
}

/// An error quotes what was written, however long and whatever it holds.
fn shown(error: &serde_json::Error) -> String {
    text::truncate(&text::one_line(&error.to_string()), LONGEST_ERROR)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_but_an_object_is_named() {
        let said = |text: &str| object("read_source", text).expect_err("refused").to_string();
        assert_eq!(said("[1]"), "arguments of `read_source`: a JSON object was expected, not an array");
        assert_eq!(said("null"), "arguments of `read_source`: a JSON object was expected, not null");
        assert!(said("{\"path\": \"a").starts_with("arguments of `read_source`: not valid JSON: EOF"));
        assert!(said(&"[".repeat(100_000)).contains("not valid JSON: recursion limit exceeded"));
        assert_eq!(object("x", " \n").expect("empty"), serde_json::json!({}));
    }
}
