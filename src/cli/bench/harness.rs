//! `mlxport bench harness`: from the port's save to the verdict.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use serde::Serialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::cli::{Common, INTERRUPTED, output, site, task};
use crate::harness::data::{CheckId, Environment, RunResult, plan};
use crate::harness::{Access, Harness, HarnessError, TwinRequest};
use crate::util::blame::{Blame, Report};
use crate::util::fs::{read_text, write_atomic};
use crate::util::process::ProcessError;
use crate::util::sink::discard;
use crate::util::text::one_line;

/// Flags of `mlxport bench harness`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Model types whose ports are in the checkout; the files are written again with the same bytes
    #[arg(default_values = ["qwen3", "falcon_h1"])]
    model_types: Vec<String>,
    /// How many runs are measured
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: u32,
    /// A clone of upstream's harness: its own scripts are run [default: the same work, written anew]
    #[arg(long, value_name = "PATH")]
    upstream_harness: Option<PathBuf>,
    /// Leave upstream's scripts out: they take a minute
    #[arg(long, conflicts_with = "upstream_harness")]
    no_upstream: bool,
}

#[derive(Serialize)]
struct Bench {
    schema: u32,
    runs: u32,
    types: Vec<Figures>,
    environment: Environment,
}

#[derive(Serialize)]
struct Figures {
    model_type: String,
    rows: Vec<Figure>,
    /// What upstream's three comparing scripts took on the same twin's folder, in this run.
    upstream: Option<Value>,
    /// Their time over that of `exact`, and of all quick checks.
    ratios: Vec<f64>,
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
    let bench = task::run(async |cancel| {
        let Some(site) = site::find(common, &cancel).await? else { return Ok(None) };
        let harness = Harness::new(site);
        let (mut types, mut environment) = (Vec::new(), Environment::new());
        for model_type in &args.model_types {
            let measured = measure(&harness, model_type, args.runs, &cancel).await?;
            let Some((rows, facts)) = measured else { return Ok(None) };
            environment = facts;
            types.push(Figures { model_type: model_type.clone(), rows, upstream: None, ratios: Vec::new() });
        }
        // After the warm runs, so that neither waits for the other's processes.
        for figures in types.iter_mut().filter(|_| !args.no_upstream) {
            let Some(found) = upstream(&harness, &figures.model_type, &args, &cancel).await? else {
                return Ok(None);
            };
            let seconds = found["seconds"].as_f64().unwrap_or_default();
            figures.ratios = figures.rows.iter().map(|row| seconds * 1000.0 / row.p50_ms).collect();
            figures.upstream = Some(found);
        }
        Ok(Some(Bench { schema: 2, runs: args.runs, types, environment }))
    })?;
    let Some(bench) = bench else { return Ok(ExitCode::from(INTERRUPTED)) };
    show(&bench, common);
    Ok(ExitCode::SUCCESS)
}

/// Measures `exact` alone and the quick plan; none when interrupted.
async fn measure(
    harness: &Harness,
    model_type: &str,
    runs: u32,
    cancel: &CancellationToken,
) -> Result<Option<(Vec<Figure>, Environment)>, Report> {
    let mut rows = Vec::new();
    let mut environment = Environment::new();
    for checks in [vec![CheckId::EXACT], plan::quick()] {
        let request = TwinRequest { checks: checks.clone(), ..TwinRequest::new(model_type) };
        let mut times = Vec::new();
        // The first two fill the reference's cache and the page cache.
        for run in 0..runs + 2 {
            output::progress(&format!("{model_type}: {} checks, run {run} of {}", checks.len(), runs + 1));
            let began = Instant::now();
            touch(harness, model_type)?;
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
    Ok(Some((rows, environment)))
}

/// Runs upstream's way on the same twin; none when interrupted.
async fn upstream(
    harness: &Harness,
    model_type: &str,
    args: &Args,
    cancel: &CancellationToken,
) -> Result<Option<Value>, Report> {
    let mut words: Vec<String> = ["bench", "twin", model_type, "--json"].map(String::from).to_vec();
    let mut access = Access::default();
    if let Some(path) = &args.upstream_harness {
        words.extend(["--upstream-harness".into(), path.display().to_string()]);
        access.reads.push(path.clone());
    }
    let command = harness.site().package(&words, &access).cancel(cancel.clone());
    let done = command.run_with(|line| output::progress(&one_line(line))).await;
    let output = match done {
        Ok(output) => output,
        Err(ProcessError::Cancelled { .. }) => return Ok(None),
        Err(error) => return Err(Report::from(&error)),
    };
    let wrong = |error| Report::new(Blame::Bug, format!("the bench's figures cannot be read: {error}"));
    serde_json::from_slice(&output.stdout).map(Some).map_err(wrong)
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

fn show(bench: &Bench, common: &Common) {
    if common.json {
        return output::json(bench);
    }
    for figures in &bench.types {
        output::line(&format!(
            "{}: port saved → verdict, warm worker, {} runs each",
            figures.model_type, bench.runs
        ));
        for (index, row) in figures.rows.iter().enumerate() {
            let checks = row.checks.iter().map(|check| check.name()).collect::<Vec<_>>().join(" ");
            let ratio = figures.ratios.get(index).map(|ratio| format!("  upstream's scripts {ratio:.0} ×"));
            output::line(&format!(
                "  {checks:<32} p50 {:>5.0} ms  p95 {:>5.0} ms  ({:.0}–{:.0}){}",
                row.p50_ms,
                row.p95_ms,
                row.least_ms,
                row.most_ms,
                ratio.unwrap_or_default()
            ));
        }
        if let Some(upstream) = &figures.upstream {
            let seconds = upstream["seconds"].as_f64().unwrap_or_default();
            let how = upstream["upstream"].as_str().unwrap_or_default();
            output::line(&format!("  upstream's dtype, predictions and layers ({how}): {seconds:.1} s"));
        }
    }
    for (key, value) in &bench.environment {
        output::line(&format!("  {key}: {value}"));
    }
}
