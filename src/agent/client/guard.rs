//! Stands between reqwest and async-openai: judges status and content type, reads refusals with a limit, and watches a
//! stream for silence and size. Replaces the crate's own service, whose three silent retries would hide the countdown.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use futures::StreamExt;
use http::header::CONTENT_TYPE;
use reqwest::{Body, Request, Response};
use serde_json::Value;

use super::endpoint::Endpoint;
use super::failure;
use crate::agent::data::StreamFailure;

/// The longest answer that is not a stream: refusals, lists of models, whole replies.
const BODY_LIMIT: usize = 4 * 1024 * 1024;
/// The longest stream. Tokens cost tens of bytes each on the wire, a long reply a few megabytes.
const STREAM_LIMIT: usize = 256 * 1024 * 1024;

/// The service that carries one request.
#[derive(Clone)]
pub(super) struct Guard {
    http: reqwest::Client,
    endpoint: Endpoint,
    seen: Arc<OnceLock<StreamFailure>>,
}

/// What came in place of a stream.
#[derive(Debug)]
pub(super) enum Outcome {
    Refused(StreamFailure),
    /// The whole answer as JSON, from a server that does not stream.
    Whole(Value),
}

impl Outcome {
    /// Takes the outcome out of the error that carried it through the crate.
    pub(super) fn of(error: OpenAIError) -> Option<Self> {
        match error {
            OpenAIError::Boxed(boxed) => boxed.downcast::<Self>().ok().map(|outcome| *outcome),
            _ => None,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(failure) => f.write_str(&failure.text),
            Self::Whole(_) => f.write_str("a whole answer in place of a stream"),
        }
    }
}

impl std::error::Error for Outcome {}

impl From<StreamFailure> for Outcome {
    fn from(failure: StreamFailure) -> Self {
        Self::Refused(failure)
    }
}

impl Guard {
    pub(super) fn new(http: reqwest::Client, endpoint: Endpoint) -> Self {
        Self { http, endpoint, seen: Arc::default() }
    }

    /// Gives what went wrong with the body after the stream was opened.
    pub(super) fn seen(&self) -> Option<StreamFailure> {
        self.seen.get().cloned()
    }

    /// Gets JSON.
    pub(super) async fn get(&self, url: &str) -> Result<Value, StreamFailure> {
        let request = self.http.get(url).headers(self.endpoint.headers()).build();
        let request = request.map_err(|error| failure::connect(&self.endpoint, error))?;
        let answer = match self.send(request).await {
            Ok(response) => self.body(response).await.and_then(|bytes| self.json(&bytes)),
            Err(failure) => Err(failure),
        };
        answer.map_err(|failure| self.endpoint.scrub(failure))
    }

    async fn send(&self, request: Request) -> Result<Response, StreamFailure> {
        let limit = self.endpoint.timeouts.first_byte;
        let sent = tokio::time::timeout(limit, self.http.execute(request)).await;
        let response = sent
            .map_err(|_| failure::stalled(&self.endpoint, limit))?
            .map_err(|error| failure::connect(&self.endpoint, error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (status, headers) = (response.status(), response.headers().clone());
        // A refusal whose body is lost is still a refusal.
        let body = self.body(response).await.unwrap_or_default();
        Err(failure::refused(&self.endpoint, status, &headers, &body))
    }

    async fn open(&self, factory: HttpRequestFactory) -> Result<Response, Outcome> {
        let wrong = |_| failure::protocol(&self.endpoint, "the request could not be built");
        let response = self.send(factory.build().await.map_err(wrong)?).await?;
        let kind =
            response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match kind.as_str() {
            // Servers that name no type, or plain text, for an event stream exist; a page never does.
            "text/event-stream" | "" | "text/plain" | "application/octet-stream" | "application/x-ndjson" => {
                Ok(self.watched(response))
            }
            "application/json" => Err(Outcome::Whole(self.json(&self.body(response).await?)?)),
            _ => {
                let page = self.body(response).await.unwrap_or_default();
                Err(failure::not_an_api(&self.endpoint, &kind, &page).into())
            }
        }
    }

    fn json(&self, bytes: &[u8]) -> Result<Value, StreamFailure> {
        serde_json::from_slice(bytes)
            .map_err(|_| failure::not_an_api(&self.endpoint, "application/json", bytes))
    }

    async fn body(&self, response: Response) -> Result<Vec<u8>, StreamFailure> {
        let idle = self.endpoint.timeouts.idle;
        let mut stream = response.bytes_stream();
        let mut bytes = Vec::new();
        loop {
            match tokio::time::timeout(idle, stream.next()).await {
                Err(_) => return Err(failure::stalled(&self.endpoint, idle)),
                Ok(None) => return Ok(bytes),
                Ok(Some(Err(_))) => return Err(failure::cut(&self.endpoint)),
                Ok(Some(Ok(chunk))) => bytes.extend_from_slice(&chunk),
            }
            if bytes.len() > BODY_LIMIT {
                return Err(failure::protocol(&self.endpoint, "the answer is longer than 4 MB"));
            }
        }
    }

    /// Wraps a response's body so that silence, excess and a lost connection are noticed and remembered.
    fn watched(&self, response: Response) -> Response {
        let mut parts = http::Response::new(()).into_parts().0;
        parts.status = response.status();
        parts.headers = response.headers().clone();
        let watch = Watch { endpoint: self.endpoint.clone(), seen: self.seen.clone(), left: STREAM_LIMIT };
        let bytes = Box::pin(response.bytes_stream());
        let body = futures::stream::unfold(Some((bytes, watch)), |state| async {
            let (mut bytes, mut watch) = state?;
            let idle = watch.endpoint.timeouts.idle;
            let next = tokio::time::timeout(idle, bytes.next()).await;
            match watch.judge(next, idle)? {
                Ok(chunk) => Some((Ok(chunk), Some((bytes, watch)))),
                Err(failure) => {
                    let told = std::io::Error::other(failure.text.clone());
                    // Set once: the first thing that went wrong is the cause.
                    let _ = watch.seen.set(failure);
                    Some((Err(told), None))
                }
            }
        });
        Response::from(http::Response::from_parts(parts, Body::wrap_stream(body)))
    }
}

/// What a watched body remembers.
struct Watch {
    endpoint: Endpoint,
    seen: Arc<OnceLock<StreamFailure>>,
    left: usize,
}

impl Watch {
    fn judge<B: AsRef<[u8]>>(
        &mut self,
        next: Result<Option<Result<B, reqwest::Error>>, tokio::time::error::Elapsed>,
        idle: Duration,
    ) -> Option<Result<B, StreamFailure>> {
        match next {
            Err(_) => Some(Err(failure::stalled(&self.endpoint, idle))),
            Ok(None) => None,
            Ok(Some(Err(_))) => Some(Err(failure::cut(&self.endpoint))),
            Ok(Some(Ok(chunk))) => match self.left.checked_sub(chunk.as_ref().len()) {
                Some(left) => {
                    self.left = left;
                    Some(Ok(chunk))
                }
                None => Some(Err(failure::protocol(&self.endpoint, "the stream is longer than 256 MB"))),
            },
        }
    }
}

impl tower::Service<HttpRequestFactory> for Guard {
    type Response = Response;
    type Error = OpenAIError;
    type Future = Pin<Box<dyn Future<Output = Result<Response, OpenAIError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, factory: HttpRequestFactory) -> Self::Future {
        let guard = self.clone();
        Box::pin(
            async move { guard.open(factory).await.map_err(|outcome| OpenAIError::Boxed(Box::new(outcome))) },
        )
    }
}
