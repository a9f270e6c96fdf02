//! The harness's own speed: from the port's save to the verdict with a warm worker, and upstream's comparing scripts on
//! the same twin's folder in the same run. Measured, never judged.

use std::path::PathBuf;
use std::time::Instant;

use serde::Serialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::data::{CheckId, Environment, RunResult, TwinRequest, plan};
use super::error::HarnessError;
use super::launch::Access;
use super::service::Harness;
use crate::util::blame::{Blame, Report};
use crate::util::fs::{read_text, write_atomic};
use crate::util::process::ProcessError;
use crate::util::sink::discard;
use crate::util::text::one_line;

/// Takes a line of progress.
type Say<'a> = dyn Fn(&str) + 'a;

/// What is measured.
#[derive(Clone, Debug)]
pub struct Request {
    pub model_types: Vec<String>,
    pub runs: u32,
    /// Whether upstream's scripts run too, and from which clone; without one the same work, written anew.
    pub upstream: Option<Option<PathBuf>>,
    /// A folder of packages that only upstream's scripts need.
    pub upstream_packages: Option<PathBuf>,
}

#[derive(Serialize)]
pub struct Bench {
    pub schema: u32,
    pub runs: u32,
    pub types: Vec<Figures>,
    pub environment: Environment,
}

#[derive(Serialize)]
pub struct Figures {
    pub model_type: String,
    pub rows: Vec<Figure>,
    /// What upstream's three comparing scripts took on the same twin's folder, in this run.
    pub upstream: Option<Value>,
    /// Their time over that of `exact`, and of all quick checks.
    pub ratios: Vec<f64>,
}

#[derive(Serialize)]
pub struct Figure {
    pub checks: Vec<CheckId>,
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub least_ms: f64,
    pub most_ms: f64,
}

/// Measures; none when interrupted.
pub async fn bench(
    harness: &Harness,
    request: &Request,
    say: &Say<'_>,
    cancel: &CancellationToken,
) -> Result<Option<Bench>, Report> {
    let (mut types, mut environment) = (Vec::new(), Environment::new());
    for model_type in &request.model_types {
        let measured = measure(harness, model_type, (request.runs, say), cancel).await?;
        let Some((rows, facts)) = measured else { return Ok(None) };
        environment = facts;
        types.push(Figures { model_type: model_type.clone(), rows, upstream: None, ratios: Vec::new() });
    }
    // After the warm runs, so that neither waits for the other's processes.
    for figures in types.iter_mut().filter(|_| request.upstream.is_some()) {
        let found = upstream(harness, &figures.model_type, (request, say), cancel).await?;
        let Some(found) = found else { return Ok(None) };
        let seconds = found["seconds"].as_f64().unwrap_or_default();
        figures.ratios = figures.rows.iter().map(|row| seconds * 1000.0 / row.p50_ms).collect();
        figures.upstream = Some(found);
    }
    Ok(Some(Bench { schema: 2, runs: request.runs, types, environment }))
}

/// Measures `exact` alone and the quick plan; none when interrupted.
async fn measure(
    harness: &Harness,
    model_type: &str,
    (runs, say): (u32, &Say<'_>),
    cancel: &CancellationToken,
) -> Result<Option<(Vec<Figure>, Environment)>, Report> {
    let mut rows = Vec::new();
    let mut environment = Environment::new();
    for checks in [vec![CheckId::EXACT], plan::quick()] {
        let request = TwinRequest { checks: checks.clone(), ..TwinRequest::new(model_type) };
        let mut times = Vec::new();
        // The first two fill the reference's cache and the page cache.
        for run in 0..runs + 2 {
            say(&format!("{model_type}: {} checks, run {run} of {}", checks.len(), runs + 1));
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
    (request, say): (&Request, &Say<'_>),
    cancel: &CancellationToken,
) -> Result<Option<Value>, Report> {
    let mut words: Vec<String> = ["bench", "twin", model_type, "--json"].map(String::from).to_vec();
    let mut access = Access::default().metering();
    let given = [
        ("--upstream-harness", request.upstream.clone().flatten()),
        ("--upstream-packages", request.upstream_packages.clone()),
    ];
    for (flag, path) in given.into_iter().filter_map(|(flag, path)| Some((flag, path?))) {
        words.extend([flag.into(), path.display().to_string()]);
        access.reads.push(path);
    }
    let command = harness.site().package(&words, &access).cancel(cancel.clone());
    let done = command.run_with(|line| say(&one_line(line))).await;
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
