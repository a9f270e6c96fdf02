//! `edit_test`: the port's row in upstream's table of all models, made from a tiny config and put where rows stand. Written
//! as black would, so that the diff is the row alone. A test function of its own is written with `edit_port`.

use futures::FutureExt;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::args;
use super::data::Prepared;
use super::def::{Answer, Class, Desk, Line, Reach, ToolDef, Work};
use super::error::ToolError;
use super::paths::{TESTS, Writable};
use super::propose::proposal;
use super::test_row::{placed, row};

pub const NAME: &str = "edit_test";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    config: Map<String, Value>,
}

pub const DEF: ToolDef = ToolDef {
    name: NAME,
    about: include_str!("../../prompts/tools/edit_test.md"),
    class: Class::Edit(Reach::Own),
    schema,
    check: |arguments, desk| parse(arguments, &desk.model_type).map(drop),
    work: Work::Propose(propose),
};

fn schema(own: &Writable) -> Value {
    json!({
        "type": "object",
        "properties": {
            "config": {
                "type": "object",
                "description": format!("A tiny config of {} that runs every branch: vocab_size and num_hidden_layers are needed, model_type is filled in", own.model_type()),
            },
        },
        "required": ["config"],
        "additionalProperties": false,
    })
}

fn propose(arguments: Value, desk: &Desk, line: Line) -> Answer<'_, Prepared> {
    async move {
        let row = parse(arguments, &desk.model_type)?;
        let target = desk.writable.tests();
        let Some(before) = desk.now(&target)? else {
            let text = format!("{TESTS} does not exist: this mlx-lm was installed without its tests");
            return Err(ToolError::Edit { text });
        };
        let after = placed(&before, &row, &desk.model_type).ok_or_else(|| ToolError::Edit {
            text: format!("{TESTS} has no table of configs in test_all_models: write a test with edit_port"),
        })?;
        Ok(Prepared::Propose(proposal(&line.call_id, &target, Some(before), after)?))
    }
    .boxed()
}

fn parse(arguments: Value, model_type: &str) -> Result<String, ToolError> {
    let Args { config } = args::typed(NAME, arguments)?;
    row(config, model_type).map_err(|text| ToolError::Arguments { tool: NAME, text })
}
