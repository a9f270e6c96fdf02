//! `nearest_ports`: accepted mlx-lm ports ranked against this model's reference, with the reasons.

use std::fmt::Write;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::args;
use super::bound;
use super::def::{Class, Desk, Told, ToolDef, Work};
use super::error::ToolError;
use super::paths::{Roots, Writable};
use crate::source;
use crate::util::blame::Report;

pub const NAME: &str = "nearest_ports";

const USUAL: usize = 6;
const MOST: usize = 20;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    #[serde(default)]
    count: Option<usize>,
}

pub const DEF: ToolDef = ToolDef {
    name: NAME,
    about: include_str!("../../prompts/tools/nearest_ports.md"),
    class: Class::Read,
    schema,
    check: |arguments, _| parse(arguments).map(drop),
    work: Work::Read(read),
};

fn schema(_: &Writable) -> Value {
    json!({
        "type": "object",
        "properties": {
            "count": {"type": "integer", "minimum": 1, "maximum": MOST, "description": "6 when left out"},
        },
        "additionalProperties": false,
    })
}

fn read(arguments: Value, desk: &Desk, _: &CancellationToken) -> Result<Told, ToolError> {
    run(&parse(arguments)?, &desk.roots, &desk.model_type)
}

fn parse(arguments: Value) -> Result<Args, ToolError> {
    let args: Args = args::typed(NAME, arguments)?;
    match args.count {
        Some(count) if !(1..=MOST).contains(&count) => {
            Err(ToolError::Arguments { tool: NAME, text: format!("`count` is from 1 to {MOST}") })
        }
        _ => Ok(args),
    }
}

/// Ranks the ports of the checkout. Gives the text and the card's line.
fn run(args: &Args, roots: &Roots, model_type: &str) -> Result<(String, String), ToolError> {
    let failed = |error: source::SourceError| ToolError::Edit { text: Report::from(&error).to_string() };
    let files = source::reference_files(&roots.transformers().join("models"), model_type).map_err(failed)?;
    let modeling = source::load(&files.modeling).map_err(failed)?.doc;
    let modular = files.modular.and_then(|path| source::load(&path).ok()).map(|loaded| loaded.doc);
    let ports = source::ports(&roots.checkout().join("mlx_lm/models")).map_err(failed)?;
    let near = source::nearest(&modeling, modular.as_deref(), &ports);
    let count = args.count.unwrap_or(USUAL).min(near.len());
    let mut text = format!("nearest to {}, best first:\n", roots.name(&modeling.path));
    for port in &near[..count] {
        let path = roots.name(&port.path);
        let _ = writeln!(text, "{:.2} {path}: {}", port.score, bound::line(&port.reasons.join("; ")));
    }
    if count < near.len() {
        let _ = writeln!(text, "{} more", near.len() - count);
    }
    let best = near.first().map_or("none", |port| port.name.as_str());
    Ok((text, format!("nearest ports: {best}")))
}
