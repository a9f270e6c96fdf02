//! A family as a detached job: a battery outlasts the screen that asked for it, and whoever asks the same again follows
//! the same one.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::data::{Event, FamilyRequest, RunResult};
use super::launch::Site;
use super::service::Harness;
use crate::config::Home;
use crate::util::blame::{Blame, Report};
use crate::util::detached::{self, Ending, Followed, JobSpec};
use crate::util::sink::Sink;

/// The job's kind, as `mlxport __job` knows it.
pub const KIND: &str = "harness";

/// How following ended.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    Done(Box<RunResult>),
    /// The follower left; the job goes on.
    Left,
}

/// Starts the job, or joins the one that does the same, and follows it until it ends or `leave` is cancelled.
pub async fn follow(
    home: &Home,
    program: &Path,
    request: &FamilyRequest,
    sink: Sink<Event>,
    leave: CancellationToken,
) -> Result<End, Report> {
    let args = serde_json::to_value(request).map_err(|error| bug(&error))?;
    let spec = JobSpec { home: home.root().to_path_buf(), kind: KIND.into(), args };
    let relay: Sink<Value> = Arc::new(move |value| {
        // An event of a newer program is skipped, not an error: the ending decides.
        if let Ok(event) = serde_json::from_value(value) {
            sink(event);
        }
    });
    match detached::join(&home.results(), program, &spec, relay, leave)
        .await
        .map_err(|error| Report::from(&error))?
    {
        Followed::Left => Ok(End::Left),
        Followed::Ended(Ending::Done { value }) => {
            Ok(End::Done(Box::new(serde_json::from_value(value).map_err(|error| bug(&error))?)))
        }
        Followed::Ended(Ending::Failed { report }) => Err(report),
        Followed::Ended(Ending::Cancelled) => Err(Report::new(Blame::User, "the run was stopped")
            .hint("what was finished is kept; run it again with --continue FOLDER")),
        Followed::Ended(ending @ Ending::Died { .. }) => {
            let mut report = Report::new(Blame::Environment, "the run's process died");
            report.detail = Some(format!("{ending:?}"));
            Err(report.hint("what was finished is kept; run it again with --continue FOLDER"))
        }
    }
}

/// Stops the job that does this, with all its processes, if it runs.
pub async fn stop(home: &Home, request: &FamilyRequest) -> Result<(), Report> {
    let args = serde_json::to_value(request).map_err(|error| bug(&error))?;
    for (dir, spec) in detached::running(&home.results(), KIND) {
        if spec.args == args {
            detached::cancel(&dir).await.map_err(|error| Report::from(&error))?;
        }
    }
    Ok(())
}

/// Stops the jobs of a family that run, with all their processes; gives how many there were.
pub async fn cancel(home: &Home, family: &str) -> Result<usize, Report> {
    let mut stopped = 0;
    for (dir, spec) in detached::running(&home.results(), KIND) {
        if spec.args["family"] == family {
            detached::cancel(&dir).await.map_err(|error| Report::from(&error))?;
            stopped += 1;
        }
    }
    Ok(stopped)
}

/// Does the work of the job's own process.
pub async fn work(
    site: Site,
    spec: &JobSpec,
    sink: &Sink<Value>,
    cancel: CancellationToken,
) -> Result<Value, Report> {
    let request: FamilyRequest = serde_json::from_value(spec.args.clone()).map_err(|error| bug(&error))?;
    let values = sink.clone();
    let events: Sink<Event> = Arc::new(move |event| {
        if let Ok(value) = serde_json::to_value(&event) {
            values(value);
        }
    });
    let result = Harness::new(site).check_family(request, events, cancel).await;
    serde_json::to_value(result.map_err(|error| Report::from(&error))?).map_err(|error| bug(&error))
}

fn bug(error: &serde_json::Error) -> Report {
    Report::new(Blame::Bug, format!("the run's own data cannot be read: {error}"))
}
