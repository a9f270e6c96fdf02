//! Runs the jobs of [`crate::app::pane::configs`].

use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::JobSink;
use crate::app::PaneMsg;
use crate::app::pane::configs::{Job, Msg, ledger, matrix};
use crate::hub::data::{Config, Defaults};
use crate::hub::{self, decisions};
use crate::runtime::services::Services;
use crate::runtime::variants::{self, Evidence};
use crate::util::blame::{Blame, Report};

/// Runs one job to its end.
pub(super) async fn run(
    job: Job,
    services: Arc<Services>,
    sink: JobSink,
    cancel: CancellationToken,
) -> Result<(), Report> {
    match job {
        Job::Matrix(job) => load(job, services, sink, cancel).await,
        Job::Ledger(job) => account(job, services, sink).await,
    }
}

/// Shows what the files and the class's source say at once, and what the class itself says when it has answered.
async fn load(
    job: matrix::Job,
    services: Arc<Services>,
    sink: JobSink,
    cancel: CancellationToken,
) -> Result<(), Report> {
    let matrix::Job { paths, configuration, model_type } = job;
    let begin = move || {
        let (configs, problems) = variants::read(&paths);
        let defaults = variants::from_source(configuration.as_deref(), configs.len());
        (configs, problems, defaults)
    };
    let (configs, problems, defaults) = blocking(begin).await?;
    let configs = Arc::new(configs);
    sink.send(loaded(&configs, &defaults, problems.clone()).await?);
    let Ok(connected) = services.connected() else { return Ok(()) };
    let version = &connected.workspace.versions.transformers;
    let site = connected.harness.site();
    let asked = (model_type.as_deref(), configs.as_slice());
    match variants::from_class(site, version, asked, &cancel).await {
        // A class that knows nothing takes nothing away from what its source says.
        Ok(made) if made.origin != hub::data::Origin::Nowhere => {
            let refused = made.refused.iter().map(|text| Report::new(Blame::User, text.clone()));
            let problems = problems.into_iter().chain(refused).collect();
            sink.send(loaded(&configs, &made, problems).await?);
            Ok(())
        }
        Ok(_) => Ok(()),
        Err(_) if cancel.is_cancelled() => Ok(()),
        Err(report) => Err(report),
    }
}

async fn loaded(
    configs: &Arc<Vec<Config>>,
    defaults: &Defaults,
    problems: Vec<Report>,
) -> Result<PaneMsg, Report> {
    let (configs, class, own) = (Arc::clone(configs), Arc::clone(&defaults.class), defaults.clone());
    let matrix = blocking(move || Arc::new(hub::matrix(&configs, &own))).await?;
    Ok(PaneMsg::Configs(Msg::Matrix(matrix::Msg::Loaded { matrix, class, problems })))
}

async fn account(job: ledger::Job, services: Arc<Services>, sink: JobSink) -> Result<(), Report> {
    let ledger::Job { model_type, references, port, matrix, class, act } = job;
    let home: PathBuf = services.home().root().to_path_buf();
    let results = services.home().results();
    let work = move || {
        match act {
            ledger::Act::Show => Ok(()),
            ledger::Act::Reject { key, reason } => {
                decisions::reject(&home, &model_type, &key, &reason).map(|_| ())
            }
            ledger::Act::Restore { key } => decisions::restore(&home, &model_type, &key).map(|_| ()),
        }
        .map_err(|error| Report::from(&error))?;
        let evidence = Evidence { home, results, model_type, references, port, run: None };
        variants::ledger(&evidence, &matrix, &class)
    };
    let made = blocking(work).await??;
    sink.send(PaneMsg::Configs(Msg::Ledger(ledger::Msg::Loaded(Arc::new(made)))));
    Ok(())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Report> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Report::new(Blame::Bug, format!("reading configs broke: {error}")))
}
