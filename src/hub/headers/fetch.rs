//! A repository's headers over the network: the small files, then the header of each safetensors file by range, a few at a
//! time. How long a header is, the index's names tell well enough to ask for it in one request.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::stream::{self, StreamExt, TryStreamExt};

use super::assemble::{Found, assemble, found, listed};
use super::error::INDEX;
use super::header;
use super::index::{LARGEST_INDEX, Places};
use super::kept::{Kept, Last};
use super::local::{MODELOPT, SMALL, read_folder};
use super::{Fault, HeaderError};
use crate::hub::data::headers::{Checkpoint, HeaderEvent, Moved, Origin};
use crate::hub::data::{FileAt, RepoFile, RepoId, RepoInfo, RepoRef, Traffic};
use crate::hub::remote::{Ask, Hub, Part, RemoteError};
use crate::hub::{HubError, read};
use crate::util::sink::Sink;

/// Requests at a time.
const AT_ONCE: usize = 16;
/// What is asked for first of a file whose header's length nothing tells.
const FIRST: u64 = 256 << 10;
/// Files of a kind that are some kilobytes; the largest tokenizer_config is 2 MB.
const SMALL_LIMIT: u64 = 16 << 20;

/// Reads the headers of a repository, from the caches as far as they go. No weight is fetched. Dropping it stops it.
///
/// # Errors
/// All that a Hub does, and all that is wrong with the files.
pub async fn fetch(
    hub: &Hub,
    cache: &Path,
    repo: &RepoRef,
    sink: &Sink<HeaderEvent>,
) -> Result<Checkpoint, HubError> {
    let before = hub.traffic();
    let info = match hub.whole(repo).await {
        Ok(info) => info,
        Err(error @ RemoteError::Offline { .. }) => return kept(hub, cache, repo, sink, error).await,
        Err(error) => return Err(error.into()),
    };
    listed_ones(hub, cache, repo, (info, before), sink).await
}

/// Reads the headers of a repository whose files are known; `before` is what had gone over the wire until then.
async fn listed_ones(
    hub: &Hub,
    cache: &Path,
    repo: &RepoRef,
    (info, before): (RepoInfo, Traffic),
    sink: &Sink<HeaderEvent>,
) -> Result<Checkpoint, HubError> {
    let name = repo.to_string();
    let errand = Errand::of(hub, cache, repo, &info);
    let files = by_path(&info);
    let small = errand.small(&info).await?;
    let places = match files.get(INDEX) {
        Some(file) => {
            let bytes = errand.whole(file, LARGEST_INDEX).await?;
            let wrong = |error| HeaderError::Index { place: name.clone(), error };
            Some(Places::parse(&bytes).map_err(wrong)?)
        }
        None => None,
    };
    let names: Vec<String> = info.files.iter().map(|file| file.path.clone()).collect();
    let shards = listed(&name, &names, places.as_ref())?;
    let bytes = shards.iter().filter_map(|shard| files.get(shard.as_str())).map(|file| file.size).sum();
    sink(HeaderEvent::Listed { name: name.clone(), shards: shards.len(), bytes });
    let sizes = places.as_ref().map(Places::header_sizes).unwrap_or_default();
    let (total, mut done) = (shards.len(), 0);
    let wanted: Vec<(RepoFile, Option<u64>)> = shards
        .iter()
        .filter_map(|shard| files.get(shard.as_str()).copied())
        .map(|file| (file.clone(), sizes.get(file.path.as_str()).copied()))
        .collect();
    let reads = wanted.into_iter().map(|(file, guess)| {
        let errand = errand.clone();
        async move { errand.header(&file, guess).await }
    });
    let mut reading = stream::iter(reads).buffered(AT_ONCE);
    let mut read_ones = Vec::with_capacity(total);
    while let Some(one) = reading.next().await {
        read_ones.push(one?);
        done += 1;
        sink(HeaderEvent::Read { done, total, moved: hub.traffic().bytes - before.bytes });
    }
    drop(reading);
    let whole = assemble(&name, read_ones, places.as_ref())?;
    let folder = errand.kept.folder(&info.sha);
    let quant_config = files.contains_key(MODELOPT).then(|| read(&folder.join(MODELOPT))).transpose()?;
    errand.kept.remember(repo.revision(), &info.sha)?;
    let (after, counts) = (hub.traffic(), &errand.counts);
    Ok(Checkpoint {
        config: crate::hub::data::Config { name: name.clone(), ..read(&folder)? },
        name,
        origin: Origin::Repo { id: errand.id.to_string(), sha: info.sha, folder },
        quant_config,
        small: SMALL
            .iter()
            .filter(|name| small.iter().any(|had| had == *name))
            .map(|name| (*name).into())
            .collect(),
        shards: whole.shards,
        tensors: whole.tensors,
        index: whole.index,
        remarks: whole.remarks,
        moved: Moved {
            bytes: after.bytes - before.bytes,
            requests: after.requests - before.requests,
            cached: counts.cached.load(Ordering::Relaxed),
            local: counts.local.load(Ordering::Relaxed),
        },
    })
}

