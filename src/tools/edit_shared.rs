//! `edit_shared`: a change of a file that other models of mlx-lm use. Always asked for, file by file; no mode and no rule
//! agrees in the person's place.

use futures::FutureExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::args;
use super::data::Prepared;
use super::def::{Answer, Class, Desk, Line, Reach, ToolDef, Work};
use super::edit_port;
use super::error::ToolError;
use super::paths::Writable;
use super::propose::proposal;
use super::replace::{Edit, replaced};
use crate::util::text::one_line;

pub const NAME: &str = "edit_shared";

const LONGEST_REASON: usize = 500;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    path: String,
    reason: String,
    edits: Vec<Edit>,
}

pub const DEF: ToolDef = ToolDef {
    name: NAME,
    about: include_str!("../../prompts/tools/edit_shared.md"),
    class: Class::Edit(Reach::Shared),
    schema,
    check: |arguments, _| args::typed::<Args>(NAME, arguments).map(drop),
    work: Work::Propose(propose),
};

fn schema(_: &Writable) -> Value {
    json!({
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "An existing Python file below mlx_lm/ that is not the port"},
            "reason": {"type": "string", "description": "Why the port cannot do without it, in one sentence"},
            "edits": edit_port::edits_schema(),
        },
        "required": ["path", "reason", "edits"],
        "additionalProperties": false,
    })
}

fn propose(arguments: Value, desk: &Desk, line: Line) -> Answer<'_, Prepared> {
    async move {
        let Args { path, reason, edits } = args::typed(NAME, arguments)?;
        let reason = one_line(reason.trim());
        if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
            let text = format!("`reason` is one sentence of 1 to {LONGEST_REASON} characters");
            return Err(ToolError::Arguments { tool: NAME, text });
        }
        let target = desk.target(Reach::Shared, &path)?;
        let before = desk.now(&target)?.unwrap_or_default();
        let after = replaced(NAME, &path, &before, &edits)?;
        let mut made = proposal(&line.call_id, &target, Some(before), after)?;
        made.title = format!("{} (SHARED by other models): {reason}", made.title);
        Ok(Prepared::Propose(made))
    }
    .boxed()
}
