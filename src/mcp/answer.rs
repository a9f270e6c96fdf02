//! From how a tool ended to what the protocol says: text for the model, the check's result as JSON, and errors with whose
//! fault they are and what to do.

use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Value, json};

use crate::agent::data::ToolOutcome;
use crate::harness::data::RunResult;
use crate::tools::{Artifact, ToolEnd};
use crate::util::blame::{Blame, Report};
use crate::util::text::neutralise;

/// Longer results leave out what `read_run` gives module by module.
const MOST_BYTES: usize = 100_000;
/// Findings that a shortened result keeps of each check.
const MOST_FINDINGS: usize = 20;

/// Gives the result of a call.
pub fn of(end: ToolEnd) -> CallToolResult {
    let mut checks = end.artifacts.into_iter().filter_map(|artifact| match artifact {
        Artifact::Check { result } => Some(structured(*result)),
        _ => None,
    });
    let checked = checks.next_back();
    let mut result = outcome(end.outcome);
    if checked.is_some() {
        result.structured_content = checked;
    }
    result
}

/// Gives the result of an outcome without a check.
pub fn outcome(outcome: ToolOutcome) -> CallToolResult {
    match outcome {
        ToolOutcome::Done { text } => CallToolResult::success(vec![block(&text)]),
        ToolOutcome::Failed { text } => CallToolResult::error(vec![block(&text)]),
        ToolOutcome::Stop { report } => failed(&report),
        ToolOutcome::Interrupted { text } => CallToolResult::error(vec![block(&text)]),
    }
}

/// Says what went wrong, whose fault it is and what to do next.
pub fn failed(report: &Report) -> CallToolResult {
    let mut text = report.text.clone();
    if let Some(detail) = &report.detail {
        text.push('\n');
        text.push_str(detail);
    }
    text.push_str(&format!("\nfault: {}", report.blame.whose()));
    if let Some(hint) = &report.hint {
        text.push_str(&format!("\nnext: {hint}"));
    }
    let mut result = CallToolResult::error(vec![block(&text)]);
    let error = json!({"fault": report.blame, "text": report.text, "hint": report.hint});
    result.structured_content = Some(json!({ "error": error }));
    result
}

/// Refuses a call that was understood.
pub fn refused(text: &str) -> CallToolResult {
    failed(&Report::new(Blame::User, text))
}

fn block(text: &str) -> ContentBlock {
    ContentBlock::text(neutralise(text))
}

/// The `--json` object of `mlxport check`; shortened where it is long.
fn structured(mut result: RunResult) -> Value {
    let whole = serde_json::to_value(&result).unwrap_or_default();
    if whole.to_string().len() <= MOST_BYTES {
        return whole;
    }
    for check in &mut result.checks {
        check.series.clear();
        check.extra.clear();
        check.findings.truncate(MOST_FINDINGS);
    }
    let mut short = serde_json::to_value(&result).unwrap_or_default();
    short["shortened"] = "series, details and further findings: ask read_run".into();
    short
}
