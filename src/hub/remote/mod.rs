//! The client of a Hub: what it says of repositories, and their files by range. hf-hub gives the types of the answers and
//! reads the cache; requests are made here, because hf-hub has no timeouts, drops Retry-After between pages, tries again
//! without a word, and cannot be told to send no token.
//!
//! Leaves out what the answers mean: see [`super::headers`], [`super::discover`] and [`super::download`].

mod error;
mod http;
mod origin;
mod translate;

use futures::Stream;
use futures::stream;
use hf_hub::HFClient;
use hf_hub::repository::ModelInfo;
use reqwest::Url;
use serde::de::DeserializeOwned;

pub use error::{RemoteError, Token};
pub use http::{Ask, Attempts, Part, Reply};
pub use origin::{Origin, Patience};

use self::http::Http;

use super::data::{FileAt, RepoFile, RepoInfo, RepoRef, Traffic, Wait};
use crate::config::Settings;
use crate::util::sink::Sink;

/// The longest page of a listing or an info. An info with ten thousand files is 2 MB.
const PAGE: u64 = 32 << 20;

/// One Hub. Cheap to clone; all clones share connections and counts.
#[derive(Clone, Debug)]
pub struct Hub {
    http: Http,
    cached: HFClient,
}

/// What to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// One tag: a model_type such as `qwen3`, `base_model:org/name`, `text-generation`.
    pub filter: Option<String>,
    /// Part of the name.
    pub search: Option<String>,
    pub author: Option<String>,
    /// `text-generation`, …
    pub task: Option<String>,
    /// `downloads`, `likes`, `createdAt`, `lastModified`, `trendingScore`; descending.
    pub sort: Option<&'static str>,
    /// The most repositories in one page, up to 1,000.
    pub page: u32,
}

impl Hub {
    /// Makes a client of the settings' Hub. Opens no connection; `waits` is told before each pause.
    ///
    /// # Errors
    /// An endpoint that is no URL, no cache folder, no certificates.
    pub fn open(settings: &Settings, waits: Sink<Wait>) -> Result<Self, RemoteError> {
        Self::at(Origin::of(settings)?, waits)
    }

    /// Makes a client of one Hub.
    ///
    /// # Errors
    /// No certificates.
    pub fn at(origin: Origin, waits: Sink<Wait>) -> Result<Self, RemoteError> {
        let http = Http::new(origin, waits)?;
        Ok(Self { cached: translate::cached(&http.origin)?, http })
    }

    /// Gives endpoint, cache folder and patience.
    pub fn origin(&self) -> &Origin {
        &self.http.origin
    }

    /// Gives what went over the wire so far.
    pub fn traffic(&self) -> Traffic {
        self.http.traffic()
    }

    /// Gives hf-hub's own client, for its reading of the cache; it makes no request.
    pub fn cached(&self) -> &HFClient {
        &self.cached
    }

    /// Asks what a repository is at a revision; without files.
    ///
    /// # Errors
    /// Gated, private, missing, renamed away, offline, and all that a network does.
    pub async fn info(&self, repo: &RepoRef) -> Result<RepoInfo, RemoteError> {
        let rest: &[&str] = match &repo.revision {
            Some(revision) => &["revision", revision],
            None => &[],
        };
        let ask = Ask { what: repo.to_string(), limit: PAGE, ..Ask::default() };
        let asked = self.http.fetch(&self.api_url(repo, rest), &ask).await;
        let (_, bytes) = asked.map_err(|error| translate::about(error, &self.http.origin, repo, None))?;
        let info: ModelInfo = self.read(&bytes, &ask.what)?;
        Ok(translate::info(info))
    }

