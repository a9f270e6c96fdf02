//! Speaks chat completions with any OpenAI-compatible endpoint. The only place that names async-openai or reqwest for
//! chat.
//!
//! Servers differ in everything that the specification leaves open and in much that it does not, so bytes are judged
//! here, once: [`guard`] looks at status, content type, size and silence before async-openai sees a body, [`chunk`]
//! reads pieces leniently, [`failure`] names what went wrong, [`wire`] writes requests. Retries are not made here: the
//! machine makes them, with a countdown that a person can see.

mod chunk;
mod endpoint;
mod failure;
mod guard;
mod listing;
pub mod probe;
mod wire;

use std::time::Duration;

use async_openai::Client;
use async_openai::error::OpenAIError;
use async_openai::types::stream::StreamResponse;
use futures::StreamExt;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use endpoint::{Endpoint, EndpointError, Timeouts};
pub use listing::ModelInfo;

use self::chunk::Assembler;
use self::endpoint::Keyed;
use self::guard::{Guard, Outcome};
use super::data::{ChatRequest, FailureKind, StreamEvent, StreamFailure};
use crate::util::sink::Sink;

/// Deltas are gathered this long before the sink sees them: one screen frame.
const COALESCE: Duration = Duration::from_millis(16);
/// How long to wait for the count of tokens after the model said that it was finished.
const AFTER_FINISH: Duration = Duration::from_secs(3);

/// How long a server of our own may take to say whether it is ready.
const READY_LIMIT: Duration = Duration::from_secs(2);

/// Whether a server of our own would answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    Ready,
    NotYet,
    /// It runs and will not be ready.
    Failed,
}

/// A client for one endpoint; keeps its connections.
#[derive(Clone, Debug)]
pub struct ChatClient {
    endpoint: Endpoint,
    http: reqwest::Client,
}

impl ChatClient {
    /// Makes a client. Opens no connection.
    ///
    /// # Errors
    /// The platform's certificates cannot be loaded.
    pub fn new(endpoint: Endpoint) -> Result<Self, EndpointError> {
        let mut builder = reqwest::Client::builder()
            .connect_timeout(endpoint.timeouts.connect)
            // A redirected POST would become a GET, and a key would follow it to another host.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("mlxport/", env!("CARGO_PKG_VERSION")));
        if endpoint.is_loopback() {
            builder = builder.no_proxy();
        }
        let http =
            builder.build().map_err(|error| EndpointError::Tls { text: error.without_url().to_string() })?;
        Ok(Self { endpoint, http })
    }

    /// Gives the endpoint.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Asks for one assistant message. The sink sees `Opened`, deltas, and exactly one `Finished` or `Failed`, last;
    /// after a cancel it sees nothing more.
    pub async fn stream(&self, request: ChatRequest, sink: Sink<StreamEvent>, cancel: CancellationToken) {
        tokio::select! {
            () = cancel.cancelled() => {}
            () = self.exchange(&request, &sink) => {}
        }
    }

    /// Lists the models that the endpoint names, with what it says of them.
    ///
    /// # Errors
    /// As a stream's failures: no connection, a wrong key, something that is not an API.
    pub async fn list_models(&self) -> Result<Vec<ModelInfo>, StreamFailure> {
        let guard = Guard::new(self.http.clone(), self.endpoint.clone());
        let answer = guard.get(&self.endpoint.url("/models")).await?;
        let listed = answer.get("data").or_else(|| answer.get("models")).unwrap_or(&answer);
        let Some(models) = listed.as_array() else {
            return Err(failure::protocol(&self.endpoint, "the list of models is not one"));
        };
        Ok(models.iter().filter_map(listing::read).collect())
    }

    /// Asks a server of our own whether it has loaded its model.
    pub async fn readiness(&self) -> Readiness {
        let url = self.endpoint.url("/ready");
        let asked = self.http.get(url).headers(self.endpoint.headers()).timeout(READY_LIMIT).send();
        match asked.await {
            Ok(answer) if answer.status() == http::StatusCode::OK => Readiness::Ready,
            Ok(answer) if answer.status() != http::StatusCode::SERVICE_UNAVAILABLE => Readiness::Failed,
            // Not accepting yet, or loading.
            Ok(_) | Err(_) => Readiness::NotYet,
        }
    }

    async fn exchange(&self, request: &ChatRequest, sink: &Sink<StreamEvent>) {
        let failed = match self.attempt(request, wire::Counting::Asked, sink).await {
            // Some servers do not know `stream_options`; the count is worth less than the answer.
            Err(failure)
                if failure.kind == FailureKind::BadRequest && failure.text.contains("stream_options") =>
            {
                self.attempt(request, wire::Counting::NotAsked, sink).await
            }
            other => other,
        };
        if let Err(failure) = failed {
            sink(StreamEvent::Failed { failure: self.endpoint.scrub(failure) });
        }
    }

