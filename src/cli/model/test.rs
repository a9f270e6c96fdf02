//! `mlxport model test`.

use std::process::ExitCode;
use std::sync::Arc;

use serde_json::json;

use super::Which;
use crate::agent::client::probe::{Finding, Outcome, Step, probe};
use crate::cli::{COULD_NOT_RUN, Common, FAILED, output, task};
use crate::runtime::models::Models;
use crate::util::blame::Report;
use crate::util::sink::Sink;
use crate::util::text::one_line;

pub(super) fn run(which: &Which, common: &Common) -> Result<ExitCode, Report> {
    let settings = common.settings()?;
    let profile = which.profile(&settings)?;
    let models = Models::new(settings);
    if !common.json {
        output::line(&format!("{}  [{}]", one_line(&profile.title()), profile.chosen));
        super::rows(&profile, "      ");
    }
    let human = !common.json;
    let found = task::run(async |cancel| {
        task::until(cancel, async {
            let client = models.client(&profile, &said()).await?;
            let model = models.asked_as(&profile);
            let mut each = |finding: &Finding| {
                if human {
                    show(finding);
                }
            };
            Ok(probe(&client, model.as_deref(), &mut each).await)
        })
        .await
    })?;
    if common.json {
        output::json(
            &json!({"schema": 1, "profile": profile.name, "model": profile.model.value, "findings": found}),
        );
    }
    Ok(code(&found))
}

/// Where words about a wait go.
pub(super) fn said() -> Sink<String> {
    Arc::new(|text: String| output::progress(&text))
}

fn show(finding: &Finding) {
    let sign = match finding.outcome {
        Outcome::Good => "ok  ",
        Outcome::Note => "note",
        Outcome::Bad => "BAD ",
    };
    let seconds = finding.ms as f64 / 1e3;
    output::line(&format!(
        "{sign}  {:<9} {}  ({seconds:.1} s)",
        finding.step.words(),
        one_line(&finding.text)
    ));
    if let Some(report) = &finding.report {
        output::line(&format!("      {:<9} fault: {}", "", report.blame.whose()));
        if let Some(hint) = &report.hint {
            output::line(&format!("      {:<9} → {}", "", one_line(hint)));
        }
    }
}

/// No reply: it could not be tried. A reply without tools: a check failed.
fn code(found: &[Finding]) -> ExitCode {
    let bad =
        |step: Step| found.iter().any(|finding| finding.step == step && finding.outcome == Outcome::Bad);
    if bad(Step::Models) || bad(Step::Reply) {
        return ExitCode::from(COULD_NOT_RUN);
    }
    let tools = found.iter().find(|finding| finding.step == Step::Tool);
    match tools.is_some_and(|finding| finding.outcome != Outcome::Good) {
        true => ExitCode::from(FAILED),
        false => ExitCode::SUCCESS,
    }
}
