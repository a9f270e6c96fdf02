//! `write_port`: the port's whole text, as a proposal. Not for the test file, which is long and upstream's.

use futures::FutureExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::args;
use super::data::Prepared;
use super::def::{Answer, Class, Desk, Line, Reach, ToolDef, Work};
use super::error::ToolError;
use super::paths::{TESTS, Writable};
use super::propose::proposal;
use crate::agent::data::EditScope;

pub const NAME: &str = "write_port";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    path: String,
    text: String,
}

pub const DEF: ToolDef = ToolDef {
    name: NAME,
    about: include_str!("../../prompts/tools/write_port.md"),
    class: Class::Edit(Reach::Own),
    schema,
    check: |arguments, _| args::typed::<Args>(NAME, arguments).map(drop),
    work: Work::Propose(propose),
};

fn schema(own: &Writable) -> Value {
    json!({
        "type": "object",
        "properties": {
            "path": {"type": "string", "enum": [own.model()]},
            "text": {"type": "string", "description": "The whole new text of the file"},
        },
        "required": ["path", "text"],
        "additionalProperties": false,
    })
}

fn propose(arguments: Value, desk: &Desk, line: Line) -> Answer<'_, Prepared> {
    async move {
        let Args { path, text } = args::typed(NAME, arguments)?;
        let target = desk.writable.target(&path)?;
        if target.scope == EditScope::Test {
            return Err(ToolError::Edit {
                text: format!("{TESTS} is upstream's long file: change it with edit_test or edit_port"),
            });
        }
        if text.trim().is_empty() {
            return Err(ToolError::Edit { text: format!("{path}: the new text is empty") });
        }
        Ok(Prepared::Propose(proposal(&line.call_id, &target, desk.now(&target)?, text)?))
    }
    .boxed()
}
