//! `write_port`: the port's whole text, as a proposal. Not for the test file, which is long and upstream's.

use serde::Deserialize;
use serde_json::{Value, json};

use super::args;
use super::error::ToolError;
use super::paths::{Roots, TESTS, Target, Writable};
use super::propose::proposal;
use crate::agent::data::{Approval, Proposal, ToolSpec};

pub const NAME: &str = "write_port";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    path: String,
    text: String,
}

pub fn spec(writable: &Writable) -> ToolSpec {
    ToolSpec {
        name: NAME.into(),
        description: include_str!("../../prompts/tools/write_port.md").trim().into(),
        schema: json!({
            "type": "object",
            "properties": {
                "path": {"type": "string", "enum": [writable.model()]},
                "text": {"type": "string", "description": "The whole new text of the file"},
            },
            "required": ["path", "text"],
            "additionalProperties": false,
        }),
        approval: Approval::Ask,
    }
}

pub fn propose(
    call_id: &str,
    arguments: Value,
    (roots, writable): (&Roots, &Writable),
) -> Result<Proposal, ToolError> {
    let Args { path, text } = args::typed(NAME, arguments)?;
    if writable.target(&path)? == Target::Tests {
        return Err(ToolError::Edit {
            text: format!("{TESTS} is upstream's long file: change it with edit_port"),
        });
    }
    if text.trim().is_empty() {
        return Err(ToolError::Edit { text: format!("{path}: the new text is empty") });
    }
    proposal(call_id, &path, writable.read(roots, Target::Model)?, text)
}
