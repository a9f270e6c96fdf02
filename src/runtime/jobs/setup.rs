//! Runs the jobs of [`crate::app::setup`].

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::JobSink;
use crate::app::setup::Job;
use crate::runtime::services::Services;
use crate::util::blame::{Blame, Report};

/// Runs one job to its end.
pub(super) async fn run(
    job: Job,
    _services: Arc<Services>,
    _sink: JobSink,
    _cancel: CancellationToken,
) -> Result<(), Report> {
    match job {
        Job::Ensure { .. } => Err(Report::new(Blame::Bug, "not connected yet")),
    }
}
