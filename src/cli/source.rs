//! A checkpoint as it is named on the command line: a folder, or a repository of the Hub whose headers are read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::check::family;
use super::{Common, output, task};
use crate::hub::data::headers::{Checkpoint, HeaderEvent, Origin};
use crate::hub::data::{Config, RepoRef, Wait};
use crate::hub::remote::{Hub, RemoteError};
use crate::hub::{self, headers};
use crate::util::blame::{Blame, Report};
use crate::util::sink::Sink;
use crate::util::text;

/// Reads the headers of what is named. Pauses of the Hub's client are told on stderr.
pub async fn headers(named: &str, common: &Common, sink: &Sink<HeaderEvent>) -> Result<Checkpoint, Report> {
    let settings = common.settings()?;
    let cache = settings.home.value.cache();
    let hub = || Hub::open(&settings, waits());
    headers::open(named, hub, &cache, sink).await.map_err(|error| Report::from(&error))
}

/// Gives a folder with config.json and headers, and what it is called: the folder that is named, unread, or the one in
/// which a repository's headers were kept.
pub fn checkpoint(named: &str, common: &Common) -> Result<(PathBuf, String), Report> {
    if headers::is_folder(named) {
        let folder = family::existing(Path::new(named), "the checkpoint folder")?;
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        return Ok((folder, name));
    }
    let read = interruptible(async { headers(named, common, &announced()).await })?;
    match read.origin {
        Origin::Folder { path } | Origin::Repo { folder: path, .. } => Ok((path, read.name)),
    }
}

/// What a check needs of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Config,
    Headers,
}

/// Gives the folder that holds a repository's config.json, and its headers where they are needed.
pub fn repo(named: &str, need: Need, common: &Common) -> Result<PathBuf, Report> {
    if need == Need::Headers {
        return checkpoint(named, common).map(|(folder, _)| folder);
    }
    let settings = common.settings()?;
    let repo = RepoRef::parse(named).map_err(|error| Report::from(&RemoteError::from(error)))?;
    let hub = Hub::open(&settings, waits()).map_err(|error| Report::from(&error))?;
    let cache = settings.home.value.cache();
    interruptible(async {
        headers::fetch_config(&hub, &cache, &repo).await.map_err(|error| Report::from(&error))
    })
}

/// Reads configs as they are named: files and folders as they are, repositories by their config.json, which is fetched.
pub fn configs(named: &[PathBuf], common: &Common) -> Result<Vec<Config>, Report> {
    let one = |path: &PathBuf| {
        let text = path.to_string_lossy();
        let local = headers::is_folder(&text) || text.ends_with(".json");
        let id = RepoRef::parse(&text).ok().filter(|repo| !local && repo.id.owner().is_some());
        let folder = match &id {
            Some(_) => repo(&text, Need::Config, common)?,
            None => path.clone(),
        };
        let config = hub::read(&folder).map_err(|error| Report::from(&error))?;
        Ok(Config { name: id.map_or(config.name, |id| id.to_string()), ..config })
    };
    let mut configs = named.iter().map(one).collect::<Result<Vec<_>, Report>>()?;
    hub::tell_apart(&mut configs);
    Ok(configs)
}

fn interruptible<T>(work: impl Future<Output = Result<T, Report>>) -> Result<T, Report> {
    task::run(async |cancel| {
        tokio::select! {
            done = work => done,
            () = cancel.cancelled() => Err(Report::new(Blame::User, "interrupted")),
        }
    })
}

fn announced() -> Sink<HeaderEvent> {
    Arc::new(|event| {
        if let HeaderEvent::Listed { name, shards, bytes } = event {
            let size = text::bytes(bytes);
            output::progress(&format!("{name}: headers only, {shards} safetensors, {size}"));
        }
    })
}

/// Tells of pauses on stderr.
pub fn waits() -> Sink<Wait> {
    Arc::new(|wait: Wait| output::progress(&wait.line()))
}
