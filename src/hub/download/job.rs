//! A download as a detached job: it outlasts the screen that asked for it, and whoever asks the same follows the same one.

use std::sync::Arc;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{DownloadError, download, plan};
use crate::config::{Env, Flags, Home, Settings};
use crate::hub::data::{DownloadEvent, DownloadRequest, Downloaded, Wait};
use crate::hub::remote::Hub;
use crate::util::blame::{Blame, Report};
use crate::util::detached::{self, Ending, Followed, JobSpec};
use crate::util::sink::Sink;

/// The job's kind, as `mlxport __job` knows it.
pub const KIND: &str = "download";

/// How following ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    Done(Box<Downloaded>),
    /// The follower left; the job goes on.
    Left,
}

/// Starts the download, or joins the one that does the same, and follows it until it ends or `leave` is cancelled.
///
/// # Errors
/// As [`download`]; a job that died.
pub async fn follow(
    settings: &Settings,
    request: &DownloadRequest,
    sink: Sink<DownloadEvent>,
    leave: CancellationToken,
) -> Result<End, Report> {
    let home = &settings.home.value;
    let args = serde_json::to_value(request).map_err(|error| bug(&error))?;
    let spec = JobSpec { home: home.root().to_path_buf(), kind: KIND.into(), args };
    let relay: Sink<Value> = Arc::new(move |value| {
        // An event of a newer program is skipped, not an error: the ending decides.
        if let Ok(event) = serde_json::from_value(value) {
            sink(event);
        }
    });
    let followed = detached::join(&home.results(), &settings.exe, &spec, relay, leave).await;
    match followed.map_err(|error| Report::from(&error))? {
        Followed::Left => Ok(End::Left),
        Followed::Ended(Ending::Done { value }) => {
            Ok(End::Done(Box::new(serde_json::from_value(value).map_err(|error| bug(&error))?)))
        }
        Followed::Ended(Ending::Failed { report }) => Err(report),
        Followed::Ended(Ending::Cancelled) => Err(Report::from(&DownloadError::Cancelled { kept: 0 })),
        Followed::Ended(Ending::Died { last_words }) => {
            let mut report = Report::new(Blame::Environment, "the download's process died");
            report.detail = Some(last_words).filter(|words| !words.is_empty());
            Err(report.hint("run it again: what was fetched is kept"))
        }
    }
}

/// Stops the downloads that run; gives how many there were. What they fetched is kept.
///
/// # Errors
/// A job that does not end.
pub async fn cancel(home: &Home) -> Result<usize, Report> {
    let running = detached::running(&home.results(), KIND);
    for (dir, _) in &running {
        detached::cancel(dir).await.map_err(|error| Report::from(&error))?;
    }
    Ok(running.len())
}

/// Does the work of the job's own process; `ram` is the machine's memory in bytes.
///
/// # Errors
/// As [`download`].
pub async fn work(
    spec: &JobSpec,
    ram: u64,
    sink: &Sink<Value>,
    cancel: CancellationToken,
) -> Result<Value, Report> {
    let request: DownloadRequest = serde_json::from_value(spec.args.clone()).map_err(|error| bug(&error))?;
    let flags = Flags { home: Some(spec.home.clone()), ..Flags::default() };
    let settings = Settings::load(flags, &Env::from_process()).map_err(|error| Report::from(&error))?;
    let values = sink.clone();
    let events: Sink<DownloadEvent> = Arc::new(move |event| {
        if let Ok(value) = serde_json::to_value(&event) {
            values(value);
        }
    });
    let told = events.clone();
    let waits: Sink<Wait> = Arc::new(move |wait| told(DownloadEvent::Waiting { wait }));
    let hub = Hub::open(&settings, waits).map_err(|error| Report::from(&error))?;
    let done = async {
        let plan = plan(&hub, &request, ram).await?;
        download(&hub, &request, &plan, events, cancel).await
    };
    let done = done.await.map_err(|error| Report::from(&error))?;
    serde_json::to_value(done).map_err(|error| bug(&error))
}

fn bug(error: &serde_json::Error) -> Report {
    Report::new(Blame::Bug, format!("the download's own data cannot be read: {error}"))
}
