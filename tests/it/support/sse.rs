//! A chat-completions server for tests: checks every request as a strict server would, refuses what such a server would
//! refuse, and answers with the shapes that real servers send.

use std::collections::{HashSet, VecDeque};
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::{get, post};
use futures::stream;
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// How one request is answered.
pub struct Play {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub pieces: Vec<Piece>,
}

/// A piece of an answer's body.
pub enum Piece {
    Bytes(String),
    Pause(Duration),
    /// The connection breaks.
    Break,
    /// Nothing more comes, and the connection stays.
    Silence,
}

impl Play {
    /// An event stream of these data lines.
    pub fn events(lines: &[&str]) -> Self {
        let pieces = lines.iter().map(|line| Piece::Bytes(format!("data: {line}\n\n"))).collect();
        Self { status: 200, headers: vec![("content-type", "text/event-stream".into())], pieces }
    }

    /// An event stream of chunks with these deltas, ended properly.
    pub fn deltas(deltas: &[Value], reason: &str) -> Self {
        let mut lines: Vec<String> = deltas.iter().map(|delta| chunk(delta, None)).collect();
        lines.push(chunk(&json!({}), Some(reason)));
        lines.push("[DONE]".into());
        Self::events(&lines.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// A whole body.
    pub fn body(status: u16, content_type: &str, body: &str) -> Self {
        let headers = vec![("content-type", content_type.to_string())];
        Self { status, headers, pieces: vec![Piece::Bytes(body.into())] }
    }

    /// Adds a header.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds a piece.
    pub fn then(mut self, piece: Piece) -> Self {
        self.pieces.push(piece);
        self
    }
}

/// Writes a chunk as the specification has it.
pub fn chunk(delta: &Value, reason: Option<&str>) -> String {
    let choice = json!({"index": 0, "delta": delta, "finish_reason": reason});
    json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]})
        .to_string()
}

/// The running server; it ends when dropped.
pub struct Server {
    pub base_url: String,
    seen: Arc<Seen>,
    _task: JoinSet<()>,
}

struct Seen {
    key: Option<&'static str>,
    /// Keys and tokens of other origins, and all else that must not come here.
    forbidden: Mutex<Vec<String>>,
    plays: Mutex<VecDeque<Play>>,
    requests: Mutex<Vec<Value>>,
    lists: AtomicUsize,
    problems: Mutex<Vec<String>>,
}

