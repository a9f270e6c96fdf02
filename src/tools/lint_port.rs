//! `lint_port`: mlx-lm's conventions on the port or its test as they stand. Reads only.

use futures::FutureExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::args;
use super::bound;
use super::data::ToolEnd;
use super::def::{Answer, Class, Desk, Line, ToolDef, Work, blocking, done};
use super::error::ToolError;
use super::paths::{Roots, TESTS, Target, Writable};
use crate::lint::{self, Formatted, Linted, Linter, Severity};

pub const NAME: &str = "lint_port";

/// Most findings that are shown.
const MOST: usize = 60;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    #[serde(default)]
    path: Option<String>,
}

pub const DEF: ToolDef = ToolDef {
    name: NAME,
    about: include_str!("../../prompts/tools/lint_port.md"),
    class: Class::Read,
    schema,
    check: |arguments, desk| parse(arguments, &desk.writable).map(drop),
    work: Work::Wait(wait),
};

fn schema(own: &Writable) -> Value {
    json!({
        "type": "object",
        "properties": {"path": {"type": "string", "enum": [own.model(), TESTS], "description": "The port when left out"}},
        "additionalProperties": false,
    })
}

fn wait(arguments: Value, desk: &Desk, line: Line) -> Answer<'_, ToolEnd> {
    async move {
        let wanted = parse(arguments, &desk.writable)?;
        let text = text((&desk.roots, &desk.writable), &wanted)?;
        // What the formatters refuse, the rules name better.
        let formatted = match desk.services.format(text.clone(), line.cancel).await {
            Ok(text) => Formatted::Text(text),
            Err(report) => Formatted::failed(&report),
        };
        let roots = desk.roots.clone();
        blocking(move || Ok(run(&roots, (&wanted.path, &text), formatted))).await.map(done)
    }
    .boxed()
}

fn parse(arguments: Value, writable: &Writable) -> Result<Target, ToolError> {
    let Args { path } = args::typed(NAME, arguments)?;
    writable.target(path.as_deref().unwrap_or(writable.model()))
}

/// Reads the file that is asked for.
fn text((roots, writable): (&Roots, &Writable), target: &Target) -> Result<String, ToolError> {
    let missing = || ToolError::Edit { text: format!("{} does not exist yet", target.path) };
    writable.read(roots, target)?.ok_or_else(missing)
}

/// Judges the text. Gives the answer and the card's line.
fn run(roots: &Roots, (path, text): (&str, &str), formatted: Formatted) -> (String, String) {
    let mut linter = Linter::new(Vec::new(), Some(roots.transformers().to_path_buf()));
    let mut subject = linter.subject(&roots.checkout().join(path), text);
    subject.formatted = formatted;
    let linted = lint::judge(&subject);
    let name = path.rsplit('/').next().unwrap_or_default();
    let summary = format!("lint {name}: {}", lint::counts(&linted));
    (told(path, linted), summary)
}

/// Writes a result for the model: what CI refuses first, since nothing else matters before.
fn told(path: &str, mut linted: Linted) -> String {
    linted.path = path.into();
    linted.findings.sort_by_key(|finding| (finding.severity, finding.line, finding.column));
    let more = linted.findings.len().saturating_sub(MOST);
    let refused = linted.count(Severity::Error);
    let mut shown = linted.clone();
    shown.findings.truncate(MOST);
    let mut lines: Vec<_> = lint::told(&shown).iter().map(|line| bound::line(line)).collect();
    if more > 0 {
        lines.insert(1 + MOST, format!("  {more} more findings; mend these and ask again"));
    }
    lines[0] = format!(
        "{path}: {} ({})",
        lint::counts(&linted),
        if refused > 0 { "upstream's CI would fail" } else { "upstream's CI would take it" }
    );
    lines.join("\n")
}
