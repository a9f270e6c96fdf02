//! A result as lines for people: `mlxport check`, `--plain` and the end of a demo say the same words. Leaves out the
//! pane, which draws rows of its own from the same data.

use super::data::{CheckRecord, CheckVerdict, RunResult, bar};
use crate::util::text::one_line;

/// One line, with the label that `--plain` puts before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub label: &'static str,
    pub text: String,
}

impl Line {
    fn new(label: &'static str, text: impl Into<String>) -> Self {
        Self { label, text: text.into() }
    }
}

/// Writes a whole result, the verdict last.
pub fn lines(result: &RunResult) -> Vec<Line> {
    let mut lines =
        vec![Line::new("target", format!("{} · {}", result.model_type, one_line(&result.variant)))];
    let shared = shared_error(result);
    let wide = result.checks.iter().map(|check| check.id.name().len()).max().unwrap_or(0).max(7);
    for check in &result.checks {
        lines.push(Line::new("check", row(check, wide, shared.is_some())));
    }
    if let Some(check) = shared {
        error(check, &mut lines);
    }
    if let Some(place) = result.first_divergence() {
        lines.push(Line::new("divergence", format!("first divergence: {}", one_line(&place.module))));
        for (side, at) in [("reference", &place.reference), ("port", &place.port)] {
            let at = at.as_deref().map_or_else(|| "no place known".into(), one_line);
            lines.push(Line::new("divergence", format!("  {side:<9}  {at}")));
        }
    }
    for text in findings(result) {
        lines.push(Line::new("finding", format!("finding: {text}")));
    }
    lines.push(Line::new("verdict", verdict(result)));
    lines
}

/// Writes the last line: `verdict: fail · run 20261123T…`.
pub fn verdict(result: &RunResult) -> String {
    format!("verdict: {} · run {}", result.verdict.name(), result.run_id)
}

/// Writes one check: sign, name, twin, figure, bar and floor, place, seconds.
pub fn row(check: &CheckRecord, wide: usize, terse: bool) -> String {
    let twin =
        [check.variant.as_deref(), check.twin.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let head = format!("{} {:<wide$} {:<9}", check.verdict.sign(), check.id, one_line(&twin));
    if let (Some(error), false) = (&check.error, terse) {
        let hint = error.hint.as_deref().filter(|hint| !hint.is_empty());
        let hint = hint.map(|hint| format!(" ({})", one_line(hint))).unwrap_or_default();
        return format!("{head} {}{hint}", one_line(&error.text));
    }
    let figure = check.figure.as_ref().map_or_else(|| check.verdict.name().to_string(), ToString::to_string);
    let mut text = format!("{head} {:>8}", one_line(&figure));
    if let Some(at) = &check.bar {
        text.push_str(&format!("  bar {:<5}", at.number().map_or_else(|| at.to_string(), bar)));
    }
    if let Some(floor) = &check.floor {
        text.push_str(&format!("  floor {floor}"));
    }
    if let (Some(place), true) = (&check.first_divergence, check.verdict != CheckVerdict::Pass) {
        text.push_str(&format!("  {}", one_line(&place.module)));
    }
    text.push_str(&format!("  {:.2} s", check.seconds));
    text
}

/// Gives the check whose error all checks share: said once, not four times.
fn shared_error(result: &RunResult) -> Option<&CheckRecord> {
    let first = result.checks.first().filter(|check| check.error.is_some())?;
    (result.checks.len() > 1 && result.checks.iter().all(|check| check.error == first.error)).then_some(first)
}

fn error(check: &CheckRecord, lines: &mut Vec<Line>) {
    let Some(error) = &check.error else { return };
    lines.push(Line::new("error", format!("error: {}", one_line(&error.text))));
    lines.push(Line::new("error", format!("fault: {}", error.kind.whose())));
    if let Some(hint) = error.hint.as_deref().filter(|hint| !hint.is_empty()) {
        lines.push(Line::new("error", format!("next:  {}", one_line(hint))));
    }
}

/// Lists findings, each once: both twins make the same ones.
fn findings(result: &RunResult) -> Vec<String> {
    let mut texts = Vec::new();
    for finding in result.checks.iter().flat_map(|check| &check.findings) {
        let text = one_line(&finding.text);
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::super::data::{
        CheckError, CheckId, Divergence, Environment, Figure, Finding, Kind, SCHEMA, Verdict,
    };
    use super::*;

    fn exact() -> CheckRecord {
        let error = CheckError { kind: Kind::Port, text: String::new(), hint: None };
        CheckRecord {
            verdict: CheckVerdict::Fail,
            figure: Some(Figure::Number(0.29)),
            bar: Some(Figure::Number(1e-5)),
            floor: Some(Figure::Number(8.1e-7)),
            twin: Some("std 1.0".into()),
            seconds: 0.061,
            error: None,
            first_divergence: Some(Divergence {
                module: "layers.0.mlp".into(),
                reference: Some("modeling_arcee.py:112".into()),
                port: Some("arcee.py:47".into()),
            }),
            findings: vec![Finding { id: "f".into(), text: "seen\x1b[2J".into(), key: None }],
            ..CheckRecord::failed(CheckId::EXACT, error)
        }
    }

    fn result(checks: Vec<CheckRecord>) -> RunResult {
        RunResult {
            schema: SCHEMA,
            run_id: "r1".into(),
            family: "twin".into(),
            model_type: "arcee".into(),
            variant: "AFM-4.5B".into(),
            verdict: Verdict::Fail,
            checks,
            environment: Environment::new(),
        }
    }

    fn text(result: &RunResult) -> String {
        lines(result).into_iter().map(|line| line.text).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_failure_names_the_place_in_both_sources() {
        let expected = "arcee · AFM-4.5B\n\
            ✗ exact   std 1.0    2.9e-01  bar 1e-5   floor 8.1e-07  layers.0.mlp  0.06 s\n\
            first divergence: layers.0.mlp\n  reference  modeling_arcee.py:112\n  port       arcee.py:47\n\
            finding: seen␛[2J\nverdict: fail · run r1";
        assert_eq!(text(&result(vec![exact()])), expected);
    }

    #[test]
    fn an_error_of_all_checks_is_said_once() {
        let error = CheckError { kind: Kind::Port, text: "raised".into(), hint: Some("look".into()) };
        let checks =
            [CheckId::EXACT, CheckId::DTYPE].map(|id| CheckRecord::failed(id, error.clone())).to_vec();
        let expected = "arcee · AFM-4.5B\n! exact                error  0.00 s\n! dtype                error  0.00 s\n\
            error: raised\nfault: the port\nnext:  look\nverdict: fail · run r1";
        assert_eq!(text(&result(checks)), expected);
    }
}
