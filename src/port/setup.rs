//! Builds the workspace, step by step. Each step finds out by itself whether it is done, so that a setup which was
//! killed anywhere goes on when it is run again. The screen, the command line and the detached job all call [`setup`].

use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::branch;
use super::checkout::{self, Checkout, Means};
use super::context::Context;
use super::data::{EnvOwner, Machine, SetupEvent, SetupRequest, StepId, Versions, Workspace};
use super::error::PortError;
use super::link;
use super::lock::Recipe;
use super::measure;
use super::python::{self, PythonEnv};
use super::step::{Told, step};
use super::uv::{self, Uv};
use super::workspace;
use crate::config::Settings;
use crate::util::blame::Report;
use crate::util::fs::{FileLock, FsError, create_dir, read_text, write_atomic};
use crate::util::sink::Sink;
use crate::util::text::bytes;

/// What must be free before anything is downloaded; what is already there counts.
const SPACE: u64 = 8_000_000_000;
/// Bytes a second assumed before the first are measured: 200 Mbit/s.
const USUAL_RATE: u64 = 25_000_000;
/// Seconds that compiling the packages takes on two cores.
const COMPILING: u64 = 40;

/// Builds the workspace, or goes on where an earlier run stopped.
pub async fn setup(
    settings: &Settings,
    request: SetupRequest,
    sink: Sink<SetupEvent>,
    cancel: CancellationToken,
) -> Result<Workspace, PortError> {
    let context = Context { settings: settings.clone(), sink, cancel };
    run(&context, &Recipe::embedded(), request).await
}

pub(super) async fn run(
    context: &Context,
    recipe: &Recipe,
    request: SetupRequest,
) -> Result<Workspace, PortError> {
    let began = Instant::now();
    let built = build(context, recipe, request).await;
    let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    (context.sink)(match &built {
        Ok(workspace) => SetupEvent::Finished { workspace: Box::new(workspace.clone()), elapsed_ms },
        Err(error) => SetupEvent::Ended { report: Report::from(error) },
    });
    built
}

async fn build(context: &Context, recipe: &Recipe, request: SetupRequest) -> Result<Workspace, PortError> {
    if let Some(model_type) = &request.model_type {
        branch::check_model_type(model_type)?;
    }
    let env = python::planned(context, recipe);
    plan(context, recipe, &env).await;
    create_dir(&context.home().env())?;
    let lock = lock(context).await?;
    // A uv that outlives a killed setup still works in the environment that the next one would clear.
    lock.share_with_children()?;
    step(context, StepId::Preflight, preflight(context, recipe, &env)).await?;
    let uv = step(context, StepId::Uv, find_uv(context, &env)).await?;
    step(context, StepId::Python, python::make(context, &env, uv.as_ref())).await?;
    step(context, StepId::Packages, python::fill(context, &env, (recipe, uv.as_ref()))).await?;
    step(context, StepId::Compile, python::compile(context, &env, uv.as_ref())).await?;
    let means = Means { recipe, uv: uv.as_ref(), python: &env.python };
    let checkout = step(context, StepId::Checkout, checkout::make(context, means)).await?;
    let branch = step(context, StepId::Branch, open(context, &checkout, &request)).await?;
    let version = recipe.package("mlx-lm").map(|(version, _)| version).unwrap_or_default();
    step(context, StepId::Link, link::link(context, &checkout.path, (&env, &version))).await?;
    let facts = step(context, StepId::Probe, probe(context, recipe, &env)).await?;
    let built = Workspace {
        schema: workspace::SCHEMA,
        home: context.home().root().to_path_buf(),
        python: env.python.clone(),
        env_dir: env.dir.clone(),
        env_owner: env.owner,
        lock: recipe.sha(),
        versions: Versions {
            python: facts.python,
            mlx: facts.mlx,
            mlx_lm: link::checkout_version(&checkout.path),
            transformers: facts.transformers,
            transformers_record: facts.transformers_record,
            torch: facts.torch,
            uv: uv.as_ref().map(|uv| uv.version.clone()).unwrap_or_default(),
        },
        uv: uv.map(|uv| uv.path),
        checkout: checkout.path,
        branch,
        baseline: checkout.baseline,
        remotes: checkout.remotes,
        transformers_dir: facts.transformers_dir,
        machine: Machine::here().await,
    };
    workspace::save(&built)?;
    drop(lock);
    Ok(built)
}

/// Says what is to come, in bytes and seconds.
async fn plan(context: &Context, recipe: &Recipe, env: &PythonEnv) {
    let cost = match env.complete() {
        true => 0,
        false => recipe.bytes.saturating_sub(present(context, recipe).await),
    };
    let seconds = if env.complete() { 0 } else { cost / USUAL_RATE + COMPILING };
    (context.sink)(SetupEvent::Plan { steps: StepId::ALL.to_vec(), bytes: cost, seconds });
}

