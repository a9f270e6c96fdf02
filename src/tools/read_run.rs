//! `read_run`: the evidence of an earlier run, whole or one check of it; without a run, the list.

use std::fmt::Write;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::def::{Class, Desk, Told, ToolDef, Work};
use super::error::ToolError;
use super::paths::Writable;
use super::{args, bound, runs, told};
use crate::harness::data::{CheckRecord, StoredRun};
use crate::harness::store;
use crate::util::text::one_line;

pub const NAME: &str = "read_run";

/// Most runs of the list.
const MOST_RUNS: usize = 20;
/// Most findings and most modules of one check.
const MOST: usize = 200;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    #[serde(default)]
    run: Option<String>,
    #[serde(default)]
    check: Option<String>,
}

pub const DEF: ToolDef = ToolDef {
    name: NAME,
    about: include_str!("../../prompts/tools/read_run.md"),
    class: Class::Read,
    schema,
    check: |arguments, _| parse(arguments).map(drop),
    work: Work::Read(read),
};

fn schema(_: &Writable) -> Value {
    json!({
        "type": "object",
        "properties": {
            "run": {"type": "string", "description": "A run's id, or last, last-1 …; the list of runs when left out"},
            "check": {"type": "string", "description": "One check of the run, with all that it found"},
        },
        "additionalProperties": false,
    })
}

fn parse(arguments: Value) -> Result<Args, ToolError> {
    let args: Args = args::typed(NAME, arguments)?;
    match (&args.run, &args.check) {
        (None, Some(_)) => Err(ToolError::Arguments {
            tool: NAME,
            text: "`check` needs a `run`; `last` is the newest".into(),
        }),
        _ => Ok(args),
    }
}

fn read(arguments: Value, desk: &Desk, _: &CancellationToken) -> Result<Told, ToolError> {
    let Args { run, check } = parse(arguments)?;
    let Some(name) = run else { return Ok(list(desk)) };
    let run = runs::find(NAME, &name, desk)?;
    let mut text = head(&run, desk);
    let Some(check) = check else {
        text.push_str(&told::run(&run.result, "", desk));
        return Ok((text, format!("read run {}", run.result.run_id)));
    };
    let rows: Vec<&CheckRecord> = run.result.checks.iter().filter(|row| row.id.name() == check).collect();
    if rows.is_empty() {
        let mut names: Vec<String> = run.result.checks.iter().map(|row| row.id.name().to_string()).collect();
        names.dedup();
        let text = format!(
            "run {} has no check `{}`; it has {}",
            run.result.run_id,
            bound::line(&one_line(&check)),
            bound::list(&names, 40)
        );
        return Err(ToolError::Arguments { tool: NAME, text });
    }
    let lines: Vec<String> = rows.into_iter().flat_map(|row| whole(row, desk)).collect();
    text.push_str(&bound::lines(&lines));
    Ok((text, format!("read {check} of run {}", run.result.run_id)))
}

fn list(desk: &Desk) -> Told {
    let stored = store::list(&desk.results, &desk.model_type, MOST_RUNS + 1);
    if stored.is_empty() {
        return (
            format!("no run of {} is stored yet; check_twin makes one", desk.model_type),
            "0 runs".into(),
        );
    }
    let mut text = String::from("newest first:\n");
    for run in stored.iter().take(MOST_RUNS) {
        let result = &run.result;
        let line = format!(
            "{} {} {}: {}",
            result.run_id,
            result.family,
            one_line(&result.variant),
            told::summary(result)
        );
        let _ = writeln!(text, "{}", bound::line(&line));
    }
    if stored.len() > MOST_RUNS {
        text.push_str("and more; name an earlier one as last-20, last-21 …\n");
    }
    (text, format!("{} runs", stored.len().min(MOST_RUNS)))
}

fn head(run: &StoredRun, desk: &Desk) -> String {
    let variant = bound::line(&one_line(&run.result.variant));
    let mut text = format!(
        "run {} of {} at {}, {:.1} s, variants: {variant}\n",
        run.result.run_id,
        run.result.family,
        one_line(&run.asked),
        run.seconds,
    );
    let stale = runs::stale(run, desk);
    let _ = writeln!(
        text,
        "{}",
        stale.as_deref().unwrap_or("current: nothing that it rests on has changed since")
    );
    text
}

/// All that a check has, a line each.
fn whole(row: &CheckRecord, desk: &Desk) -> Vec<String> {
    let mut text = String::new();
    told::row(&mut text, row);
    if let Some(floor) = &row.floor {
        let _ = writeln!(text, "  rounding floor {floor}");
    }
    if let Some(place) = &row.first_divergence {
        told::divergence(&mut text, place, desk);
    }
    let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
    let finding =
        |finding: &crate::harness::data::Finding| format!("  finding {}: {}", finding.id, finding.text);
    lines.extend(row.findings.iter().take(MOST).map(finding));
    let mut more = row.findings.len().saturating_sub(MOST);
    if more > 0 {
        lines.push(format!("  {more} more findings"));
    }
    for (module, figure) in row.series.iter().take(MOST) {
        let figure = figure.as_ref().map_or_else(|| "no counterpart".into(), ToString::to_string);
        lines.push(format!("  {module} {figure}"));
    }
    more = row.series.len().saturating_sub(MOST);
    if more > 0 {
        lines.push(format!("  {more} more modules"));
    }
    lines.extend(row.extra.iter().map(|(key, value)| format!("  {key}: {value}")));
    lines.iter().map(|line| one_line(line)).collect()
}
