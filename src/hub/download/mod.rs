//! Weights, when the person asks: planned and weighed first, resumed after a cut, each file's size and hash verified, into
//! the standard Hub cache (so that nothing is downloaded twice) or a folder. Ours rather than hf-hub's, whose plain
//! downloads neither resume nor verify.
//!
//! Which files: [`plan`]. Where they go: [`place`]. One file: [`fetch`]. As a job that outlasts the screen: [`job`].
//! Leaves out code that a repository brings: see [`super::code`].

mod error;
mod fetch;
pub mod job;
mod keep;
mod meter;
mod place;
mod plan;

use std::sync::Arc;

use futures::{TryStreamExt, stream};
use tokio_util::sync::CancellationToken;

pub use error::DownloadError;
pub use keep::{Given, keep};

use self::fetch::File;
use self::meter::Meter;
use self::place::Place;
use super::data::{DownloadEvent, DownloadPlan, DownloadRequest, Downloaded, RepoRef};
use super::remote::Hub;
use crate::util::sink::Sink;

/// Files at a time: more do not fill a line better, and each holds a lock.
const AT_ONCE: usize = 4;
/// Free space that is left alone.
const SPARE: u64 = 1 << 30;

/// Says what a download would do; `ram` is the machine's memory in bytes, 0 where unknown.
///
/// # Errors
/// As [`Hub::whole`]; a repository without safetensors.
pub async fn plan(hub: &Hub, request: &DownloadRequest, ram: u64) -> Result<DownloadPlan, DownloadError> {
    let asked = RepoRef { id: request.repo.clone(), revision: request.revision.clone() };
    let info = hub.whole(&asked).await?;
    let repo = info.id.unwrap_or_else(|| request.repo.clone());
    let choice = plan::choose(&repo, info.files)?;
    let place = Place::of(hub.origin(), request, &repo, &info.sha);
    let total = choice.files.iter().map(|file| file.size).sum();
    let have = choice.files.iter().map(|file| place.have(file)).sum();
    let weights = choice.files.iter().filter(|file| plan::is_weights(&file.path)).map(|file| file.size).sum();
    let folder = place.folder();
    Ok(DownloadPlan {
        repo,
        sha: info.sha,
        files: choice.files,
        left_out: choice.left_out,
        total,
        have,
        free: place::free_at(&folder),
        ram,
        weights,
        folder,
    })
}

/// Downloads what [`plan`] said. What was fetched is kept when it ends early, and taken up again the next time.
///
/// # Errors
/// No room, a broken file, the Hub's refusals, a cancel.
pub async fn download(
    hub: &Hub,
    request: &DownloadRequest,
    plan: &DownloadPlan,
    sink: Sink<DownloadEvent>,
    cancel: CancellationToken,
) -> Result<Downloaded, DownloadError> {
    sink(DownloadEvent::Planned { plan: plan.clone() });
    let needed = (plan.total - plan.have.min(plan.total)) + SPARE;
    if let Some(free) = plan.free.filter(|free| *free < needed && plan.have < plan.total) {
        return Err(DownloadError::NoRoom { folder: plan.folder.clone(), needed, free });
    }
    let before = hub.traffic().bytes;
    let place = Arc::new(Place::of(hub.origin(), request, &plan.repo, &plan.sha));
    place.prepare()?;
    let meter = Arc::new(Meter::new(plan, sink.clone()));
    let fetches = stream::iter(plan.files.iter().map(|file| {
        let file = File { hub: hub.clone(), place: place.clone(), meter: meter.clone(), file: file.clone() };
        Ok::<_, DownloadError>(file.fetch())
    }));
    let all = fetches.try_buffer_unordered(AT_ONCE).try_for_each(async |()| Ok(()));
    tokio::select! {
        done = all => done?,
        () = cancel.cancelled() => return Err(DownloadError::Cancelled { kept: meter.done() }),
    }
    meter.tell();
    place.finish(request.revision.as_deref())?;
    Ok(Downloaded {
        repo: plan.repo.clone(),
        sha: plan.sha.clone(),
        folder: place.folder(),
        files: plan.files.len(),
        total: plan.total,
        moved: hub.traffic().bytes - before,
    })
}
