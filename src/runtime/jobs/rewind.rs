//! Runs the jobs of [`crate::app::rewind`]: snapshots, the list, the preview and the way back, off the screen's threads.

use std::sync::Arc;

use super::JobSink;
use crate::app::msg::PaneMsg;
use crate::app::rewind::{Job, Msg};
use crate::git::Repo;
use crate::port::checkpoint::{CheckpointError, Checkpoints, rows};
use crate::runtime::services::Services;
use crate::util::blame::{Blame, Report};

/// Runs one job to its end. None is cancelled half way: a message that comes too late is dropped.
pub(super) async fn run(job: Job, services: Arc<Services>, sink: JobSink) -> Result<(), Report> {
    let connected = services.connected()?;
    let work = move || one(job, &connected.checkpoints);
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| Report::new(Blame::Bug, error.to_string()))?;
    if let Some(msg) = done.map_err(|error| Report::from(&error))? {
        sink.send(PaneMsg::Rewind(msg));
    }
    Ok(())
}

fn one(job: Job, checkpoints: &Checkpoints) -> Result<Option<Msg>, CheckpointError> {
    let said = match job {
        Job::Begin { turn, words } => return checkpoints.begin(turn, &words).map(|_| None),
        Job::End => return checkpoints.end().map(|_| None),
        Job::List => {
            let all = checkpoints.with_now()?;
            Msg::Rows(rows(&Repo::open(checkpoints.checkout())?, &all)?)
        }
        Job::Look { number } => Msg::Preview(Box::new(checkpoints.preview(number)?)),
        Job::Rewind { number, now } => Msg::Done(Box::new(checkpoints.rewind(number, Some(&now))?)),
    };
    Ok(Some(said))
}
