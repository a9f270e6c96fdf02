//! `lint_port`: mlx-lm's conventions on the port or its test as they stand. Reads only.

use serde::Deserialize;
use serde_json::{Value, json};

use super::args;
use super::bound;
use super::error::ToolError;
use super::paths::{Roots, TESTS, Target, Writable};
use crate::agent::data::{Approval, ToolSpec};
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

pub fn spec(writable: &Writable) -> ToolSpec {
    ToolSpec {
        name: NAME.into(),
        description: include_str!("../../prompts/tools/lint_port.md").trim().into(),
        schema: json!({
            "type": "object",
            "properties": {"path": {"type": "string", "enum": [writable.model(), TESTS], "description": "The port when left out"}},
            "additionalProperties": false,
        }),
        approval: Approval::Auto,
    }
}

pub fn parse(arguments: Value, writable: &Writable) -> Result<(Target, String), ToolError> {
    let Args { path } = args::typed(NAME, arguments)?;
    let path = path.unwrap_or_else(|| writable.model().to_string());
    Ok((writable.target(&path)?, path))
}

/// Reads the file that is asked for.
pub fn text(
    (roots, writable): (&Roots, &Writable),
    (target, path): &(Target, String),
) -> Result<String, ToolError> {
    let missing = || ToolError::Edit { text: format!("{path} does not exist yet") };
    writable.read(roots, *target)?.ok_or_else(missing)
}

/// Judges the text. Gives the answer and the card's line.
pub fn run(roots: &Roots, (path, text): (&str, &str), formatted: Formatted) -> (String, String) {
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
