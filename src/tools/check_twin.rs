//! `check_twin`: the harness's verdict on the port as it stands, in few words for the model. The verdict is the
//! harness's; this file only writes it down.

use std::fmt::Write;
use std::sync::Arc;

use futures::FutureExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::args;
use super::data::{Artifact, ToolEnd, ToolEvent};
use super::def::{Answer, Class, Desk, Line, ToolDef, Work};
use super::error::ToolError;
use crate::agent::data::ToolOutcome;
use crate::harness::data::{self, CheckId, CheckRecord, Event, RunResult, TwinRequest, plan};
use crate::util::sink::Sink;

pub const NAME: &str = "check_twin";

/// Most modules of the divergence series that are shown.
const MOST_SERIES: usize = 12;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    #[serde(default)]
    checks: Option<Vec<CheckId>>,
}

pub const DEF: ToolDef = ToolDef {
    name: NAME,
    about: include_str!("../../prompts/tools/check_twin.md"),
    class: Class::Check,
    schema,
    check: |arguments, desk| request(arguments, &desk.model_type).map(drop),
    work: Work::Wait(wait),
};

fn schema(_: &Desk) -> Value {
    json!({
        "type": "object",
        "properties": {
            "checks": {
                "type": "array",
                "items": {"type": "string", "enum": plan::full().iter().map(|id| id.name()).collect::<Vec<_>>()},
                "description": "All when left out",
            },
        },
        "additionalProperties": false,
    })
}

fn wait(arguments: Value, desk: &Desk, line: Line) -> Answer<'_, ToolEnd> {
    async move {
        let request = request(arguments, &desk.model_type)?;
        let sink = line.sink;
        let events: Sink<Event> = Arc::new(move |event| sink(ToolEvent::Harness(event)));
        let checked = desk.services.check_twin(request, events, line.cancel).await;
        let result = checked.map_err(ToolError::Service)?;
        Ok(ToolEnd {
            outcome: ToolOutcome::Done { text: told(&result) },
            summary: summary(&result),
            artifacts: vec![Artifact::Check { result: Box::new(result) }],
        })
    }
    .boxed()
}

/// Turns the arguments into what the harness is asked.
fn request(arguments: Value, model_type: &str) -> Result<TwinRequest, ToolError> {
    let Args { checks } = args::typed(NAME, arguments)?;
    let mut request = TwinRequest::new(model_type);
    if let Some(checks) = checks {
        if checks.is_empty() {
            return Err(ToolError::Arguments {
                tool: NAME,
                text: "`checks` is empty; leave it out for all".into(),
            });
        }
        let known = plan::full();
        if let Some(unknown) = checks.iter().find(|check| !known.contains(check)) {
            let known = known.iter().map(|id| id.name()).collect::<Vec<_>>().join(", ");
            let text = format!("no check is named `{unknown}`; there are {known}");
            return Err(ToolError::Arguments { tool: NAME, text });
        }
        request.checks = plan::order(&checks);
    }
    Ok(request)
}

/// Writes a result for the model.
pub(super) fn told(result: &RunResult) -> String {
    let mut text = format!("verdict: {} (run {})\n", result.verdict.name(), result.run_id);
    for check in &result.checks {
        row(&mut text, check);
    }
    if let Some(place) = result.first_divergence() {
        let _ = writeln!(text, "first divergent module: {}", place.module);
        let _ = writeln!(text, "  reference: {}", place.reference.as_deref().unwrap_or("unknown place"));
        let _ = writeln!(text, "  port:      {}", place.port.as_deref().unwrap_or("unknown place"));
    }
    series(&mut text, result);
    let mut said: Vec<&str> = Vec::new();
    for finding in result.checks.iter().flat_map(|check| &check.findings) {
        // Both twins report the same finding; once is enough for a reader.
        if !said.contains(&finding.text.as_str()) {
            let _ = writeln!(text, "finding {}: {}", finding.id, finding.text);
            said.push(&finding.text);
        }
    }
    text
}

/// Writes a result for the card.
pub(super) fn summary(result: &RunResult) -> String {
    match result.first_divergence() {
        Some(place) => format!("check {}: {}", result.verdict.name(), place.module),
        None => format!("check {}", result.verdict.name()),
    }
}

fn row(text: &mut String, check: &CheckRecord) {
    let _ = write!(text, "{}: {}", check.id, check.verdict.name());
    if let Some(twin) = &check.twin {
        let _ = write!(text, ", twin {twin}");
    }
    if let Some(figure) = &check.figure {
        let metric = check.metric.as_deref().unwrap_or("figure");
        let _ = write!(text, ", {metric} {figure}");
    }
    if let Some(unit) = &check.unit {
        let _ = write!(text, " {unit}");
    }
    if let Some(bar) = &check.bar {
        let bar = bar.number().map_or_else(|| bar.to_string(), data::bar);
        let _ = write!(text, " (bar {bar})");
    }
    text.push('\n');
    if let Some(error) = &check.error {
        let kind = serde_json::to_value(error.kind).ok();
        let kind = kind.as_ref().and_then(Value::as_str).unwrap_or("unknown");
        let _ = writeln!(text, "  error ({kind}): {}", error.text);
        if let Some(hint) = &error.hint {
            let _ = writeln!(text, "  hint: {hint}");
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
        let _ = writeln!(text, "  {module} {figure}");
    }
    let rest = check.series.len().saturating_sub(from + MOST_SERIES);
    if rest > 0 {
        let _ = writeln!(text, "  {rest} modules after");
    }
}
