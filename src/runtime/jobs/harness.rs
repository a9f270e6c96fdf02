//! Runs the jobs of [`crate::app::pane::harness`].

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::JobSink;
use crate::app::msg::PaneMsg;
use crate::app::pane::harness::{Job, Msg};
use crate::harness::{HarnessError, store};
use crate::runtime::services::Services;
use crate::util::blame::Report;

/// Runs one job to its end.
pub(super) async fn run(
    job: Job,
    services: Arc<Services>,
    sink: JobSink,
    cancel: CancellationToken,
) -> Result<(), Report> {
    let connected = services.connected()?;
    let harness = connected.harness.clone();
    let done = match job {
        Job::Open { model_type, pinned } => {
            let (results, port) = (harness.site().results.clone(), harness.site().port_of(&model_type));
            let last = tokio::task::spawn_blocking(move || {
                let run = store::latest_of(&results, &port)?;
                let evidence = store::evidence(&run);
                Some(Msg::Last { run: Box::new(run), evidence })
            });
            if let Ok(Some(last)) = last.await {
                sink.send(PaneMsg::Harness(last));
            }
            if let Some(id) = pinned {
                let results = harness.site().results.clone();
                let run = tokio::task::spawn_blocking(move || store::load(&results, &id)).await;
                // A run that was removed meanwhile is no longer pinned.
                if let Ok(Ok(run)) = run {
                    sink.send(PaneMsg::Harness(Msg::Pinned { run: Box::new(run) }));
                }
            }
            harness.prewarm(&cancel).await
        }
        Job::Check { request } => {
            let events = sink.sink(|event| PaneMsg::Harness(Msg::Event(Box::new(event))));
            harness.check_twin(*request, events, cancel).await.map(|_| ())
        }
    };
    match done {
        Ok(()) | Err(HarnessError::Cancelled) => Ok(()),
        Err(error) => Err(Report::from(&error)),
    }
}
