//! `check_shard`: the port over several processes, tensor and pipeline parallel, equal to one process.

use futures::FutureExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::data::ToolEnd;
use super::def::{Answer, Class, Desk, Line, ToolDef, Work, judged};
use super::error::ToolError;
use super::paths::Writable;
use super::{args, variants};
use crate::harness::asks;

pub const NAME: &str = "check_shard";

/// As many processes as the harness starts on one machine.
const FEWEST: u32 = 2;
const MOST: u32 = 8;
const USUAL: [u32; 2] = [2, 4];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    #[serde(default)]
    processes: Option<Vec<u32>>,
    #[serde(default)]
    variant: Option<String>,
}

pub const DEF: ToolDef = ToolDef {
    name: NAME,
    about: include_str!("../../prompts/tools/check_shard.md"),
    class: Class::Check,
    schema,
    check: |arguments, _| parse(arguments).map(drop),
    work: Work::Wait(wait),
};

fn schema(_: &Writable) -> Value {
    json!({
        "type": "object",
        "properties": {
            "processes": {
                "type": "array",
                "items": {"type": "integer", "minimum": FEWEST, "maximum": MOST},
                "description": "How many processes, one run each; 2 and 4 when left out",
            },
            "variant": variants::schema_one(),
        },
        "additionalProperties": false,
    })
}

fn parse(arguments: Value) -> Result<(Vec<u32>, Option<String>), ToolError> {
    let Args { processes, variant } = args::typed(NAME, arguments)?;
    let mut processes = processes.unwrap_or_else(|| USUAL.to_vec());
    processes.sort_unstable();
    processes.dedup();
    match processes.is_empty() || processes.iter().any(|count| !(FEWEST..=MOST).contains(count)) {
        true => {
            let text = format!("`processes` are numbers from {FEWEST} to {MOST}; leave it out for 2 and 4");
            Err(ToolError::Arguments { tool: NAME, text })
        }
        false => Ok((processes, variant)),
    }
}

fn wait(arguments: Value, desk: &Desk, line: Line) -> Answer<'_, ToolEnd> {
    async move {
        let (processes, variant) = parse(arguments)?;
        let config = variants::choose_one(NAME, variant, desk).await?;
        judged(asks::shard(&desk.model_type, config, &processes), desk, line).await
    }
    .boxed()
}
