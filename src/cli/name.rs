//! What MODEL of `mlxport port MODEL` turns out to be, before the screen is opened: the session is named after it.

use std::path::{Path, PathBuf};

use super::source::waits;
use super::{output, task};
use crate::app::pane::configs::discover::Taken;
use crate::config::Settings;
use crate::hub::data::RepoRef;
use crate::hub::data::discover::Wanted;
use crate::hub::discover::{Search, look, wanted};
use crate::hub::remote::Hub;
use crate::runtime::discover::{Sources, taken};
use crate::util::blame::Report;
use crate::util::text::one_line;

/// What MODEL turned out to be.
pub struct Named {
    pub model_type: String,
    pub config: Option<PathBuf>,
    /// A repository whose config is chosen; discovery starts from it.
    pub taken: Option<Taken>,
}

/// Takes a model type, a class, a repository or link, or the folder or file of a checkpoint's config. Only the second and the
/// third may ask the Hub.
pub fn named_model(model: &str, settings: &Settings) -> Result<Named, Report> {
    let wanted = wanted(model).map_err(|error| Report::from(&error))?;
    match wanted {
        Wanted::ModelType(model_type) => Ok(Named { model_type, config: None, taken: None }),
        Wanted::Folder(path) => {
            // By the path as it was typed, for the words of an error.
            let model_type = crate::hub::model_type(Path::new(model))?;
            Ok(Named { model_type, config: Some(path), taken: None })
        }
        Wanted::Class(_) | Wanted::Repo(_) => asked(wanted, settings),
    }
}

fn asked(wanted: Wanted, settings: &Settings) -> Result<Named, Report> {
    let hub = Hub::open(settings, waits()).map_err(|error| Report::from(&error))?;
    let sources = Sources::of(settings);
    let repo = match &wanted {
        Wanted::Repo(repo) => Some(repo.clone()),
        _ => None,
    };
    task::run(async |cancel| {
        let search = Search { hub: &hub, wanted, limit: 0, library: &sources, kept: None, cancel };
        let (model_type, notes) = search.name().await.map_err(|error| Report::from(&error))?;
        notes.iter().for_each(|note| output::progress(&format!("[note] {}", one_line(&note.text))));
        let taken = match repo {
            Some(repo) => Some(config_of(&hub, &repo).await?),
            None => None,
        };
        Ok(Named { model_type, config: taken.as_ref().map(|taken| taken.config.clone()), taken })
    })
}

async fn config_of(hub: &Hub, repo: &RepoRef) -> Result<Taken, Report> {
    look(hub, repo).await.map(taken).map_err(|error| Report::from(&error))
}
