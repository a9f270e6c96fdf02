//! `list_checks`: what the harness can check, what each check decides and what it costs.

use std::fmt::Write;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::args;
use super::def::{Class, Desk, Told, ToolDef, Work};
use super::error::ToolError;
use crate::harness::data::plan::{self, Cost};

pub const NAME: &str = "list_checks";

/// The checks that have a tool of their own.
const OTHERS: &str = "Others have tools of their own: check_load (a checkpoint at full size, from its headers), check_shard \
    (several processes), check_speed (figures beside an accepted port), check_golden (a pack from another machine), check_battery (real weights; the person is asked).\n";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {}

pub const DEF: ToolDef = ToolDef {
    name: NAME,
    about: include_str!("../../prompts/tools/list_checks.md"),
    class: Class::Read,
    schema: |_| json!({"type": "object", "properties": {}, "additionalProperties": false}),
    check: |arguments, _| args::typed::<Args>(NAME, arguments).map(drop),
    work: Work::Read(read),
};

fn read(arguments: Value, _: &Desk, _: &CancellationToken) -> Result<Told, ToolError> {
    args::typed::<Args>(NAME, arguments)?;
    let mut text =
        String::from("check_twin runs these; `quick` is the fast ones, `full` is all but the heavy ones:\n");
    let twin: Vec<_> = plan::list().iter().filter(|check| check.family == "twin").collect();
    for check in &twin {
        let cost = match check.cost {
            Cost::Fast => "fast",
            Cost::Slow => "slow",
            Cost::Heavy => "heavy: by name only",
        };
        let judges = if check.decides == "rule" { "judges" } else { "shows figures" };
        let _ = writeln!(text, "  {} ({cost}, {judges}): {}. Rule: {}", check.id, check.title, check.rule);
    }
    text.push_str(OTHERS);
    Ok((text, format!("{} checks", twin.len())))
}
