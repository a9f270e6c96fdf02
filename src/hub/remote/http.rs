//! One request and its answer: the token to its own origin only, redirects by hand, silence and cuts noticed, sizes capped,
//! another attempt after a pause that is told. Nothing of the Hub's API is known here.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, IF_NONE_MATCH, LINK,
    LOCATION, RANGE,
};
use http::{HeaderValue, StatusCode};
use reqwest::{Response, Url};

use super::error::RemoteError;
use super::origin::Origin;
use crate::hub::data::{Traffic, Wait};
use crate::util::http::{excerpt, retry_after_ms};
use crate::util::sink::Sink;

const AGENT: &str = concat!("mlxport/", env!("CARGO_PKG_VERSION"));
const HOPS: usize = 5;
/// Refusals are read this far.
const REFUSAL: usize = 64 << 10;

/// What is asked of a URL.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// Bytes; the end is exclusive and may lie behind the file's.
    pub range: Option<Range<u64>>,
    /// What is known already: an equal one is answered with [`Part::Unchanged`].
    pub etag: Option<String>,
    /// What it is, for words: `config.json of org/name`.
    pub what: String,
    /// The most bytes of body that are taken.
    pub limit: u64,
}

/// Which part of a file an answer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Whole,
    /// From this byte on.
    From(u64),
    /// As known by the ETag; there is no body.
    Unchanged,
    /// The range lies behind the end of the file; there is no body.
    Beyond,
}

/// An answer whose body is still to come.
#[derive(Debug)]
pub struct Reply {
    pub part: Part,
    /// The commit that a revision stood for.
    pub commit: Option<String>,
    /// Without quotes: for large files the content's SHA-256.
    pub etag: Option<String>,
    /// The whole file's size in bytes, where it is told.
    pub total: Option<u64>,
    /// The next page of a listing.
    pub next: Option<Url>,
    body: Body,
}

/// A body, read piece by piece.
#[derive(Debug)]
struct Body {
    response: Option<Response>,
    http: Http,
    what: String,
    limit: u64,
    got: u64,
    wanted: Option<u64>,
}