/// Without a network: what was kept last, and how old that is.
async fn kept(
    hub: &Hub,
    cache: &Path,
    repo: &RepoRef,
    sink: &Sink<HeaderEvent>,
    error: RemoteError,
) -> Result<Checkpoint, HubError> {
    let kept = Kept::of(cache, &hub.origin().cache, &repo.id);
    let Some(last) = kept.last(repo.revision()) else { return Err(error.into()) };
    let mut found = read_folder(&last.folder, sink)?;
    found.name = repo.to_string();
    found.config.name.clone_from(&found.name);
    found.remarks.push(format!("offline: read from {}, {}", last.folder.display(), age(&last)));
    found.origin = Origin::Repo { id: repo.id.to_string(), sha: last.sha, folder: last.folder };
    found.moved.cached = found.shards.len() as u64;
    Ok(found)
}

fn age(last: &Last) -> String {
    let passed = last.when.and_then(|when| when.elapsed().ok()).map(|passed| passed.as_secs() / 3600);
    match passed {
        None => "of unknown age".into(),
        Some(hours) if hours < 48 => format!("looked up {hours} hours ago"),
        Some(hours) => format!("looked up {} days ago", hours / 24),
    }
}

/// Fetches config.json and the other small files of a repository, and gives the folder that they are kept in.
///
/// # Errors
/// All that a Hub does, and a repository without a config.json.
pub async fn fetch_config(hub: &Hub, cache: &Path, repo: &RepoRef) -> Result<PathBuf, HubError> {
    let info = match hub.whole(repo).await {
        Ok(info) => info,
        Err(error @ RemoteError::Offline { .. }) => {
            let last = Kept::of(cache, &hub.origin().cache, &repo.id).last(repo.revision());
            return last.map(|last| last.folder).ok_or_else(|| error.into());
        }
        Err(error) => return Err(error.into()),
    };
    let errand = Errand::of(hub, cache, repo, &info);
    errand.small(&info).await?;
    errand.kept.remember(repo.revision(), &info.sha)?;
    Ok(errand.kept.folder(&info.sha))
}

#[derive(Debug, Default)]
struct Counts {
    cached: AtomicU64,
    local: AtomicU64,
}

/// One repository at one commit, while it is being read.
struct Errand {
    hub: Hub,
    kept: Kept,
    id: RepoId,
    sha: String,
    /// The repository, for errors.
    place: String,
    counts: Counts,
}

fn by_path(info: &RepoInfo) -> HashMap<&str, &RepoFile> {
    info.files.iter().map(|file| (file.path.as_str(), file)).collect()
}

impl Errand {
    fn of(hub: &Hub, cache: &Path, repo: &RepoRef, info: &RepoInfo) -> Arc<Self> {
        let id = info.id.clone().unwrap_or_else(|| repo.id.clone());
        let kept = Kept::of(cache, &hub.origin().cache, &id);
        let hub = hub.clone();
        let (sha, place) = (info.sha.clone(), repo.to_string());
        Arc::new(Self { hub, kept, id, sha, place, counts: Counts::default() })
    }

    /// Brings config.json and, as far as they are there, the other small files; gives the names of those.
    async fn small(self: &Arc<Self>, info: &RepoInfo) -> Result<Vec<String>, HubError> {
        let files = by_path(info);
        let Some(config) = files.get("config.json") else {
            return Err(HubError::NoConfig { path: self.place.clone().into() });
        };
        let there = SMALL.iter().chain([&MODELOPT]).filter_map(|name| files.get(name).copied());
        let optional: Vec<RepoFile> = there.cloned().collect();
        let wanted: Vec<RepoFile> = [(*config).clone()].into_iter().chain(optional.iter().cloned()).collect();
        let reads = wanted.into_iter().map(|file| {
            let errand = self.clone();
            async move { errand.whole(&file, SMALL_LIMIT).await }
        });
        stream::iter(reads).buffer_unordered(AT_ONCE).try_for_each(|_| std::future::ready(Ok(()))).await?;
        let named = optional.iter().map(|file| file.path.clone());
        Ok(named.filter(|name| SMALL.contains(&name.as_str())).collect())
    }

