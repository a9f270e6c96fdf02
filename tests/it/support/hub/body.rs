//! Answers: headers, ranges and bodies, and what a fault does to them.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, Response};
use futures::{Stream, stream};
use serde_json::{Value, json};

use super::fault::Acts;
use super::record::Entry;
use super::repo::Repo;

/// An answer before it is sent.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub payload: Payload,
}

pub enum Payload {
    Text(Bytes),
    /// A part of a file, end exclusive.
    File {
        repo: Arc<Repo>,
        path: String,
        start: u64,
        end: u64,
    },
}

impl Payload {
    fn span(&self) -> (u64, u64) {
        match self {
            Self::Text(bytes) => (0, bytes.len() as u64),
            Self::File { start, end, .. } => (*start, *end),
        }
    }

    fn piece(&self, at: u64, end: u64) -> Bytes {
        match self {
            Self::Text(bytes) => bytes.slice(at as usize..end as usize),
            Self::File { repo, path, .. } => {
                repo.get(path).expect("the repository keeps the file").piece(at, end)
            }
        }
    }
}

impl Answer {
    pub fn text(status: u16, content_type: &str, text: impl Into<Bytes>) -> Self {
        let headers = vec![("content-type".into(), content_type.into())];
        Self { status, headers, payload: Payload::Text(text.into()) }
    }

    pub fn json(value: &Value) -> Self {
        Self::text(200, "application/json; charset=utf-8", value.to_string())
    }

    /// Refuses as the Hub does: the code and the message in headers, the message in the body.
    pub fn refusal(status: u16, code: Option<&str>, message: &str) -> Self {
        let mut answer = Self::json(&json!({"error": message}));
        answer.status = status;
        if let Some(code) = code {
            answer = answer.with("x-error-code", code);
        }
        if status == 401 {
            answer = answer
                .with("www-authenticate", "Bearer realm=\"Authentication required\", charset=\"UTF-8\"");
        }
        answer.with("x-error-message", message)
    }

    pub fn redirect(status: u16, location: &str) -> Self {
        let said = if status == 302 { "Found" } else { "Temporary Redirect" };
        Self::text(status, "text/plain; charset=utf-8", format!("{said}. Redirecting to {location}"))
            .with("location", location)
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// What a request asks of a file's body.
pub struct Asked<'a> {
    pub range: Option<&'a str>,
    pub if_range: Option<&'a str>,
    pub if_none_match: Option<&'a str>,
}

/// Answers with a file or a part of it. `etag` is quoted.
pub fn file(repo: Arc<Repo>, path: &str, etag: &str, asked: &Asked<'_>, acts: &Acts) -> Answer {
    let size = repo.get(path).expect("found before").size();
    let size = acts.truncate.map_or(size, |end| end.min(size));
    let same = |list: &str| {
        list.split(',').any(|one| one.trim().trim_start_matches("W/") == etag || one.trim() == "*")
    };
    let kind = if path.ends_with(".json") { "application/json" } else { "application/octet-stream" };
    let file = |status, start, end| {
        let payload = Payload::File { repo: repo.clone(), path: path.into(), start, end };
        Answer { status, headers: vec![("content-type".into(), kind.into())], payload }
            .with("etag", etag)
            .with("accept-ranges", "bytes")
    };
    if asked.if_none_match.is_some_and(same) {
        return file(304, 0, 0);
    }
    let current = asked.if_range.is_none_or(same);
    let Some(range) = asked.range.filter(|_| current && !acts.ignore_range) else {
        return file(200, 0, size);
    };
    match parse_range(range, size) {
        Range::Part(start, end) => {
            file(206, start, end).with("content-range", &format!("bytes {start}-{}/{size}", end - 1))
        }
        Range::Beyond => Answer::text(416, "text/plain", "Range Not Satisfiable")
            .with("etag", etag)
            .with("content-range", &format!("bytes */{size}")),
        Range::Unclear => file(200, 0, size),
    }
}

pub enum Range {
    Part(u64, u64),
    Beyond,
    /// Several ranges or nonsense: the whole file, as RFC 9110 allows.
    Unclear,
}

pub fn parse_range(text: &str, size: u64) -> Range {
    let Some((from, to)) = text.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Range::Unclear;
    };
    let (start, end) = match (from.trim().parse::<u64>(), to.trim().parse::<u64>()) {
        (Ok(start), Ok(last)) if last >= start => (start, last.saturating_add(1).min(size)),
        (Ok(start), Err(_)) if to.trim().is_empty() => (start, size),
        (Err(_), Ok(0)) if from.trim().is_empty() => return Range::Beyond,
        (Err(_), Ok(count)) if from.trim().is_empty() => (size.saturating_sub(count), size),
        _ => return Range::Unclear,
    };
    if start >= size { Range::Beyond } else { Range::Part(start, end) }
}

/// Turns an answer into the response, with its faults, counting what goes out.
pub fn send(answer: Answer, acts: Acts, entry: Arc<Entry>, head: bool) -> Response<Body> {
    let (start, end) = answer.payload.span();
    let mut response = Response::builder().status(answer.status).body(Body::empty()).expect("a response");
    let headers = response.headers_mut();
    if answer.status != 304 {
        headers.insert("content-length", HeaderValue::from(end - start));
    }
    let all = answer.headers.into_iter().map(|(name, value)| (name, Some(value)));
    for (name, value) in all.chain(acts.headers.clone()) {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        match value {
            Some(value) => _ = headers.insert(name, HeaderValue::from_str(&value).expect("a header value")),
            None => _ = headers.remove(name),
        }
    }
    entry.answered(answer.status);
    if !head && answer.status != 304 {
        *response.body_mut() = Body::from_stream(pieces(answer.payload, start, end, acts, entry));
    }
    response
}

fn pieces(
    payload: Payload,
    start: u64,
    end: u64,
    acts: Acts,
    entry: Arc<Entry>,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> {
    let stop = acts.cut.into_iter().chain(acts.silence).min().unwrap_or(u64::MAX);
    stream::unfold((payload, acts, entry, start), move |(payload, acts, entry, at)| async move {
        if at - start >= stop {
            if acts.silence.is_some_and(|silence| silence == stop) {
                return std::future::pending().await;
            }
            // What was written must be on the wire first: hyper drops its buffer when a body fails.
            tokio::time::sleep(Duration::from_millis(50)).await;
            return Some((Err(std::io::Error::other("cut")), (payload, acts, entry, at)));
        }
        if at >= end {
            return None;
        }
        let mut until = end.min(start.saturating_add(stop));
        if let Some(rate) = acts.slow {
            tokio::time::sleep(Duration::from_millis(50)).await;
            until = until.min(at + (rate / 20).max(1));
        }
        let mut piece = payload.piece(at, until);
        if let Some(flip) = acts.flip.filter(|flip| (at..at + piece.len() as u64).contains(flip)) {
            let mut bytes = piece.to_vec();
            bytes[(flip - at) as usize] ^= 0xff;
            piece = bytes.into();
        }
        entry.sent(piece.len());
        let next = at + piece.len() as u64;
        Some((Ok(piece), (payload, acts, entry, next)))
    })
}
