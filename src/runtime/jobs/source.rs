//! Runs the jobs of [`crate::app::pane::source`].

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio_util::sync::CancellationToken;

use super::JobSink;
use crate::app::PaneMsg;
use crate::app::pane::source::{Job, Msg};
use crate::runtime::services::Services;
use crate::source::{self, LoadedSource};
use crate::util::blame::{Blame, Report};

/// How often watched files are looked at. Polling: two or three files, and every file system and container has it.
const LOOK: Duration = Duration::from_millis(120);

/// Runs one job to its end.
pub(super) async fn run(
    job: Job,
    _services: Arc<Services>,
    sink: JobSink,
    cancel: CancellationToken,
) -> Result<(), Report> {
    match job {
        Job::Watch { paths } => watch(paths, &sink, &cancel).await,
        Job::Load { path } => {
            for msg in blocking(move || read(&path)).await? {
                sink.send(PaneMsg::Source(msg));
            }
            Ok(())
        }
        Job::Nearest { references, models } => {
            let near = blocking(move || nearest(&references, &models)).await??;
            sink.send(PaneMsg::Source(near));
            Ok(())
        }
    }
}

type Stamp = Option<(SystemTime, u64)>;

/// Reads each file now and again whenever it changes, until cancelled.
async fn watch(paths: Vec<PathBuf>, sink: &JobSink, cancel: &CancellationToken) -> Result<(), Report> {
    let mut seen: HashMap<PathBuf, Stamp> = HashMap::new();
    loop {
        for path in &paths {
            let stamp = stamp(path).await;
            if seen.get(path) == Some(&stamp) {
                continue;
            }
            seen.insert(path.clone(), stamp);
            let path = path.clone();
            for msg in blocking(move || read(&path)).await? {
                sink.send(PaneMsg::Source(msg));
            }
        }
        tokio::select! {
            () = cancel.cancelled() => return Ok(()),
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

async fn stamp(path: &Path) -> Stamp {
    let meta = tokio::fs::metadata(path).await.ok()?;
    Some((meta.modified().ok()?, meta.len()))
}

fn read(path: &Path) -> Vec<Msg> {
    let source = match source::load(path) {
        Ok(source) => source,
        Err(error) => return vec![Msg::Missing { path: path.to_path_buf(), report: Report::from(&error) }],
    };
    let open = |path: &Path| source::load(path).ok().map(|loaded| loaded.doc);
    let classes = match is_modular(path) {
        true => source::inherited(&source.doc, &open),
        false => Vec::new(),
    };
    let mut messages = vec![Msg::Loaded { path: path.to_path_buf(), source }];
    if !classes.is_empty() {
        messages.push(Msg::Inherited { path: path.to_path_buf(), classes });
    }
    messages
}

fn nearest(references: &[PathBuf], models: &Path) -> Result<Msg, Report> {
    let load = |path: &PathBuf| source::load(path).ok().map(|LoadedSource { doc, .. }| doc);
    let Some(modeling) = references.first().and_then(load) else { return Ok(Msg::Near(Vec::new())) };
    let modular = references.iter().find(|path| is_modular(path)).and_then(load);
    let ports = source::ports(models).map_err(|error| Report::from(&error))?;
    let mut near = source::nearest(&modeling, modular.as_deref(), &ports);
    near.truncate(20);
    Ok(Msg::Near(near))
}

fn is_modular(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("modular_"))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Report> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Report::new(Blame::Bug, format!("reading a source broke: {error}")))
}
