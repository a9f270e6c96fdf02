//! `read_source`: lines of one source file, numbered, at most a few hundred at a time.

use std::fmt::Write;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::def::{Class, Desk, Told, ToolDef, Work};
use super::error::ToolError;
use super::paths::{Roots, Writable};
use super::{args, bound};

pub const NAME: &str = "read_source";

const MOST_LINES: usize = 500;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    path: String,
    #[serde(default)]
    start: Option<usize>,
    #[serde(default)]
    end: Option<usize>,
}

pub const DEF: ToolDef = ToolDef {
    name: NAME,
    about: include_str!("../../prompts/tools/read_source.md"),
    class: Class::Read,
    schema,
    check: |arguments, _| parse(arguments).map(drop),
    work: Work::Read(read),
};

fn schema(_: &Writable) -> Value {
    json!({
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "transformers/…, mlx_lm/… or tests/…"},
            "start": {"type": "integer", "minimum": 1, "description": "First line, 1 when left out"},
            "end": {"type": "integer", "minimum": 1, "description": "Last line, inclusive"},
        },
        "required": ["path"],
        "additionalProperties": false,
    })
}

fn read(arguments: Value, desk: &Desk, _: &CancellationToken) -> Result<Told, ToolError> {
    run(&parse(arguments)?, &desk.roots)
}

/// Parses and checks the arguments alone.
fn parse(arguments: Value) -> Result<Args, ToolError> {
    let args: Args = args::typed(NAME, arguments)?;
    let wrong = |text: &str| Err(ToolError::Arguments { tool: NAME, text: text.into() });
    match (args.start, args.end) {
        (Some(0), _) | (_, Some(0)) => wrong("lines are counted from 1"),
        (Some(start), Some(end)) if end < start => wrong("`end` is before `start`"),
        _ => Ok(args),
    }
}

/// Reads the lines. Gives the text and the card's line.
fn run(args: &Args, roots: &Roots) -> Result<(String, String), ToolError> {
    let source = roots.file(&args.path)?;
    let bytes = std::fs::read(&source.real)
        .map_err(|error| ToolError::Read { path: source.shown.clone(), text: error.to_string() })?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let start = args.start.unwrap_or(1);
    if start > lines.len() {
        return Err(ToolError::Arguments {
            tool: NAME,
            text: format!("{} has {} lines; line {start} is past its end", source.shown, lines.len()),
        });
    }
    let wanted = args.end.unwrap_or(usize::MAX).min(lines.len());
    let mut out = String::new();
    let mut last = start - 1;
    for (index, line) in lines.iter().enumerate().take(wanted).skip(start - 1).take(MOST_LINES) {
        let line = format!("{:>5}  {}\n", index + 1, bound::line(line));
        if out.len() + line.len() > bound::MOST_CHARS {
            break;
        }
        out.push_str(&line);
        last = index + 1;
    }
    let mut shown = format!("{}, lines {start}-{last} of {}\n{out}", source.shown, lines.len());
    if last < lines.len() {
        let next = (last + MOST_LINES).min(lines.len());
        let _ = write!(shown, "{} more lines; ask for lines {}-{next}", lines.len() - last, last + 1);
    }
    let name = source.shown.rsplit('/').next().unwrap_or_default();
    Ok((shown, format!("read {name}:{start}-{last}")))
}
