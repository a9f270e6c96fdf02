//! `edit_port`: a list of search-and-replace edits to the port or its test, as one proposal.

use futures::FutureExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::args;
use super::data::Prepared;
use super::def::{Answer, Class, Desk, Line, Reach, ToolDef, Work};
use super::error::ToolError;
use super::paths::{TESTS, Writable};
use super::propose::proposal;
use super::replace::{Edit, replaced};

pub const NAME: &str = "edit_port";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    path: String,
    edits: Vec<Edit>,
}

pub const DEF: ToolDef = ToolDef {
    name: NAME,
    about: include_str!("../../prompts/tools/edit_port.md"),
    class: Class::Edit(Reach::Own),
    schema,
    check: |arguments, _| args::typed::<Args>(NAME, arguments).map(drop),
    work: Work::Propose(propose),
};

fn schema(own: &Writable) -> Value {
    json!({
        "type": "object",
        "properties": {
            "path": {"type": "string", "enum": [own.model(), TESTS]},
            "edits": edits_schema(),
        },
        "required": ["path", "edits"],
        "additionalProperties": false,
    })
}

/// The schema of a list of replacements.
pub(super) fn edits_schema() -> Value {
    json!({
        "type": "array",
        "description": "Applied in order, each to the text that the ones before left",
        "items": {
            "type": "object",
            "properties": {
                "search": {"type": "string", "description": "Text that stands exactly once in the file, without line numbers"},
                "replace": {"type": "string", "description": "What stands there instead"},
            },
            "required": ["search", "replace"],
            "additionalProperties": false,
        },
    })
}

fn propose(arguments: Value, desk: &Desk, line: Line) -> Answer<'_, Prepared> {
    async move {
        let Args { path, edits } = args::typed(NAME, arguments)?;
        let target = desk.writable.target(&path)?;
        let Some(before) = desk.now(&target)? else {
            return Err(ToolError::Edit {
                text: format!("{path} does not exist yet: propose it whole with write_port"),
            });
        };
        let after = replaced(NAME, &path, &before, &edits)?;
        Ok(Prepared::Propose(proposal(&line.call_id, &target, Some(before), after)?))
    }
    .boxed()
}