/// Makes requests to one Hub. Cheap to clone.
#[derive(Clone)]
pub struct Http {
    client: reqwest::Client,
    pub origin: Arc<Origin>,
    waits: Sink<Wait>,
    requests: Arc<AtomicU64>,
    bytes: Arc<AtomicU64>,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Http {
    pub(super) fn new(origin: Origin, waits: Sink<Wait>) -> Result<Self, RemoteError> {
        let builder = reqwest::Client::builder()
            .connect_timeout(origin.patience.connect)
            .read_timeout(origin.patience.idle)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(AGENT);
        let builder = if origin.is_loopback() { builder.no_proxy() } else { builder };
        let client =
            builder.build().map_err(|error| RemoteError::Tls { why: error.without_url().to_string() })?;
        Ok(Self { client, origin: Arc::new(origin), waits, requests: Arc::default(), bytes: Arc::default() })
    }

    /// Gives what went over the wire so far.
    pub fn traffic(&self) -> Traffic {
        Traffic { requests: self.requests.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }

    /// Asks until there is an answer to read; the body is the caller's.
    pub async fn open(&self, url: &Url, ask: &Ask) -> Result<Reply, RemoteError> {
        let mut attempts = self.attempts(&ask.what);
        loop {
            match self.once(url, ask).await {
                Ok(reply) => return Ok(reply),
                Err(error) => attempts.pause(error).await?,
            }
        }
    }

    /// Asks until the body is there whole.
    pub async fn fetch(&self, url: &Url, ask: &Ask) -> Result<(Reply, Vec<u8>), RemoteError> {
        let mut attempts = self.attempts(&ask.what);
        loop {
            let read = match self.once(url, ask).await {
                Ok(mut reply) => reply.bytes().await.map(|bytes| (reply, bytes)),
                Err(error) => Err(error),
            };
            match read {
                Ok(done) => return Ok(done),
                Err(error) => attempts.pause(error).await?,
            }
        }
    }

    /// Begins to count attempts at one thing.
    pub fn attempts(&self, what: &str) -> Attempts {
        Attempts { http: self.clone(), what: what.to_string(), made: 0, pause: self.origin.patience.pause }
    }

    pub(super) async fn once(&self, url: &Url, ask: &Ask) -> Result<Reply, RemoteError> {
        if self.origin.offline {
            return Err(RemoteError::Offline { what: ask.what.clone() });
        }
        let mut url = url.clone();
        let mut told = HeaderMap::new();
        for _ in 0..=HOPS {
            let mut request = self.client.get(url.clone()).header(ACCEPT_ENCODING, "identity");
            if let Some(bearer) = self.origin.bearer(&url) {
                request = request.header(AUTHORIZATION, bearer);
            }
            if let Some(range) = &ask.range {
                request = request.header(RANGE, format!("bytes={}-{}", range.start, range.end.max(1) - 1));
            }
            if let Some(etag) =
                ask.etag.as_ref().and_then(|etag| HeaderValue::from_str(&format!("\"{etag}\"")).ok())
            {
                request = request.header(IF_NONE_MATCH, etag);
            }
            self.requests.fetch_add(1, Ordering::Relaxed);
            let host = host_of(&url);
            let response = request.send().await.map_err(|error| self.broken(&host, &ask.what, error))?;
            // The Hub says commit, hash and size in the redirect; the storage behind it does not know them.
            for name in ["x-repo-commit", "x-linked-etag", "x-linked-size"] {
                if let Some(value) =
                    response.headers().get(name).filter(|_| url.origin() == self.origin.endpoint.origin())
                {
                    told.insert(http::HeaderName::from_static(name), value.clone());
                }
            }
            let known =
                ask.etag.is_some() && ask.etag == text(&told, "x-linked-etag").map(|etag| bare(&etag));
            if response.status().is_redirection() && response.status() != StatusCode::NOT_MODIFIED {
                if known {
                    return Ok(self.reply(None, &told, Part::Unchanged, ask));
                }
                let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
                let Some(to) =
                    to.and_then(|to| url.join(to).ok()).filter(|to| ["http", "https"].contains(&to.scheme()))
                else {
                    let why = "a redirect to nowhere".into();
                    return Err(RemoteError::Malformed { host, what: ask.what.clone(), why });
                };
                url = to;
                continue;
            }
            return self.judge(response, &host, &told, ask).await;
        }
        Err(RemoteError::Redirects { what: ask.what.clone(), hops: HOPS })
    }

    async fn judge(
        &self,
        response: Response,
        host: &str,
        told: &HeaderMap,
        ask: &Ask,
    ) -> Result<Reply, RemoteError> {
        match response.status() {
            StatusCode::OK => Ok(self.reply(Some(response), told, Part::Whole, ask)),
            StatusCode::PARTIAL_CONTENT => {
                let range = text(response.headers(), CONTENT_RANGE.as_str()).unwrap_or_default();
                let start =
                    range.strip_prefix("bytes ").and_then(|range| range.split('-').next()?.parse().ok());
                let wanted = ask.range.as_ref().map(|range| range.start);
                match start {
                    Some(start) if Some(start) == wanted => {
                        Ok(self.reply(Some(response), told, Part::From(start), ask))
                    }
                    _ => {
                        let why = format!("bytes from {wanted:?} were asked for, `{range}` came");
                        Err(RemoteError::Malformed { host: host.into(), what: ask.what.clone(), why })
                    }
                }
            }
            StatusCode::NOT_MODIFIED => Ok(self.reply(Some(response), told, Part::Unchanged, ask)),
            StatusCode::RANGE_NOT_SATISFIABLE if ask.range.is_some() => {
                Ok(self.reply(Some(response), told, Part::Beyond, ask))
            }
            _ => Err(self.refusal(response, host, &ask.what).await),
        }
    }

    fn reply(&self, response: Option<Response>, told: &HeaderMap, part: Part, ask: &Ask) -> Reply {
        let none = HeaderMap::new();
        let headers = response.as_ref().map_or(&none, Response::headers);
        let either = |linked: &str, own: &str| text(told, linked).or_else(|| text(headers, own));
        let length = text(headers, CONTENT_LENGTH.as_str()).and_then(|text| text.parse::<u64>().ok());
        let range_total = text(headers, CONTENT_RANGE.as_str())
            .and_then(|range| range.rsplit_once('/').and_then(|(_, total)| total.parse::<u64>().ok()));
        let whole = length.filter(|_| part == Part::Whole);
        let total = range_total.or(whole).or_else(|| text(told, "x-linked-size")?.parse().ok());
        let next = response.as_ref().and_then(|response| next_page(response.headers(), response.url()));
        let empty = matches!(part, Part::Unchanged | Part::Beyond);
        Reply {
            commit: either("x-repo-commit", "x-repo-commit"),
            etag: either("x-linked-etag", ETAG.as_str()).map(|etag| bare(&etag)),
            total,
            next,
            part,
            body: Body {
                response: response.filter(|_| !empty),
                http: self.clone(),
                what: ask.what.clone(),
                limit: ask.limit,
                got: 0,
                wanted: length.filter(|_| !empty),
            },
        }
    }

    /// Names a status that is not success; nothing is known here of repositories: [`super::Hub`] says more.
    async fn refusal(&self, mut response: Response, host: &str, what: &str) -> RemoteError {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let mut body = Vec::new();
        while body.len() < REFUSAL {
            match response.chunk().await {
                Ok(Some(piece)) => body.extend_from_slice(&piece),
                _ => break,
            }
        }
        self.bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
        let (host, what) = (host.to_string(), what.to_string());
        if status == 429 {
            let after =
                retry_after_ms(&headers).or_else(|| window_reset(&headers)).map(Duration::from_millis);
            return RemoteError::RateLimited { host, what, attempts: 1, after };
        }
        let json = serde_json::from_slice::<serde_json::Value>(&body).ok();
        let in_body =
            json.as_ref().and_then(|json| json["error"].as_str()).map(|said| excerpt(said.as_bytes()));
        let said = text(&headers, "x-error-message").map(|said| excerpt(said.as_bytes())).or(in_body);
        let said = self.origin.scrub(said.unwrap_or_else(|| excerpt(&body)));
        RemoteError::Status { host, what, status, code: text(&headers, "x-error-code"), said }
    }

    fn broken(&self, host: &str, what: &str, error: reqwest::Error) -> RemoteError {
        let (host, what) = (host.to_string(), what.to_string());
        if error.is_timeout() && !error.is_connect() {
            return RemoteError::Stalled { host, what, limit: self.origin.patience.idle };
        }
        let error = error.without_url();
        let mut root: &dyn std::error::Error = &error;
        while let Some(source) = root.source() {
            root = source;
        }
        let why = if error.is_timeout() { "no connection in time".into() } else { root.to_string() };
        RemoteError::Connect { host, what, why }
    }
}

/// Attempts at one thing, and the pauses between them.
#[derive(Debug)]
pub struct Attempts {
    http: Http,
    what: String,
    made: u32,
    pause: Duration,
}

impl Attempts {
    /// Waits after a passing fault, for a time that doubles or that the server asked for; told before it begins.
    ///
    /// # Errors
    /// The fault itself: it does not pass, it came too often, or the server asks for more patience than there is.
    pub async fn pause(&mut self, error: RemoteError) -> Result<(), RemoteError> {
        let patience = self.http.origin.patience;
        self.made += 1;
        let (asked, error) = match error {
            RemoteError::RateLimited { host, what, after, .. } => {
                (after, RemoteError::RateLimited { host, what, after, attempts: self.made })
            }
            other => (None, other),
        };
        let wait = asked.unwrap_or(self.pause);
        if !error.is_passing() || self.made >= patience.attempts || wait > patience.longest {
            return Err(error);
        }
        (self.http.waits)(Wait {
            what: self.what.clone(),
            why: error.short(),
            attempt: self.made + 1,
            of: patience.attempts,
            seconds: wait.as_secs_f64(),
        });
        tokio::time::sleep(wait).await;
        self.pause = (self.pause * 2).min(patience.longest);
        Ok(())
    }

    /// Forgets the attempts: something came through.
    pub fn moved(&mut self) {
        (self.made, self.pause) = (0, self.http.origin.patience.pause);
    }
}

impl Reply {
    /// Gives the next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// Silence, a body that ends early, more than the limit.
    pub async fn piece(&mut self) -> Result<Option<Vec<u8>>, RemoteError> {
        let body = &mut self.body;
        let Some(response) = body.response.as_mut() else { return Ok(None) };
        let host = host_of(response.url());
        match response.chunk().await {
            Ok(Some(piece)) => {
                body.got += piece.len() as u64;
                body.http.bytes.fetch_add(piece.len() as u64, Ordering::Relaxed);
                if body.got > body.limit {
                    let size = body.wanted.unwrap_or(body.got);
                    return Err(RemoteError::TooLarge { what: body.what.clone(), size, limit: body.limit });
                }
                Ok(Some(piece.to_vec()))
            }
            Ok(None) if body.wanted.is_some_and(|wanted| body.got < wanted) => Err(body.cut(host)),
            Ok(None) => Ok(None),
            Err(error) if error.is_timeout() => {
                let limit = body.http.origin.patience.idle;
                Err(RemoteError::Stalled { host, what: body.what.clone(), limit })
            }
            Err(_) => Err(body.cut(host)),
        }
    }

    /// Reads the rest of the body.
    ///
    /// # Errors
    /// As [`Reply::piece`].
    pub async fn bytes(&mut self) -> Result<Vec<u8>, RemoteError> {
        // A length that is too much is refused before a byte of it is read.
        if let Some(size) = self.body.wanted.filter(|size| *size > self.body.limit) {
            return Err(RemoteError::TooLarge { what: self.body.what.clone(), size, limit: self.body.limit });
        }
        let mut bytes = Vec::with_capacity(self.body.wanted.unwrap_or(0) as usize);
        while let Some(piece) = self.piece().await? {
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }
}

impl Body {
    fn cut(&self, host: String) -> RemoteError {
        RemoteError::Cut { host, what: self.what.clone(), got: self.got, wanted: self.wanted }
    }
}

fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_string(), |port| format!("{host}:{port}"))
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_string)
}

/// Takes weakness and quotes off an ETag.
fn bare(etag: &str) -> String {
    etag.trim().trim_start_matches("W/").trim_matches('"').to_string()
}

/// `RateLimit: "api";r=0;t=55`: seconds until the window begins anew.
fn window_reset(headers: &HeaderMap) -> Option<u64> {
    let limit = text(headers, "ratelimit")?;
    let seconds = limit.split(';').find_map(|part| part.trim().strip_prefix("t=")?.parse::<u64>().ok())?;
    Some(seconds * 1000)
}

/// The `rel="next"` of a Link header, if it stays with the same origin.
fn next_page(headers: &HeaderMap, from: &Url) -> Option<Url> {
    let links = text(headers, LINK.as_str())?;
    let next = links.split(',').find(|link| link.contains("rel=\"next\""))?;
    let target = next.split_once('<')?.1.split_once('>')?.0;
    from.join(target).ok().filter(|url| url.origin() == from.origin())
}
