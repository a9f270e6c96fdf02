//! `mlxport bench harness`: from the port's save to the verdict.

use std::process::ExitCode;
use std::time::Instant;

use serde::Serialize;

use crate::cli::{Common, INTERRUPTED, output, site, task};
use crate::harness::data::{CheckId, Environment, RunResult, plan};
use crate::harness::{Harness, HarnessError, TwinRequest};
use crate::util::blame::{Blame, Report};
use crate::util::fs::{read_text, write_atomic};
use crate::util::sink::discard;

/// Flags of `mlxport bench harness`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A model type whose port is in the checkout; the file is written again with the same bytes
    #[arg(default_value = "qwen3")]
    model_type: String,
    /// How many runs are measured
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: u32,
}

#[derive(Serialize)]
struct Figures {
    schema: u32,
    model_type: String,
    runs: u32,
    rows: Vec<Figure>,
    environment: Environment,
}

#[derive(Serialize)]
struct Figure {
    checks: Vec<CheckId>,
    p50_ms: f64,
    p95_ms: f64,
    least_ms: f64,
    most_ms: f64,
}

/// Runs `mlxport bench harness`.
pub fn run(args: Args, common: &Common) -> Result<ExitCode, Report> {
    let figures = task::run(async |cancel| {
        let Some(site) = site::find(common, &cancel).await? else { return Ok(None) };
        let harness = Harness::new(site);
        let mut rows = Vec::new();
        let mut environment = Environment::new();
        for checks in [vec![CheckId::EXACT], plan::quick()] {
            let request = TwinRequest { checks: checks.clone(), ..TwinRequest::new(&args.model_type) };
            let mut times = Vec::new();
            // The first two fill the reference's cache and the page cache.
            for run in 0..args.runs + 2 {
                output::progress(&format!("{} checks, run {run} of {}", checks.len(), args.runs + 1));
                let began = Instant::now();
                touch(&harness, &args.model_type)?;
                let done = harness.check_twin(request.clone(), discard(), cancel.clone()).await;
                let took = began.elapsed().as_secs_f64() * 1000.0;
                match done {
                    Ok(result) => environment = judged(result)?.environment,
                    Err(HarnessError::Cancelled) => return Ok(None),
                    Err(error) => return Err(Report::from(&error)),
                }
                times.extend((run >= 2).then_some(took));
            }
            rows.push(figure(checks, times));
        }
        let (model_type, runs) = (args.model_type.clone(), args.runs);
        Ok(Some(Figures { schema: 1, model_type, runs, rows, environment }))
    })?;
    let Some(figures) = figures else { return Ok(ExitCode::from(INTERRUPTED)) };
    show(&figures, common);
    Ok(ExitCode::SUCCESS)
}

/// Saves the port as an editor does: the same bytes in a new file.
fn touch(harness: &Harness, model_type: &str) -> Result<(), Report> {
    let path = harness.site().port_of(model_type);
    let text = read_text(&path).map_err(|error| Report::from(&error))?;
    write_atomic(&path, text.as_bytes()).map_err(|error| Report::from(&error))
}

/// A run without figures would make the times meaningless.
fn judged(result: RunResult) -> Result<RunResult, Report> {
    match result.first_error() {
        None => Ok(result),
        Some(error) => Err(Report::new(Blame::Environment, format!("a run has no figure: {}", error.text))),
    }
}

fn figure(checks: Vec<CheckId>, mut times: Vec<f64>) -> Figure {
    times.sort_by(f64::total_cmp);
    let at = |part: f64| times[((times.len() - 1) as f64 * part).round() as usize];
    Figure { checks, p50_ms: at(0.5), p95_ms: at(0.95), least_ms: at(0.0), most_ms: at(1.0) }
}

fn show(figures: &Figures, common: &Common) {
    if common.json {
        return output::json(figures);
    }
    output::line(&format!(
        "{}: port saved → verdict, warm worker, {} runs each",
        figures.model_type, figures.runs
    ));
    for row in &figures.rows {
        let checks = row.checks.iter().map(|check| check.name()).collect::<Vec<_>>().join(" ");
        output::line(&format!(
            "  {checks:<26} p50 {:>5.0} ms  p95 {:>5.0} ms  ({:.0}–{:.0})",
            row.p50_ms, row.p95_ms, row.least_ms, row.most_ms
        ));
    }
    for (key, value) in &figures.environment {
        output::line(&format!("  {key}: {value}"));
    }
}