/// Counts what uv has downloaded already; on another disk it would be copied, not linked, and does not count. A cache
/// shared with other projects holds more than ours.
async fn present(context: &Context, recipe: &Recipe) -> u64 {
    let (cache, home, most) = (uv::cache(context), context.home().root().to_path_buf(), recipe.bytes);
    let count = move || match measure::same_disk(&cache, &home) {
        true => measure::bytes_below(&[cache]).min(most),
        false => 0,
    };
    tokio::task::spawn_blocking(count).await.unwrap_or(0)
}

/// Waits for another process's setup of the same data folder.
async fn lock(context: &Context) -> Result<FileLock, PortError> {
    let path = context.home().env().join("setup.lock");
    let mut said = false;
    loop {
        match FileLock::try_now(&path) {
            Ok(lock) => return Ok(lock),
            Err(FsError::Locked { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        if !said {
            said = true;
            let text = "another mlxport process is setting up this data folder; waiting for it".to_string();
            (context.sink)(SetupEvent::Waiting { step: StepId::Preflight, text });
        }
        tokio::select! {
            () = context.cancel.cancelled() => return Err(PortError::Cancelled),
            () = tokio::time::sleep(Duration::from_millis(200)) => {}
        }
    }
}

async fn preflight(context: &Context, recipe: &Recipe, env: &PythonEnv) -> Result<((), Told), PortError> {
    for folder in [context.home().cache(), context.home().checkouts(), context.home().results()] {
        create_dir(&folder)?;
    }
    let git = context.which("git").ok_or(PortError::NoGit)?;
    // macOS has a git that only asks to install the developer tools.
    let version = context.tool(git).arg("--version").timeout(Duration::from_secs(20)).run().await;
    let git = version.map_err(|_| PortError::NoGit)?.text();
    let root = context.home().root();
    let free = crate::util::fs::free(root).unwrap_or(u64::MAX);
    if !env.complete() && free.saturating_add(present(context, recipe).await) < SPACE {
        let path = root.to_path_buf();
        return Err(PortError::Disk { path, free: bytes(free), wanted: bytes(SPACE) });
    }
    Ok(((), Told::done(format!("{} free, {git}", bytes(free)))))
}

/// uv is needed to build an environment; with the person's own, one that is there is used and none is installed.
async fn find_uv(context: &Context, env: &PythonEnv) -> Result<(Option<Uv>, Told), PortError> {
    if env.owner == EnvOwner::Person {
        let found = uv::find(context).await;
        let told = Told::skipped("env.python is set");
        return Ok((found, told));
    }
    let (uv, told) = uv::find_or_install(context).await?;
    Ok((Some(uv), told))
}

async fn open(
    context: &Context,
    checkout: &Checkout,
    request: &SetupRequest,
) -> Result<(String, Told), PortError> {
    match &request.model_type {
        Some(model_type) => {
            branch::switch(context, &checkout.path, (checkout.baseline.commit(), model_type)).await
        }
        None => Ok((workspace::current_branch(&checkout.path), Told::skipped("no model type was given"))),
    }
}

/// What the probe says.
#[derive(Debug, Deserialize, serde::Serialize)]
struct Facts {
    python: String,
    mlx: String,
    torch: String,
    transformers: String,
    transformers_record: String,
    transformers_dir: std::path::PathBuf,
    errors: Vec<String>,
}

/// Runs the packages once. A complete environment of ours does not change, so what it said is kept.
async fn probe(context: &Context, recipe: &Recipe, env: &PythonEnv) -> Result<(Facts, Told), PortError> {
    let kept = env.dir.join(".mlxport-probe.json");
    if env.owner == EnvOwner::Mlxport
        && let Some(facts) = read_text(&kept).ok().and_then(|text| serde_json::from_str::<Facts>(&text).ok())
    {
        let told = Told::skipped(summary(&facts));
        return Ok((facts, told));
    }
    let command =
        context.tool(&env.python).args(["-I", "-B", "-c", &recipe.probe]).cwd(context.home().cache());
    let text = context.run(StepId::Probe, command.timeout(Duration::from_secs(300))).await?.text();
    let facts: Facts = serde_json::from_str(text.lines().last().unwrap_or_default()).map_err(|error| {
        PortError::BadEnv { python: env.python.clone(), why: format!("odd answer: {error}") }
    })?;
    if !facts.errors.is_empty() {
        return Err(PortError::BadEnv { python: env.python.clone(), why: facts.errors.join("; ") });
    }
    if env.owner == EnvOwner::Mlxport {
        write_atomic(&kept, text.as_bytes())?;
    }
    let told = Told::done(summary(&facts));
    Ok((facts, told))
}

fn summary(facts: &Facts) -> String {
    let Facts { python, mlx, torch, transformers, .. } = facts;
    format!("Python {python}, mlx {mlx}, transformers {transformers}, torch {torch}")
}