impl Server {
    /// Starts on a free port of this machine; `key` is demanded of every request.
    pub async fn start(key: Option<&'static str>, plays: Vec<Play>) -> Self {
        let seen = Arc::new(Seen {
            key,
            forbidden: Mutex::default(),
            plays: Mutex::new(plays.into()),
            requests: Mutex::default(),
            lists: AtomicUsize::new(0),
            problems: Mutex::default(),
        });
        let app = Router::new()
            .route("/v1/chat/completions", post(answer))
            .route("/v1/models", get(models))
            .with_state(seen.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base_url = format!("http://{}/v1", listener.local_addr().expect("an address"));
        let mut task = JoinSet::new();
        task.spawn(async move { axum::serve(listener, app).await.expect("the server runs") });
        Self { base_url, seen, _task: task }
    }

    /// Refuses every request that holds this anywhere, in its body or headers.
    pub fn forbid(self, secret: &str) -> Self {
        self.seen.forbidden.lock().expect("not poisoned").push(secret.into());
        self
    }

    /// Gives the requests so far.
    pub fn requests(&self) -> Vec<Value> {
        self.seen.requests.lock().expect("not poisoned").clone()
    }

    /// Gives how often the models were listed.
    pub fn lists(&self) -> usize {
        self.seen.lists.load(Ordering::SeqCst)
    }

    /// Gives what was wrong with the requests so far.
    pub fn problems(&self) -> Vec<String> {
        self.seen.problems.lock().expect("not poisoned").clone()
    }
}

async fn answer(State(seen): State<Arc<Seen>>, headers: HeaderMap, body: String) -> Response<Body> {
    let wrong = check(&seen, &headers, &body);
    let request = serde_json::from_str(&body).unwrap_or(Value::Null);
    seen.requests.lock().expect("not poisoned").push(request);
    if !wrong.is_empty() {
        let told =
            json!({"error": {"message": wrong.join("; "), "type": "invalid_request_error"}}).to_string();
        seen.problems.lock().expect("not poisoned").extend(wrong);
        let refused = Response::builder().status(400).header("content-type", "application/json");
        return refused.body(Body::from(told)).expect("a response");
    }
    let play = seen.plays.lock().expect("not poisoned").pop_front();
    let play = play.unwrap_or_else(|| Play::body(500, "text/plain", "the test has no more answers"));
    let mut response = Response::builder().status(StatusCode::from_u16(play.status).expect("a status"));
    for (name, value) in play.headers {
        response = response.header(name, value);
    }
    response.body(Body::from_stream(pieces(play.pieces))).expect("a response")
}

async fn models(State(seen): State<Arc<Seen>>, headers: HeaderMap) -> Response<Body> {
    seen.lists.fetch_add(1, Ordering::SeqCst);
    let wrong = check_secrets(&seen, &headers, "");
    let list = json!({"data": [{"id": "a"}, {"id": "b", "max_model_len": 8192}]}).to_string();
    let (status, text) = match wrong.is_empty() {
        true => (200, list),
        false => (401, json!({"error": {"message": "Incorrect API key provided"}}).to_string()),
    };
    seen.problems.lock().expect("not poisoned").extend(wrong);
    let answer = Response::builder().status(status).header("content-type", "application/json");
    answer.body(Body::from(text)).expect("a response")
}

fn pieces(pieces: Vec<Piece>) -> impl stream::Stream<Item = Result<String, std::io::Error>> {
    stream::unfold(VecDeque::from(pieces), |mut left| async move {
        loop {
            match left.pop_front()? {
                Piece::Bytes(text) => return Some((Ok(text), left)),
                Piece::Pause(time) => tokio::time::sleep(time).await,
                Piece::Break => {
                    // What was written must be on the wire first: hyper drops its buffer when a body fails.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    return Some((Err(std::io::Error::other("broken")), left));
                }
                Piece::Silence => {
                    let never: Infallible = std::future::pending().await;
                    match never {}
                }
            }
        }
    })
}

/// What a request may hold: strict servers refuse anything else.
const FIELDS: [&str; 7] =
    ["model", "messages", "stream", "stream_options", "tools", "max_tokens", "max_completion_tokens"];

/// Finds keys where none belong: the own one beside its header, another origin's anywhere.
fn check_secrets(seen: &Seen, headers: &HeaderMap, body: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let authorization = headers.get("authorization").and_then(|value| value.to_str().ok());
    if authorization != seen.key.map(|key| format!("Bearer {key}")).as_deref() {
        wrong.push("authorization".to_string());
    }
    let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let others = headers.iter().filter(|(name, _)| *name != "authorization");
    let others: String = others.map(|(name, value)| format!("{name}: {}\n", text(value))).collect();
    if seen.key.is_some_and(|key| body.contains(key) || others.contains(key)) {
        wrong.push("the key is beside its header".to_string());
    }
    let all = format!("{body}{others}{}", authorization.unwrap_or_default());
    for secret in seen.forbidden.lock().expect("not poisoned").iter() {
        if all.contains(secret.as_str()) {
            wrong.push(format!("a secret of somebody else came here: {}…", &secret[..6]));
        }
    }
    wrong
}

/// Finds what a strict server would refuse.
fn check(seen: &Seen, headers: &HeaderMap, body: &str) -> Vec<String> {
    let mut wrong = check_secrets(seen, headers, body);
    if headers.get("content-type").is_none_or(|kind| kind != "application/json") {
        wrong.push("content type".into());
    }
    let Ok(request) = serde_json::from_str::<Value>(body) else { return vec!["not JSON".into()] };
    if request["stream"] != json!(true) || !request["model"].is_string() {
        wrong.push("stream or model".into());
    }
    for name in request.as_object().into_iter().flat_map(|fields| fields.keys()) {
        if !FIELDS.contains(&name.as_str()) {
            wrong.push(format!("field {name}"));
        }
    }
    for tool in request["tools"].as_array().into_iter().flatten() {
        if !is_tool(tool) {
            wrong.push(format!("tool {tool}"));
        }
    }
    if request.get("tools").is_some_and(|tools| tools.as_array().is_none_or(Vec::is_empty)) {
        wrong.push("an empty list of tools".into());
    }
    wrong.extend(check_messages(request["messages"].as_array().map_or(&[], Vec::as_slice)));
    wrong
}

/// Says whether a tool is one that OpenAI's own validation takes: its name, its schema, its required properties.
fn is_tool(tool: &Value) -> bool {
    let function = &tool["function"];
    let name = function["name"].as_str().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let named = (1..=64).contains(&name.len()) && name.chars().all(plain);
    let parameters = &function["parameters"];
    let properties = parameters["properties"].as_object();
    let required = parameters["required"].as_array().into_iter().flatten();
    let known =
        |wanted: &Value| properties.is_some_and(|all| all.contains_key(wanted.as_str().unwrap_or("?")));
    let described = function["description"].as_str().is_some_and(|text| !text.trim().is_empty());
    tool["type"] == "function"
        && named
        && described
        && parameters["type"] == "object"
        && properties.is_some_and(|all| all.values().all(is_typed))
        && required.into_iter().all(known)
}

/// A property says its type, or that of each of its alternatives.
fn is_typed(property: &Value) -> bool {
    let either = property["anyOf"].as_array();
    property["type"].is_string() || either.is_some_and(|some| !some.is_empty() && some.iter().all(is_typed))
}

fn check_messages(messages: &[Value]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut open: HashSet<String> = HashSet::new();
    let mut last = "";
    for (at, message) in messages.iter().enumerate() {
        let role = message["role"].as_str().unwrap_or_default();
        match role {
            "system" if at == 0 => {}
            "tool" => {
                let id = message["tool_call_id"].as_str().unwrap_or_default();
                if !open.remove(id) {
                    wrong.push(format!("message {at} answers {id:?}, which nobody asked"));
                }
            }
            "user" | "assistant" if !open.is_empty() => wrong.push(format!("message {at} leaves calls open")),
            "user" if last == "user" => wrong.push(format!("message {at} is the second of the user")),
            "assistant" if last == "assistant" => {
                wrong.push(format!("message {at} is the second of the assistant"))
            }
            // Strict chat templates want the person's word first.
            "assistant" if last == "system" || last.is_empty() => {
                wrong.push(format!("message {at} comes before the user said anything"))
            }
            "user" | "assistant" => {}
            _ => wrong.push(format!("message {at} has role {role:?}")),
        }
        if !(message["content"].is_string() || (role == "assistant" && message["content"].is_null())) {
            wrong.push(format!("message {at} has no text for content"));
        }
        if role != "assistant" && !message["tool_calls"].is_null() {
            wrong.push(format!("message {at} calls tools and is not the assistant's"));
        }
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            let arguments = call["function"]["arguments"].as_str().unwrap_or_default();
            let object = serde_json::from_str::<Value>(arguments).is_ok_and(|value| value.is_object());
            let named = call["function"]["name"].as_str().is_some_and(|name| !name.is_empty());
            let known = call["id"].as_str().is_some_and(|id| !id.is_empty());
            if call["type"] != "function" || !object || !named || !known {
                wrong.push(format!("message {at} has a bad call {call}"));
            }
            if !open.insert(call["id"].as_str().unwrap_or_default().to_string()) {
                wrong.push(format!("message {at} uses an id twice"));
            }
        }
        let empty = message["content"].as_str().is_none_or(str::is_empty);
        if role == "assistant" && empty && message["tool_calls"].is_null() {
            wrong.push(format!("message {at} says nothing"));
        }
        last = role;
    }
    if !open.is_empty() || last == "assistant" {
        wrong.push("the conversation does not end with a question".into());
    }
    wrong
}
