//! Runs the jobs of [`crate::app::pane::harness`].

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::JobSink;
use crate::app::pane::harness::Job;
use crate::runtime::services::Services;
use crate::util::blame::Report;

/// Runs one job to its end.
pub(super) async fn run(
    job: Job,
    _services: Arc<Services>,
    _sink: JobSink,
    _cancel: CancellationToken,
) -> Result<(), Report> {
    match job {}
}
