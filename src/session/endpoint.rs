//! The recorded endpoint: an OpenAI-compatible server on this machine alone, which replays a recording to the same
//! client that speaks to any other endpoint. It does no work of its own and reaches nothing.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::{DefaultBodyLimit, State};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::stream;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::error::SessionError;
use super::record::Recording;
use super::replay::{self, Said};
use super::stream::Envelope;
use crate::util::id;

/// The name under which the recording is listed as a model.
pub const MODEL: &str = "recording";

/// How fast the recorded turns come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As fast as they are read, for `--auto`.
    Instant,
    /// A chunk of some words each time.
    Every(Duration),
}

impl Pace {
    /// About 40 words a second: fast, and still to be followed.
    pub const READING: Self = Self::Every(Duration::from_millis(60));
}

/// The endpoint, bound but not yet served.
pub struct RecordedEndpoint {
    listener: TcpListener,
    base_url: String,
    served: Arc<Served>,
}

struct Served {
    recording: Recording,
    pace: Pace,
    cancel: CancellationToken,
}

impl RecordedEndpoint {
    /// Binds a free port of the loopback interface.
    pub async fn bind(recording: Recording, pace: Pace) -> Result<Self, SessionError> {
        let failed = |source| SessionError::Endpoint { source };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let served = Arc::new(Served { recording, pace, cancel: CancellationToken::new() });
        Ok(Self { listener, base_url: format!("http://127.0.0.1:{port}/v1"), served })
    }

    /// Gives the base URL for the client's settings.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Serves until cancelled. Streams under way end with the connection.
    pub async fn run(self, cancel: CancellationToken) -> Result<(), SessionError> {
        let streams = self.served.cancel.clone();
        let _end = streams.drop_guard();
        let router = Router::new()
            .route("/v1/models", get(models))
            .route("/v1/chat/completions", post(completions))
            .layer(DefaultBodyLimit::max(256 << 20))
            .with_state(self.served);
        tokio::select! {
            ended = axum::serve(self.listener, router) => ended.map_err(|source| SessionError::Endpoint { source }),
            () = cancel.cancelled() => Ok(()),
        }
    }
}

#[derive(Debug, Deserialize)]
struct Request {
    messages: Vec<Said>,
    #[serde(default)]
    stream: Option<bool>,
}

async fn models() -> Json<Value> {
    Json(
        json!({"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "mlxport"}]}),
    )
}

async fn completions(State(served): State<Arc<Served>>, body: String) -> Response {
    let request: Request = match serde_json::from_str(&body) {
        Ok(request) => request,
        Err(error) => {
            let said = json!({"error": {"message": error.to_string(), "type": "invalid_request_error"}});
            return (axum::http::StatusCode::BAD_REQUEST, Json(said)).into_response();
        }
    };
    let message = replay::answer(&served.recording, &request.messages);
    let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let envelope = Envelope { id: format!("chatcmpl-{}", id::new_id()), model: MODEL.into(), created };
    let tokens = body.len() / 4;
    if !request.stream.unwrap_or(false) {
        return Json(envelope.whole(&message, tokens)).into_response();
    }
    let chunks = envelope.chunks(&message, tokens).into_iter();
    Sse::new(stream::unfold((chunks, served), next)).into_response()
}

type Sending = (std::vec::IntoIter<String>, Arc<Served>);

async fn next((mut chunks, served): Sending) -> Option<(Result<Event, Infallible>, Sending)> {
    let chunk = chunks.next()?;
    if let Pace::Every(pause) = served.pace {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = served.cancel.cancelled() => return None,
        }
    }
    Some((Ok(Event::default().data(chunk)), (chunks, served)))
}
