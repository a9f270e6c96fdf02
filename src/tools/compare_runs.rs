//! `compare_runs`: two stored runs side by side, with what is noise told apart from what moved.

use std::fmt::Write;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::def::{Class, Desk, Told, ToolDef, Work};
use super::error::ToolError;
use super::paths::Writable;
use super::{args, bound, runs};
use crate::harness::data::compare::{Change, Row, Side, compare};
use crate::util::text::one_line;

pub const NAME: &str = "compare_runs";

const MOST: usize = 150;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    before: String,
    #[serde(default)]
    after: Option<String>,
}

pub const DEF: ToolDef = ToolDef {
    name: NAME,
    about: include_str!("../../prompts/tools/compare_runs.md"),
    class: Class::Read,
    schema,
    check: |arguments, _| args::typed::<Args>(NAME, arguments).map(drop),
    work: Work::Read(read),
};

fn schema(_: &Writable) -> Value {
    json!({
        "type": "object",
        "properties": {
            "before": {"type": "string", "description": "The earlier run's id, or last-1, last-2 …"},
            "after": {"type": "string", "description": "The later run; the newest when left out"},
        },
        "required": ["before"],
        "additionalProperties": false,
    })
}

fn read(arguments: Value, desk: &Desk, _: &CancellationToken) -> Result<Told, ToolError> {
    let Args { before, after } = args::typed(NAME, arguments)?;
    let before = runs::find(NAME, &before, desk)?;
    let after = runs::find(NAME, after.as_deref().unwrap_or("last"), desk)?;
    let made = compare(&before, &after);
    let mut text = format!("{} → {}\n", made.before, made.after);
    let inputs = match made.inputs.as_slice() {
        [] => "none: the same port, configs, harness and versions".to_string(),
        inputs => inputs.join(", "),
    };
    let _ = writeln!(text, "changed inputs: {inputs}");
    let mut rows: Vec<&Row> = made.rows.iter().collect();
    rows.sort_by_key(|row| rank(row.change));
    for row in rows.iter().take(MOST) {
        let _ = writeln!(text, "{}", bound::line(&line(row)));
    }
    if rows.len() > MOST {
        let _ = writeln!(text, "{} more rows", rows.len() - MOST);
    }
    let count = |change| rows.iter().filter(|row| row.change == change).count();
    let (worse, better) = (count(Change::Worse), count(Change::Better));
    let _ = writeln!(text, "{worse} worse, {better} better, {} neither", rows.len() - worse - better);
    Ok((text, format!("compare runs: {worse} worse, {better} better")))
}

fn rank(change: Change) -> u8 {
    match change {
        Change::Worse => 0,
        Change::Better => 1,
        Change::Added => 2,
        Change::Gone => 3,
        Change::Noise => 4,
        Change::Same => 5,
    }
}

fn line(row: &Row) -> String {
    let about: String =
        [&row.variant, &row.twin].into_iter().flatten().map(|text| format!(" {}", one_line(text))).collect();
    format!(
        "{}: {}{about} {} → {}",
        row.change.name(),
        row.id,
        side(row.before.as_ref()),
        side(row.after.as_ref())
    )
}

fn side(side: Option<&Side>) -> String {
    let Some(side) = side else { return "nothing".into() };
    let figure = side.figure.as_ref().map(|figure| format!(" {figure}")).unwrap_or_default();
    let module = side.module.as_deref().map(|module| format!(" at {}", one_line(module))).unwrap_or_default();
    format!("{}{figure}{module}", side.verdict.name())
}
