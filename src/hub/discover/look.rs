//! A closer look at one repository: its config.json, fetched into the Hub cache where every other tool finds it, and what
//! that says.

use std::path::PathBuf;

use super::cached::text_type;
use super::fit;
use crate::hub;
use crate::hub::HubError;
use crate::hub::data::discover::Fit;
use crate::hub::data::{Config, FileAt, Json, RepoRef};
use crate::hub::download::{DownloadError, Given, keep};
use crate::hub::remote::{Ask, Hub, RemoteError};

const LARGEST: u64 = 4 << 20;

/// What a config.json says of its checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Looked {
    pub repo: RepoRef,
    /// In the Hub cache.
    pub config: PathBuf,
    pub model_type: Option<String>,
    /// The model_type of its text_config.
    pub text_type: Option<String>,
    pub fit: Fit,
    /// As the config writes it, and by which key.
    pub dtype: Option<(String, &'static str)>,
    /// It needs code of its repository.
    pub custom_code: bool,
    pub quant_method: Option<String>,
}

/// Fetches and reads a repository's config.json; one that the cache has at this revision is not fetched again when offline.
pub async fn look(hub: &Hub, repo: &RepoRef) -> Result<Looked, HubError> {
    let config = match fetch(hub, repo).await {
        Ok(path) => path,
        // What was seen before is better than nothing where the network is the reason.
        Err(error) => match (is_network(&error), in_cache(hub, repo)) {
            (true, Some(path)) => path,
            _ => return Err(error),
        },
    };
    let read = hub::read(&config)?;
    Ok(of(repo, config, &read))
}

/// Gives the config.json that the cache has for a repository, if it has one.
pub fn in_cache(hub: &Hub, repo: &RepoRef) -> Option<PathBuf> {
    let folder = hub.origin().cache.join(repo.id.cache_folder());
    let revision = repo.revision();
    let commit =
        std::fs::read_to_string(folder.join("refs").join(revision)).unwrap_or_else(|_| revision.into());
    let path = folder.join("snapshots").join(commit.trim()).join("config.json");
    path.is_file().then_some(path)
}

async fn fetch(hub: &Hub, repo: &RepoRef) -> Result<PathBuf, HubError> {
    if hub.origin().offline {
        let what = format!("config.json of {repo}");
        return Err(RemoteError::Offline { what }.into());
    }
    let at =
        FileAt { repo: repo.id.clone(), revision: repo.revision().to_string(), path: "config.json".into() };
    let (reply, bytes) = hub.bytes(&at, Ask { limit: LARGEST, ..Ask::default() }).await?;
    // An error page in the cache would be believed by everyone.
    let text = std::str::from_utf8(&bytes).map_err(|_| not_a_config(repo, "it is not UTF-8".into()))?;
    hub::parse(text).map_err(|error| not_a_config(repo, error.to_string()))?;
    let commit = reply.commit.clone().unwrap_or_else(|| repo.revision().to_string());
    let (Some(commit), Some(etag)) = (plain(&commit), reply.etag.as_deref().and_then(plain)) else {
        return Err(not_a_config(repo, "the Hub names neither its commit nor its hash".into()));
    };
    let (cache, repo) = (hub.origin().cache.clone(), repo.clone());
    let (commit, etag) = (commit.to_string(), etag.to_string());
    // Another process may hold the file's lock: no thread that other work needs waits for it.
    let kept = tokio::task::spawn_blocking(move || {
        keep(&cache, &repo, Given { path: "config.json", commit: &commit, etag: &etag, bytes: &bytes })
    });
    let kept = kept.await.unwrap_or(Err(DownloadError::Cancelled { kept: 0 }));
    kept.map_err(|error| HubError::Kept(Box::new(error)))
}

/// What becomes part of a path must be one plain name.
fn plain(text: &str) -> Option<&str> {
    let good =
        !text.is_empty() && text.len() <= 128 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    good.then_some(text)
}

fn of(repo: &RepoRef, path: PathBuf, config: &Config) -> Looked {
    let find = |key: &str| config.root.iter().find(|member| member.key == key).map(|member| &member.value);
    let text = |value: &Json| match value {
        Json::Text(text) => Some(text.clone()),
        _ => None,
    };
    let inner = |block: &str, key: &str| match find(block) {
        Some(Json::Object(members)) => {
            members.iter().find(|member| member.key == key).and_then(|member| text(&member.value))
        }
        _ => None,
    };
    let dtype = ["dtype", "torch_dtype"].into_iter().find_map(|key| Some((text(find(key)?)?, key)));
    let nested = || {
        let own = inner("text_config", "dtype").map(|dtype| (dtype, "text_config.dtype"));
        own.or_else(|| inner("text_config", "torch_dtype").map(|dtype| (dtype, "text_config.torch_dtype")))
    };
    Looked {
        repo: repo.clone(),
        config: path,
        model_type: config.model_type.clone(),
        text_type: text_type(config),
        fit: fit::of_config(config),
        dtype: dtype.or_else(nested),
        custom_code: find("auto_map").is_some(),
        quant_method: inner("quantization_config", "quant_method"),
    }
}

fn is_network(error: &HubError) -> bool {
    matches!(
        error,
        HubError::Remote(
            RemoteError::Offline { .. }
                | RemoteError::Connect { .. }
                | RemoteError::Stalled { .. }
                | RemoteError::RateLimited { .. }
                | RemoteError::Cut { .. }
                | RemoteError::Status { status: 500.., .. }
        )
    )
}

fn not_a_config(repo: &RepoRef, why: String) -> HubError {
    HubError::NotAConfig { repo: repo.to_string(), why }
}
