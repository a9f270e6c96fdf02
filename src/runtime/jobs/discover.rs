//! Runs the jobs of [`crate::app::pane::configs::discover`].

use std::path::Path;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::JobSink;
use crate::app::PaneMsg;
use crate::app::pane::configs::Msg as PaneMessage;
use crate::app::pane::configs::discover::{Job, Msg, Taken};
use crate::hub::data::discover::Progress;
use crate::hub::data::headers::Origin;
use crate::hub::data::{RepoRef, Wait};
use crate::hub::discover::{Search, look, of_config, wanted};
use crate::hub::remote::Hub;
use crate::hub::{HubError, headers};
use crate::runtime::discover::{Sources, kept, radar, taken};
use crate::runtime::services::Services;
use crate::util::blame::Report;
use crate::util::sink::discard;

/// Runs one job to its end.
pub(super) async fn run(
    job: Job,
    services: Arc<Services>,
    sink: JobSink,
    cancel: CancellationToken,
) -> Result<(), Report> {
    let tell = |sink: &JobSink, msg| sink.send(PaneMsg::Configs(PaneMessage::Discover(msg)));
    let waits = sink.sink(|wait: Wait| PaneMsg::Configs(PaneMessage::Discover(Msg::Wait(wait))));
    let hub = Hub::open(&services.settings, waits).map_err(|error| Report::from(&error))?;
    match job {
        Job::Search { model, limit } => {
            let sources = Sources::of(&services.settings);
            let search = Search {
                hub: &hub,
                wanted: wanted(&model).map_err(|error| Report::from(&error))?,
                limit,
                library: &sources,
                kept: Some(kept(&services.settings)),
                cancel: cancel.clone(),
            };
            let events =
                sink.sink(|found| PaneMsg::Configs(PaneMessage::Discover(Msg::Found(Box::new(found)))));
            let found = search.run(&events).await.map_err(|error| Report::from(&error))?;
            let Some(model_type) = found.model_type.filter(|_| found.progress != Progress::Stopped) else {
                return Ok(());
            };
            let findings = tokio::select! {
                findings = radar(&services.settings, &sources, &model_type) => findings,
                () = cancel.cancelled() => return Ok(()),
            };
            tell(&sink, Msg::Radar(findings));
        }
        Job::Look { id } => {
            let looked = tokio::select! {
                looked = fetch(&hub, &id, &services) => looked.map_err(|error| Report::from(&error)),
                () = cancel.cancelled() => return Ok(()),
            };
            tell(&sink, Msg::Looked { id, looked });
        }
    }
    Ok(())
}

/// Reads the config of a repository, a link, or of a file that is called so.
async fn fetch(hub: &Hub, name: &str, services: &Services) -> Result<Taken, HubError> {
    let path = Path::new(name);
    if path.exists() {
        let config = crate::hub::read(path)?;
        return Ok(Taken {
            id: name.to_string(),
            config: std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()),
            dtype: None,
            custom_code: false,
            fit: of_config(&config),
        });
    }
    let repo = RepoRef::parse(name).map_err(crate::hub::remote::RemoteError::from)?;
    let looked = taken(look(hub, &repo).await?);
    // With headers beside its config a variant can go through `load` and `names`; without, through the twins.
    let cache = services.home().cache();
    match headers::fetch(hub, &cache, &repo, &discard()).await.map(|checkpoint| checkpoint.origin) {
        Ok(Origin::Repo { folder, .. }) => Ok(Taken { config: folder.join("config.json"), ..looked }),
        Ok(Origin::Folder { .. }) => Ok(looked),
        Err(error) => {
            tracing::info!("no headers of {repo}: {error}");
            Ok(looked)
        }
    }
}
