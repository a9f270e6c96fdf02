//! One job for one wish: whoever asks for the same follows the same process.

use std::path::Path;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::data::{JobDir, JobSpec, State};
use super::error::JobError;
use super::follow::{Followed, follow, list};
use super::start::start;
use crate::util::sink::Sink;

/// Follows the job that does `spec`, which is started unless it runs already. `exe` is this program.
///
/// # Errors
/// The job's process cannot be started, or its files cannot be read.
pub async fn join(
    results: &Path,
    exe: &Path,
    spec: &JobSpec,
    sink: Sink<Value>,
    leave: CancellationToken,
) -> Result<Followed, JobError> {
    let same = running(results, &spec.kind).into_iter().find(|(_, other)| other.args == spec.args);
    let dir = match same {
        Some((dir, _)) => dir,
        None => start(results, exe, spec).await?,
    };
    follow(&dir, sink, leave).await
}

/// Lists the jobs of a kind that have not ended.
pub fn running(results: &Path, kind: &str) -> Vec<(JobDir, JobSpec)> {
    let alive = |state: &State| !matches!(state, State::Ended(_));
    let jobs = list(results).into_iter();
    jobs.filter(|(_, spec, state)| spec.kind == kind && alive(state))
        .map(|(dir, spec, _)| (dir, spec))
        .collect()
}
