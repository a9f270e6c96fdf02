//! Setup as a detached job: it outlasts the screen that asked for it, and whoever asks again follows the same one.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::data::{SetupEvent, SetupRequest, Workspace};
use super::error::PortError;
use crate::config::{Env, Flags, Home, Settings, Source};
use crate::util::blame::{Blame, Report};
use crate::util::detached::{self, Ending, Followed, JobDir, JobError, JobSpec};
use crate::util::sink::Sink;

/// The job's kind, as `mlxport __job` knows it.
pub const KIND: &str = "setup";

/// What the job's process needs besides its environment and config.toml, which it reads by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Args {
    request: SetupRequest,
    /// The `--mlx-lm` of the command line.
    mlx_lm: Option<String>,
    /// The data folder whose environment and cache are used, where it is another.
    #[serde(default)]
    shared: Option<PathBuf>,
}

/// How following a setup ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetupEnd {
    Ready(Box<Workspace>),
    /// The follower left; the job goes on.
    Left,
}

/// Starts the detached setup, or joins the one that runs, and follows it until it ends or `leave` is cancelled.
pub async fn follow_setup(
    settings: &Settings,
    request: SetupRequest,
    sink: Sink<SetupEvent>,
    leave: CancellationToken,
) -> Result<SetupEnd, Report> {
    let mlx_lm = match settings.mlx_lm.source {
        Source::Flag(_) => Some(settings.mlx_lm.value.to_string()),
        Source::Env(_)
        | Source::NamedEnv(_)
        | Source::File { .. }
        | Source::Profile { .. }
        | Source::BuiltIn(_)
        | Source::TokenFile(_)
        | Source::KeyFile(_)
        | Source::Keyring
        | Source::Default => None,
    };
    let home = &settings.home.value;
    let shared = (home.shared() != home.root()).then(|| home.shared().to_path_buf());
    let args = serde_json::to_value(Args { request, mlx_lm, shared }).map_err(|error| bug(&error))?;
    loop {
        let (dir, spec) = match running(home) {
            Some(found) => found,
            None => start(settings, &args).await.map_err(|error| Report::from(&error))?,
        };
        match detached::follow(&dir, relay(sink.clone()), leave.clone())
            .await
            .map_err(|error| Report::from(&error))?
        {
            Followed::Left => return Ok(SetupEnd::Left),
            // Somebody else's setup, of another model type: ours comes after it.
            Followed::Ended(_) if spec.args != args => continue,
            Followed::Ended(ending) => return outcome(ending),
        }
    }
}

/// Cancels the setup that runs; says whether there was one.
pub async fn cancel_setup(home: &Home) -> Result<Cancelled, Report> {
    match running(home) {
        None => Ok(Cancelled::NothingRan),
        Some((dir, _)) => {
            detached::cancel(&dir).await.map_err(|error| Report::from(&error))?;
            Ok(Cancelled::Stopped)
        }
    }
}

/// What a cancel found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    Stopped,
    NothingRan,
}

/// Does the work of the job's own process.
pub async fn work(spec: &JobSpec, sink: &Sink<Value>, cancel: CancellationToken) -> Result<Value, Report> {
    let args: Args = serde_json::from_value(spec.args.clone()).map_err(|error| bug(&error))?;
    let flags = Flags { home: Some(spec.home.clone()), mlx_lm: args.mlx_lm, ..Flags::default() };
    let mut settings = Settings::load(flags, &Env::from_process()).map_err(|error| Report::from(&error))?;
    if let Some(shared) = args.shared {
        settings.home.value = Home::at(shared).nested(&spec.home);
    }
    let values = sink.clone();
    let events: Sink<SetupEvent> = Arc::new(move |event| {
        if let Ok(value) = serde_json::to_value(&event) {
            values(value);
        }
    });
    let workspace = super::setup(&settings, args.request, events, cancel).await;
    let workspace = workspace.map_err(|error: PortError| Report::from(&error))?;
    serde_json::to_value(workspace).map_err(|error| bug(&error))
}

fn running(home: &Home) -> Option<(JobDir, JobSpec)> {
    detached::running(&home.results(), KIND).pop()
}

async fn start(settings: &Settings, args: &Value) -> Result<(JobDir, JobSpec), JobError> {
    let home = &settings.home.value;
    let spec = JobSpec { home: home.root().to_path_buf(), kind: KIND.into(), args: args.clone() };
    let dir = detached::start(&home.results(), &settings.exe, &spec).await?;
    Ok((dir, spec))
}

fn relay(sink: Sink<SetupEvent>) -> Sink<Value> {
    Arc::new(move |value| {
        // An event of a newer program is skipped, not an error: the ending decides.
        if let Ok(event) = serde_json::from_value(value) {
            sink(event);
        }
    })
}

fn outcome(ending: Ending) -> Result<SetupEnd, Report> {
    match ending {
        Ending::Done { value } => {
            let workspace = serde_json::from_value(value).map_err(|error| bug(&error))?;
            Ok(SetupEnd::Ready(Box::new(workspace)))
        }
        Ending::Failed { report } => Err(report),
        Ending::Cancelled => Err(Report::from(&PortError::Cancelled)),
        ending @ Ending::Died { .. } => {
            let mut report = Report::new(Blame::Environment, "the setup's process died");
            report.detail = Some(format!("{ending:?}"));
            Err(report.hint("run `mlxport setup` again: finished steps are kept"))
        }
    }
}

fn bug(error: &serde_json::Error) -> Report {
    Report::new(Blame::Bug, format!("setup's own data cannot be read: {error}"))
}
