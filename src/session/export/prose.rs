//! The words that all forms share.

use super::Document;
use crate::agent::data::{Mark, Pin};
use crate::harness::data::RunResult;
use crate::util::text::one_line;

/// The document's title.
pub fn title(document: &Document) -> String {
    let header = &document.session;
    let what = if header.model_type.is_empty() { "no architecture" } else { &header.model_type };
    let kind = if header.recording { "recorded session" } else { "session" };
    format!("mlxport {kind}: {what}")
}

/// What is known of the session.
pub fn facts(document: &Document) -> Vec<(String, String)> {
    let header = &document.session;
    let mut facts = vec![("session".to_string(), header.session.clone())];
    for (name, value) in [("begun", &header.created), ("language model", &header.model)] {
        if !value.is_empty() {
            facts.push((name.into(), value.clone()));
        }
    }
    facts.extend(header.versions.iter().map(|(name, version)| (name.clone(), version.clone())));
    let checks = runs(document);
    if !checks.is_empty() {
        facts.push(("checks".into(), checks.join(", ")));
    }
    if document.skipped > 0 {
        let text = format!("{} damaged or of a later version, left out", document.skipped);
        facts.push(("lines of the log".into(), text));
    }
    let note = "written by the program from its log, cleaned of keys and folders; not text for upstream";
    facts.push(("this document".into(), note.into()));
    facts
}

/// Every run with its verdict, in order.
fn runs(document: &Document) -> Vec<String> {
    let mut out = Vec::new();
    for piece in &document.pieces {
        let results: Vec<&RunResult> = match piece {
            super::Piece::Check { result, .. } => vec![result],
            super::Piece::Tool(call) => call.checks.iter().collect(),
            _ => Vec::new(),
        };
        out.extend(results.iter().map(|run| format!("{} {}", run.run_id, run.verdict.name())));
    }
    out
}

/// A moment, without its fractions.
pub fn time(ts: &str) -> String {
    let second = ts.get(..19).unwrap_or(ts);
    one_line(&format!("{} UTC", second.replacen('T', " ", 1)))
}

/// Says why a message is not whole.
pub fn mark(mark: Mark) -> &'static str {
    match mark {
        Mark::Whole => "whole",
        Mark::Interrupted => "interrupted by the person",
        Mark::Cut => "cut off; tried again",
        Mark::Truncated => "cut at the limit of output tokens",
    }
}

/// Writes a fact.
pub fn fact(pin: &Pin) -> String {
    crate::agent::data::fact_line(pin)
}

/// A run as lines: what it judged, each check, verdict and run id.
pub fn run(result: &RunResult) -> String {
    let mut out = format!("check {} {} {}\n", result.family, result.model_type, one_line(&result.variant));
    for check in &result.checks {
        let mut line = format!("{} {:<8}", check.verdict.sign(), check.id.name());
        line.extend(check.twin.iter().map(|twin| format!(" {}", one_line(twin))));
        line.extend(check.figure.iter().map(|figure| format!("  {figure}")));
        line.extend(check.bar.iter().map(|bar| format!("  bar {bar}")));
        line.extend(check.error.iter().map(|error| format!("  {}", one_line(&error.text))));
        line.extend(check.first_divergence.iter().map(|at| format!("  first at {}", one_line(&at.module))));
        out.push_str(&line);
        out.push('\n');
    }
    out.push_str(&format!("verdict: {} run {}", result.verdict.name(), result.run_id));
    out
}
