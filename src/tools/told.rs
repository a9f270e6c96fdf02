//! A run of the harness in few words for the model. The verdict is the harness's; this file only writes it down.

use std::fmt::Write;

use serde_json::Value;

use super::bound;
use super::def::Desk;
use crate::harness::data::{self, CheckRecord, Divergence, RunResult};
use crate::util::text::one_line;

/// Most modules of the divergence series that are shown.
const MOST_SERIES: usize = 12;
/// Most findings of one answer.
const MOST_FINDINGS: usize = 40;
/// Most rows of one answer: checks times variants.
const MOST_ROWS: usize = 120;

/// Writes a result for the model, a note below its verdict.
pub fn run(result: &RunResult, note: &str, desk: &Desk) -> String {
    let mut text = format!("verdict: {} (run {})\n", result.verdict.name(), result.run_id);
    if !note.is_empty() {
        let _ = writeln!(text, "{note}");
    }
    for check in result.checks.iter().take(MOST_ROWS) {
        row(&mut text, check);
    }
    if result.checks.len() > MOST_ROWS {
        let _ = writeln!(text, "{} more rows", result.checks.len() - MOST_ROWS);
    }
    if let Some(place) = result.first_divergence() {
        divergence(&mut text, place, desk);
    }
    series(&mut text, result);
    let mut said: Vec<&str> = Vec::new();
    for finding in result.checks.iter().flat_map(|check| &check.findings) {
        // Both twins report the same finding; once is enough for a reader.
        if said.contains(&finding.text.as_str()) {
            continue;
        }
        said.push(&finding.text);
        if said.len() <= MOST_FINDINGS {
            let _ = writeln!(
                text,
                "finding {}: {}",
                one_line(&finding.id),
                bound::line(&one_line(&finding.text))
            );
        }
    }
    if said.len() > MOST_FINDINGS {
        let more = said.len() - MOST_FINDINGS;
        let _ = writeln!(text, "{more} more findings; read_run shows those of one check");
    }
    text
}

/// Writes a result for the card.
pub fn summary(result: &RunResult) -> String {
    match result.first_divergence() {
        Some(place) => format!("check {}: {}", result.verdict.name(), one_line(&place.module)),
        None => format!("check {}", result.verdict.name()),
    }
}

/// Writes where a divergence is, in both sources.
pub fn divergence(text: &mut String, place: &Divergence, desk: &Desk) {
    let shown = |place: &Option<String>| match place {
        Some(place) => one_line(&desk.name_place(place)),
        None => "unknown place".into(),
    };
    let _ = writeln!(text, "first divergent module: {}", one_line(&place.module));
    let _ = writeln!(text, "  reference: {}", shown(&place.reference));
    let _ = writeln!(text, "  port:      {}", shown(&place.port));
}

/// Writes one check's row.
pub fn row(text: &mut String, check: &CheckRecord) {
    let _ = write!(text, "{}: {}", check.id, check.verdict.name());
    if let Some(variant) = &check.variant {
        let _ = write!(text, ", variant {}", one_line(variant));
    }
    if let Some(twin) = &check.twin {
        let _ = write!(text, ", twin {}", one_line(twin));
    }
    if let Some(figure) = &check.figure {
        let metric = one_line(check.metric.as_deref().unwrap_or("figure"));
        let _ = write!(text, ", {metric} {figure}");
    }
    if let Some(unit) = &check.unit {
        let _ = write!(text, " {}", one_line(unit));
    }
    if let Some(bar) = &check.bar {
        let bar = bar.number().map_or_else(|| bar.to_string(), data::bar);
        let _ = write!(text, " (bar {bar})");
    }
    text.push('\n');
    if let Some(error) = &check.error {
        let kind = serde_json::to_value(error.kind).ok();
        let kind = kind.as_ref().and_then(Value::as_str).unwrap_or("unknown");
        let _ = writeln!(text, "  error ({kind}): {}", bound::line(&one_line(&error.text)));
        if let Some(hint) = &error.hint {
            let _ = writeln!(text, "  hint: {}", bound::line(&one_line(hint)));
        }
    }
}

/// Shows how the divergence grows, from a little before the first divergent module on.
fn series(text: &mut String, result: &RunResult) {
    let Some(place) = result.first_divergence() else { return };
    let Some(check) = result.checks.iter().find(|check| !check.series.is_empty()) else { return };
    let at = check.series.iter().position(|(module, _)| *module == place.module).unwrap_or(0);
    let from = at.saturating_sub(MOST_SERIES / 4);
    text.push_str("divergence by module, in order of execution:\n");
    if from > 0 {
        let _ = writeln!(text, "  {from} modules before");
    }
    for (module, figure) in check.series.iter().skip(from).take(MOST_SERIES) {
        let figure = figure.as_ref().map_or_else(|| "no counterpart".into(), ToString::to_string);
        let _ = writeln!(text, "  {} {figure}", one_line(module));
    }
    let rest = check.series.len().saturating_sub(from + MOST_SERIES);
    if rest > 0 {
        let _ = writeln!(text, "  {rest} modules after");
    }
}
