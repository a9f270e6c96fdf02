//! `mlxport check twin --all`: every model type that both libraries have, one after another, with one warm worker.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{show, twin};
use crate::cli::{Common, INTERRUPTED, output, site, task};
use crate::harness::data::{RunResult, SCHEMA, Verdict};
use crate::harness::{Access, Harness, HarnessError};
use crate::util::blame::{Blame, Report};
use crate::util::fs::create_dir;
use crate::util::sink::discard;
use crate::util::text::{one_line, truncate};

#[derive(Serialize)]
struct All {
    schema: u32,
    runs: Vec<RunResult>,
    counts: BTreeMap<&'static str, usize>,
}

/// Runs over all shared model types.
pub fn run(args: twin::Args, common: &Common) -> Result<ExitCode, Report> {
    let runs = task::run(async |cancel| {
        let Some(workspace) = site::workspace(common, &cancel).await? else { return Ok(None) };
        let harness = Harness::new(site::of(&workspace)?);
        let types = types(&harness, &cancel).await?;
        let mut runs = Vec::new();
        for (done, model_type) in types.iter().enumerate() {
            output::progress(&format!("{} of {}: {model_type}", done + 1, types.len()));
            let request = args.request(model_type.clone());
            let asked = request.clone();
            let result = match harness.check_twin(request, discard(), cancel.clone()).await {
                Ok(result) => result,
                Err(HarnessError::Cancelled) => return Ok(None),
                Err(error) => RunResult::could_not_run(&asked, &Report::from(&error)),
            };
            if !common.json {
                show::line("run", &summary(&result), common);
            }
            runs.push(result);
        }
        Ok(Some(runs))
    })?;
    let Some(runs) = runs else { return Ok(ExitCode::from(INTERRUPTED)) };
    Ok(conclude(runs, common))
}

/// Asks the package which types both libraries have: it knows what mlx-lm maps to another module.
async fn types(harness: &Harness, cancel: &CancellationToken) -> Result<Vec<String>, Report> {
    let words = ["check", "list", "--types"].map(String::from);
    create_dir(&harness.site().runs()).map_err(|error| Report::from(&error))?;
    let command = harness.site().package(&words, &Access::default()).cancel(cancel.clone());
    let output = command.run().await.map_err(|error| Report::from(&error))?;
    serde_json::from_slice(&output.stdout)
        .map_err(|error| Report::new(Blame::Bug, format!("the list of model types cannot be read: {error}")))
}

fn conclude(runs: Vec<RunResult>, common: &Common) -> ExitCode {
    let mut counts = BTreeMap::from([("pass", 0), ("suspect", 0), ("fail", 0), ("could_not_run", 0)]);
    for run in &runs {
        let name = match run.verdict {
            Verdict::Pass => "pass",
            Verdict::Suspect => "suspect",
            Verdict::Fail => "fail",
            Verdict::CouldNotRun => "could_not_run",
        };
        *counts.entry(name).or_default() += 1;
    }
    // What failed matters more than what could not run: a caller that sees 2 knows that nothing failed.
    let failed = runs.iter().find(|run| matches!(run.verdict, Verdict::Fail | Verdict::Suspect));
    let worst = failed.or_else(|| runs.iter().find(|run| run.verdict == Verdict::CouldNotRun));
    let code = worst.map_or(0, |run| show::code(run.verdict));
    if common.json {
        output::json(&All { schema: SCHEMA, runs, counts });
    } else {
        let counts: Vec<String> =
            counts.iter().map(|(name, count)| format!("{count} {}", name.replace('_', " "))).collect();
        show::line("counts", &counts.join(" · "), common);
        if common.plain {
            output::line(&format!("exit: {code}"));
        }
    }
    ExitCode::from(code)
}

fn summary(run: &RunResult) -> String {
    let figures: Vec<String> = run
        .checks
        .iter()
        .filter_map(|check| Some(format!("{} {}", check.id, check.figure.as_ref()?)))
        .collect();
    let findings = run.checks.iter().flat_map(|check| &check.findings).map(|finding| finding.id.as_str());
    let mut findings: Vec<&str> = findings.collect();
    findings.sort_unstable();
    findings.dedup();
    let said = match run.first_error() {
        Some(error) => truncate(&one_line(&error.text), 100),
        None => figures.join("  "),
    };
    format!("{:<22} {:<13} {said}  {}", run.model_type, run.verdict.name(), findings.join(" "))
        .trim_end()
        .to_string()
}
