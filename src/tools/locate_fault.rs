//! `locate_fault`: the first module that diverges, and the lines around it in both sources side by side in one answer.

use std::fmt::Write;

use futures::FutureExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::data::{Artifact, ToolEnd};
use super::def::{Answer, Class, Desk, Line, ToolDef, Work, blocking};
use super::error::ToolError;
use super::paths::Writable;
use super::variants::{self, Variants};
use super::{args, bound, runs, told};
use crate::agent::data::ToolOutcome;
use crate::harness::data::{CheckId, Divergence, RunResult, TwinRequest};

pub const NAME: &str = "locate_fault";

/// Lines shown on each side of the line that is named.
const USUAL: usize = 12;
const MOST: usize = 60;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    #[serde(default)]
    run: Option<String>,
    #[serde(default)]
    variants: Variants,
    #[serde(default)]
    lines: Option<usize>,
}

pub const DEF: ToolDef = ToolDef {
    name: NAME,
    about: include_str!("../../prompts/tools/locate_fault.md"),
    class: Class::Check,
    schema,
    check: |arguments, _| parse(arguments).map(drop),
    work: Work::Wait(wait),
};

fn schema(_: &Writable) -> Value {
    json!({
        "type": "object",
        "properties": {
            "run": {"type": "string", "description": "A stored run (id, last, last-1 …); the checks run anew when left out"},
            "variants": variants::schema(),
            "lines": {"type": "integer", "minimum": 0, "maximum": MOST, "description": "Lines around each place, 12 when left out"},
        },
        "additionalProperties": false,
    })
}

fn parse(arguments: Value) -> Result<Args, ToolError> {
    let args: Args = args::typed(NAME, arguments)?;
    match args.lines {
        Some(lines) if lines > MOST => {
            Err(ToolError::Arguments { tool: NAME, text: format!("`lines` is at most {MOST}") })
        }
        _ => Ok(args),
    }
}

fn wait(arguments: Value, desk: &Desk, line: Line) -> Answer<'_, ToolEnd> {
    async move {
        let args = parse(arguments)?;
        let around = args.lines.unwrap_or(USUAL);
        let (result, note, artifacts) = match args.run {
            Some(name) => {
                let at = desk.clone();
                let run = blocking(move || runs::find(NAME, &name, &at)).await?;
                let note = runs::stale(&run, desk).unwrap_or_default();
                (run.result, note, Vec::new())
            }
            None => {
                let configs = variants::choose(NAME, &args.variants, desk).await?;
                let count = configs.len();
                let checks = vec![CheckId::EXACT, CheckId::LOCATE];
                let request = TwinRequest { configs, checks, ..TwinRequest::new(&desk.model_type) };
                let asked = desk.services.check_twin(request, line.events(), line.cancel).await;
                let result = asked.map_err(ToolError::Service)?;
                let artifacts = vec![Artifact::Check { result: Box::new(result.clone()) }];
                let note = variants::judged(count, &result, desk);
                (result, note, artifacts)
            }
        };
        let at = desk.clone();
        let (text, summary) = blocking(move || Ok(written(&result, note, around, &at))).await?;
        Ok(ToolEnd { outcome: ToolOutcome::Done { text }, summary, artifacts })
    }
    .boxed()
}

fn written(result: &RunResult, note: String, around: usize, desk: &Desk) -> (String, String) {
    let Some(place) = result.first_divergence() else {
        let mut text = told::run(result, &note, desk);
        text.push_str("no module diverges in this run\n");
        return (text, format!("{}: no module diverges", result.verdict.name()));
    };
    let mut text = format!("verdict: {} (run {})\n", result.verdict.name(), result.run_id);
    if !note.is_empty() {
        let _ = writeln!(text, "{note}");
    }
    told::divergence(&mut text, place, desk);
    let Divergence { reference, port, .. } = place;
    for (side, place) in [("reference", reference), ("port", port)] {
        let shown = place.as_deref().and_then(|place| source(place, around, desk));
        match shown {
            Some(lines) => {
                let _ = writeln!(text, "{side}:\n{lines}");
            }
            None => {
                let _ = writeln!(text, "{side}: its lines are not among the files that tools may read");
            }
        }
    }
    (text, told::summary(result))
}

/// Gives the lines around `file:line`, the line itself marked.
fn source(place: &str, around: usize, desk: &Desk) -> Option<String> {
    let named = desk.name_place(place);
    let (path, line) = named.rsplit_once(':')?;
    let line: usize = line.parse().ok()?;
    let file = desk.roots.file(path).ok()?;
    let text = String::from_utf8_lossy(&std::fs::read(&file.real).ok()?).into_owned();
    let first = line.saturating_sub(around).max(1);
    let mut shown = String::new();
    for (at, text) in text.lines().enumerate().skip(first - 1).take(line + around + 1 - first) {
        let mark = if at + 1 == line { ">" } else { " " };
        let _ = writeln!(shown, "{mark}{:>5}  {}", at + 1, bound::line(text));
    }
    (!shown.is_empty()).then(|| format!("  {}\n{}", file.shown, shown.trim_end()))
}