    /// Gives a whole small file.
    async fn whole(&self, file: &RepoFile, limit: u64) -> Result<Vec<u8>, HubError> {
        if file.size > limit {
            let what = format!("{} of {}", file.path, self.id);
            return Err(RemoteError::TooLarge { what, size: file.size, limit }.into());
        }
        let bytes = match self.at_hand(file) {
            Some(bytes) => bytes,
            None => self.hub.bytes(&self.at(file), Ask { limit, ..Ask::default() }).await?.1,
        };
        self.kept.keep(&self.sha, file, &bytes)?;
        Ok(bytes)
    }

    /// Gives a file's header, read and checked.
    async fn header(&self, file: &RepoFile, guess: Option<u64>) -> Result<Found, HubError> {
        let bytes = match self.at_hand(file) {
            Some(bytes) => bytes,
            None => self.ranges(file, guess).await?,
        };
        let (kept, sha, file, place) =
            (self.kept.clone(), self.sha.clone(), file.clone(), self.place.clone());
        let read = tokio::task::spawn_blocking(move || {
            let one = found(&place, &file.path, &bytes, Some(file.size))?;
            kept.keep(&sha, &file, &bytes)?;
            Ok(one)
        });
        read.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }

    fn at_hand(&self, file: &RepoFile) -> Option<Vec<u8>> {
        if let Some(bytes) = self.kept.known(file) {
            self.counts.cached.fetch_add(1, Ordering::Relaxed);
            return Some(bytes);
        }
        let bytes = self.kept.standard(file)?;
        self.counts.local.fetch_add(1, Ordering::Relaxed);
        Some(bytes)
    }

    /// Asks for the first bytes, and for the rest of the header where they were too few.
    async fn ranges(&self, file: &RepoFile, guess: Option<u64>) -> Result<Vec<u8>, HubError> {
        let named = |fault: Fault| HeaderError::file(&self.place, &file.path, fault);
        let first = guess.unwrap_or_else(|| FIRST.min((file.size / 2000).max(16 << 10))).min(file.size);
        let mut bytes = self.range(file, 0, first).await?;
        let length = header::length(&bytes, Some(file.size)).map_err(named)?;
        let held = bytes.len() as u64;
        if length > held {
            bytes.extend(self.range(file, held, length).await?);
        }
        bytes.truncate(length as usize);
        Ok(bytes)
    }

    async fn range(&self, file: &RepoFile, start: u64, end: u64) -> Result<Vec<u8>, HubError> {
        if start >= end {
            return Ok(Vec::new());
        }
        let ask = Ask { range: Some(start..end), limit: end - start, ..Ask::default() };
        match self.hub.bytes(&self.at(file), ask).await {
            Ok((reply, bytes)) if matches!(reply.part, Part::From(_)) || start == 0 => Ok(bytes),
            // A server that does not know ranges sends the whole file.
            Ok(_) | Err(RemoteError::TooLarge { .. }) => Err(RemoteError::Malformed {
                host: self.hub.origin().host(),
                what: format!("{} of {}", file.path, self.id),
                why: "a range was asked for, the whole file came".into(),
            }
            .into()),
            Err(error) => Err(error.into()),
        }
    }

    fn at(&self, file: &RepoFile) -> FileAt {
        FileAt { repo: self.id.clone(), revision: self.sha.clone(), path: file.path.clone() }
    }
}

/// Tells a repository from a folder: `./name` and what is there are folders.
pub fn is_folder(text: &str) -> bool {
    let path = Path::new(text);
    path.is_dir() || path.is_file() || path.is_absolute() || text.starts_with('.') || text.starts_with('~')
}

/// Reads a folder or a repository, whichever the text names; the hub is opened only for the latter.
///
/// # Errors
/// As [`fetch`] and [`read_folder`].
pub async fn open(
    text: &str,
    hub: impl FnOnce() -> Result<Hub, RemoteError>,
    cache: &Path,
    sink: &Sink<HeaderEvent>,
) -> Result<Checkpoint, HubError> {
    if is_folder(text) {
        let path = Path::new(text);
        return read_folder(path, sink);
    }
    let repo = RepoRef::parse(text).map_err(RemoteError::from)?;
    fetch(&hub()?, cache, &repo, sink).await
}