    /// Lists every file of a repository at a revision, with sizes and hashes.
    ///
    /// # Errors
    /// As [`Hub::info`].
    pub async fn files(&self, repo: &RepoRef) -> Result<Vec<RepoFile>, RemoteError> {
        let what = format!("the files of {repo}");
        let mut url = self.api_url(repo, &["tree", repo.revision()]);
        url.query_pairs_mut().append_pair("recursive", "true");
        let mut files = Vec::new();
        let mut next = Some(url);
        while let Some(url) = next {
            let page = self.page::<translate::TreeEntry>(&url, &what).await;
            let (entries, following) =
                page.map_err(|error| translate::about(error, &self.http.origin, repo, None))?;
            files.extend(entries.into_iter().filter_map(translate::file));
            next = following;
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    /// Asks for one repository's info and files together.
    ///
    /// # Errors
    /// As [`Hub::info`].
    pub async fn whole(&self, repo: &RepoRef) -> Result<RepoInfo, RemoteError> {
        let info = self.info(repo).await?;
        let at = RepoRef {
            id: info.id.clone().unwrap_or_else(|| repo.id.clone()),
            revision: Some(info.sha.clone()),
        };
        let files = self.files(&at).await?;
        Ok(RepoInfo { files, ..info })
    }

    /// Lists repositories page by page; the stream ends with the first error.
    pub fn list(
        &self,
        query: &ListQuery,
    ) -> impl Stream<Item = Result<Vec<RepoInfo>, RemoteError>> + Send + use<> {
        let mut url = self.http.origin.url(&["api", "models"]);
        {
            let mut pairs = url.query_pairs_mut();
            let texts = [
                ("filter", &query.filter),
                ("search", &query.search),
                ("author", &query.author),
                ("pipeline_tag", &query.task),
            ];
            for (name, value) in texts {
                if let Some(value) = value {
                    pairs.append_pair(name, value);
                }
            }
            if let Some(sort) = query.sort {
                pairs.append_pair("sort", sort).append_pair("direction", "-1");
            }
            pairs.append_pair("limit", &query.page.clamp(1, 1000).to_string());
            // `config` brings model_type and architectures, `full` the dates, the author and the commit.
            pairs.append_pair("full", "true").append_pair("config", "true").append_pair("cardData", "true");
        }
        let hub = self.clone();
        stream::try_unfold(Some(url), move |next| {
            let hub = hub.clone();
            async move {
                let Some(url) = next else { return Ok(None) };
                let (page, following) = hub.page::<ModelInfo>(&url, "the list of models").await?;
                Ok(Some((page.into_iter().map(translate::info).collect(), following)))
            }
        })
    }

    /// Opens a file; the body is the caller's to read, and to ask for again when it is cut.
    ///
    /// # Errors
    /// As [`Hub::info`], and a file that is not there.
    pub async fn file(&self, at: &FileAt, ask: Ask) -> Result<Reply, RemoteError> {
        let ask = named(at, ask);
        let opened = self.http.open(&self.file_url(at), &ask).await;
        opened.map_err(|error| self.about_file(error, at))
    }

    /// Opens a file with one attempt, for callers who count their own.
    ///
    /// # Errors
    /// As [`Hub::file`].
    pub async fn file_once(&self, at: &FileAt, ask: Ask) -> Result<Reply, RemoteError> {
        let ask = named(at, ask);
        let opened = self.http.once(&self.file_url(at), &ask).await;
        opened.map_err(|error| self.about_file(error, at))
    }

    /// Begins to count attempts at one thing.
    pub fn attempts(&self, what: &str) -> Attempts {
        self.http.attempts(what)
    }

    /// Reads a file, or a range of it, whole.
    ///
    /// # Errors
    /// As [`Hub::file`], and a body over `ask.limit` bytes.
    pub async fn bytes(&self, at: &FileAt, ask: Ask) -> Result<(Reply, Vec<u8>), RemoteError> {
        let ask = named(at, ask);
        let read = self.http.fetch(&self.file_url(at), &ask).await;
        read.map_err(|error| self.about_file(error, at))
    }

    fn about_file(&self, error: RemoteError, at: &FileAt) -> RemoteError {
        let repo = RepoRef { id: at.repo.clone(), revision: Some(at.revision.clone()) };
        translate::about(error, &self.http.origin, &repo, Some(&at.path))
    }

    fn file_url(&self, at: &FileAt) -> Url {
        let segments = at.repo.as_str().split('/').chain(["resolve", &at.revision]).chain(at.path.split('/'));
        self.http.origin.url(&segments.collect::<Vec<_>>())
    }

    fn api_url(&self, repo: &RepoRef, rest: &[&str]) -> Url {
        let segments =
            ["api", "models"].into_iter().chain(repo.id.as_str().split('/')).chain(rest.iter().copied());
        self.http.origin.url(&segments.collect::<Vec<_>>())
    }

    async fn page<T: DeserializeOwned>(
        &self,
        url: &Url,
        what: &str,
    ) -> Result<(Vec<T>, Option<Url>), RemoteError> {
        let ask = Ask { what: what.to_string(), limit: PAGE, ..Ask::default() };
        let (reply, bytes) = self.http.fetch(url, &ask).await?;
        let entries = self.read(&bytes, what)?;
        Ok((entries, reply.next))
    }

    fn read<T: DeserializeOwned>(&self, bytes: &[u8], what: &str) -> Result<T, RemoteError> {
        serde_json::from_slice(bytes).map_err(|error| RemoteError::Malformed {
            host: self.http.origin.host(),
            what: what.to_string(),
            why: error.to_string(),
        })
    }
}

fn named(at: &FileAt, ask: Ask) -> Ask {
    let what = if ask.what.is_empty() { format!("{} of {}", at.path, at.repo) } else { ask.what };
    Ask { what, ..ask }
}

#[cfg(test)]
mod tests;
