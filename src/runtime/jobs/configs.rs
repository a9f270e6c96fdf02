//! Runs the jobs of [`crate::app::pane::configs`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::JobSink;
use crate::app::PaneMsg;
use crate::app::pane::configs::Msg as PaneMessage;
use crate::app::pane::configs::matrix::{Job, Msg};
use crate::hub;
use crate::hub::data::Defaults;
use crate::runtime::services::Services;
use crate::source;
use crate::util::blame::{Blame, Report};

/// Runs one job to its end.
pub(super) async fn run(
    job: Job,
    _services: Arc<Services>,
    sink: JobSink,
    _cancel: CancellationToken,
) -> Result<(), Report> {
    match job {
        Job::Load { paths, configuration } => {
            let read = tokio::task::spawn_blocking(move || load(&paths, configuration.as_deref()));
            let msg = read.await.map_err(|error| Report::new(Blame::Bug, error.to_string()))?;
            sink.send(PaneMsg::Configs(PaneMessage::Matrix(msg)));
            Ok(())
        }
    }
}

/// Reads what can be read; one bad file does not hide the others.
fn load(paths: &[PathBuf], configuration: Option<&Path>) -> Msg {
    let (mut configs, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        match hub::read(path) {
            Ok(config) => configs.push(config),
            Err(error) => problems.push(Report::from(&error)),
        }
    }
    hub::tell_apart(&mut configs);
    let defaults = configuration.map_or_else(Defaults::new, defaults);
    Msg::Loaded { matrix: hub::matrix(&configs, &defaults), problems }
}

fn defaults(configuration: &Path) -> Defaults {
    let written =
        source::load(configuration).map_or_else(|_| Vec::new(), |loaded| source::class_defaults(&loaded.doc));
    hub::defaults(written.iter().map(|(key, text)| (key.as_str(), text.as_str())))
}