    async fn attempt(
        &self,
        request: &ChatRequest,
        counting: wire::Counting,
        sink: &Sink<StreamEvent>,
    ) -> Result<(), StreamFailure> {
        let guard = Guard::new(self.http.clone(), self.endpoint.clone());
        let client =
            Client::build(self.http.clone(), Keyed::new(&self.endpoint)).with_http_service(guard.clone());
        let body = wire::request(request, counting, &self.endpoint);
        let opened: Result<StreamResponse<Value>, OpenAIError> = client.chat().create_stream_byot(body).await;
        let stream = match opened {
            Ok(stream) => stream,
            Err(error) => return self.without_stream(error, sink),
        };
        sink(StreamEvent::Opened);
        self.read(stream, &guard, sink).await
    }

    /// Handles what came in place of a stream: a refusal, or a whole answer from a server that does not stream.
    fn without_stream(&self, error: OpenAIError, sink: &Sink<StreamEvent>) -> Result<(), StreamFailure> {
        match Outcome::of(error) {
            Some(Outcome::Refused(failure)) => Err(failure),
            Some(Outcome::Whole(answer)) => {
                sink(StreamEvent::Opened);
                let mut assembler = Assembler::default();
                let events = assembler.whole(&answer).map_err(|object| failure::in_stream(&object))?;
                for event in events {
                    sink(event);
                }
                let (reason, usage) = assembler.end().ok_or_else(|| failure::cut(&self.endpoint))?;
                sink(StreamEvent::Finished { reason, usage });
                Ok(())
            }
            None => Err(failure::protocol(&self.endpoint, "the request could not be made")),
        }
    }

    async fn read(
        &self,
        mut stream: StreamResponse<Value>,
        guard: &Guard,
        sink: &Sink<StreamEvent>,
    ) -> Result<(), StreamFailure> {
        let mut assembler = Assembler::default();
        let mut gathered = Gathered::default();
        let ended = loop {
            let patience = if assembler.is_finished() { Some(Instant::now() + AFTER_FINISH) } else { None };
            let piece = tokio::select! {
                biased;
                () = until(gathered.due) => { gathered.flush(sink); continue }
                piece = stream.next() => piece,
                () = until(patience) => break Ok(()),
            };
            match piece {
                None => break Ok(()),
                Some(Ok(value)) => match assembler.piece(&value) {
                    Ok(events) => events.into_iter().for_each(|event| gathered.push(event, sink)),
                    Err(object) => break Err(failure::in_stream(&object)),
                },
                Some(Err(error)) => break Err(self.broken(&error)),
            }
        };
        gathered.flush(sink);
        // What the guard saw (silence, size, a lost connection) explains more than its echo in the stream.
        match (assembler.end(), guard.seen().or(ended.err())) {
            (Some((reason, usage)), _) => sink(StreamEvent::Finished { reason, usage }),
            (None, Some(failure)) => return Err(failure),
            (None, None) => return Err(failure::cut(&self.endpoint)),
        }
        Ok(())
    }

    fn broken(&self, error: &OpenAIError) -> StreamFailure {
        match error {
            OpenAIError::JSONDeserialize(_, content) => {
                let start: String = content.chars().take(80).collect();
                failure::protocol(&self.endpoint, &format!("a piece of the stream is not JSON: {start}"))
            }
            OpenAIError::Reqwest(_)
            | OpenAIError::ApiError(_)
            | OpenAIError::FileSaveError(_)
            | OpenAIError::FileReadError(_)
            | OpenAIError::StreamError(_)
            | OpenAIError::Boxed(_)
            | OpenAIError::InvalidArgument(_) => failure::cut(&self.endpoint),
        }
    }
}

/// Deltas of one kind in a row, joined until a frame has passed.
#[derive(Default)]
struct Gathered {
    event: Option<StreamEvent>,
    due: Option<Instant>,
}

impl Gathered {
    fn push(&mut self, event: StreamEvent, sink: &Sink<StreamEvent>) {
        match (&mut self.event, event) {
            (Some(StreamEvent::Text { delta }), StreamEvent::Text { delta: more })
            | (Some(StreamEvent::Reasoning { delta }), StreamEvent::Reasoning { delta: more }) => {
                delta.push_str(&more)
            }
            (Some(StreamEvent::ToolCall { delta }), StreamEvent::ToolCall { delta: more })
                if delta.slot == more.slot && more.id.is_none() && more.name.is_none() =>
            {
                delta.arguments.push_str(&more.arguments);
            }
            (_, event) => {
                self.flush(sink);
                self.event = Some(event);
                self.due = Some(Instant::now() + COALESCE);
            }
        }
    }

    fn flush(&mut self, sink: &Sink<StreamEvent>) {
        self.due = None;
        if let Some(event) = self.event.take() {
            sink(event);
        }
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
