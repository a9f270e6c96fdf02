//! The real client against a server that answers as real servers do.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mlxport::agent::client::{ChatClient, Endpoint, Timeouts};
use mlxport::agent::data::{
    Approval, ChatRequest, FailureKind, FinishReason, Message, StreamEvent, StreamFailure, ToolCallDelta,
    ToolOutcome, ToolSpec, Usage,
};
use mlxport::agent::machine::{Input, Limits, Machine, Output, Provider, Setup, State};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::support::sse::{Piece, Play, Server, chunk};

const KEY: &str = "sk-test-do-not-print-0123456789";

fn client(base_url: &str, key: Option<&str>) -> ChatClient {
    let timeouts = Timeouts {
        connect: Duration::from_secs(5),
        first_byte: Duration::from_secs(20),
        idle: Duration::from_millis(400),
    };
    let key = key.map(|key| SecretString::from(key.to_string()));
    ChatClient::new(Endpoint::new(base_url, key).expect("a good endpoint").timeouts(timeouts))
        .expect("a client")
}

fn tools() -> Vec<ToolSpec> {
    let schema = json!({"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]});
    vec![ToolSpec { name: "read".into(), description: "Reads.".into(), schema, approval: Approval::Auto }]
}

fn request() -> ChatRequest {
    ChatRequest { model: "m".into(), messages: vec![Message::user("hi")], tools: tools(), max_tokens: None }
}

async fn stream(client: &ChatClient, request: ChatRequest) -> Vec<StreamEvent> {
    let events: Arc<Mutex<Vec<StreamEvent>>> = Arc::default();
    let to = events.clone();
    let sink = Arc::new(move |event| to.lock().expect("not poisoned").push(event));
    client.stream(request, sink, CancellationToken::new()).await;
    let mut events = events.lock().expect("not poisoned");
    std::mem::take(&mut events)
}

/// Plays one answer; gives what the sink saw, neighbours of one kind joined.
async fn play(play: Play) -> Vec<StreamEvent> {
    let server = Server::start(Some(KEY), vec![play]).await;
    let events = stream(&client(&server.base_url, Some(KEY)), request()).await;
    assert_eq!(server.problems(), Vec::<String>::new());
    let printed = format!("{events:?}");
    assert!(!printed.contains(KEY), "the key is in {printed}");
    joined(events)
}

fn joined(events: Vec<StreamEvent>) -> Vec<StreamEvent> {
    let mut out: Vec<StreamEvent> = Vec::new();
    for event in events {
        match (out.last_mut(), &event) {
            (Some(StreamEvent::Text { delta }), StreamEvent::Text { delta: more }) => delta.push_str(more),
            (Some(StreamEvent::Reasoning { delta }), StreamEvent::Reasoning { delta: more }) => {
                delta.push_str(more)
            }
            (Some(StreamEvent::ToolCall { delta }), StreamEvent::ToolCall { delta: more })
                if delta.slot == more.slot =>
            {
                delta.arguments.push_str(&more.arguments);
            }
            _ => out.push(event),
        }
    }
    out
}

fn text(delta: &str) -> StreamEvent {
    StreamEvent::Text { delta: delta.into() }
}

fn call(slot: u32, id: Option<&str>, arguments: &str) -> StreamEvent {
    let (id, name) = (id.map(str::to_string), Some("read".to_string()));
    StreamEvent::ToolCall { delta: ToolCallDelta { slot, id, name, arguments: arguments.into() } }
}

fn finished(reason: FinishReason, usage: Option<(u64, u64)>) -> StreamEvent {
    let usage = usage.map(|(prompt_tokens, completion_tokens)| Usage { prompt_tokens, completion_tokens });
    StreamEvent::Finished { reason, usage }
}

fn failure(events: &[StreamEvent]) -> &StreamFailure {
    match events.last() {
        Some(StreamEvent::Failed { failure }) => failure,
        other => panic!("no failure but {other:?} in {events:?}"),
    }
}

#[tokio::test]
async fn a_usual_stream_comes_through_with_its_count() {
    let usage = json!({"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 3}}).to_string();
    let lines = [
        chunk(&json!({"role": "assistant", "content": "Hel"}), None),
        chunk(&json!({"content": "lo"}), Some("stop")),
        usage,
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).chain(["[DONE]"]).collect();
    let expected = vec![StreamEvent::Opened, text("Hello"), finished(FinishReason::Stop, Some((12, 3)))];
    assert_eq!(play(Play::events(&lines)).await, expected);
}

#[tokio::test]
async fn chunks_may_lack_everything_that_is_not_needed() {
    let lines = [
        r#"{"choices":[{"delta":{"reasoning":"hm "}}]}"#,
        r#"{"choices":[{"delta":{"content":"a","role":null},"finish_reason":""}],"usage":{}}"#,
        r#"{"choices":[{"delta":{"content":null}}]}"#,
        r#"{"choices":[{"finish_reason":"stop"}]}"#,
    ];
    let thought = StreamEvent::Reasoning { delta: "hm ".into() };
    let expected = vec![StreamEvent::Opened, thought, text("a"), finished(FinishReason::Stop, None)];
    assert_eq!(play(Play::events(&lines)).await, expected);
}

#[tokio::test]
async fn comments_carriage_returns_and_pieces_cut_anywhere_are_fine() {
    let line = chunk(&json!({"content": "日本"}), Some("stop"));
    let whole =
        format!(": keepalive\r\n\r\ndata: {line}\r\n\r\n: OPENROUTER PROCESSING\r\n\r\ndata: [DONE]\r\n\r\n");
    let (head, tail) = whole.split_at(40);
    let pieces =
        vec![Piece::Bytes(head.into()), Piece::Pause(Duration::from_millis(50)), Piece::Bytes(tail.into())];
    let headers = vec![("content-type", "text/event-stream; charset=utf-8".to_string())];
    let expected = vec![StreamEvent::Opened, text("日本"), finished(FinishReason::Stop, None)];
    assert_eq!(play(Play { status: 200, headers, pieces }).await, expected);
}

#[tokio::test]
async fn tool_calls_may_be_split_parallel_and_without_ids_or_numbers() {
    let usual = Play::deltas(
        &[
            json!({"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "read", "arguments": ""}}]}),
            json!({"tool_calls": [{"index": 0, "function": {"arguments": "{\"path\""}}]}),
            json!({"tool_calls": [{"index": 0, "function": {"arguments": ":\"x\"}"}}]}),
            json!({"tool_calls": [{"index": 1, "id": "b", "type": "function", "function": {"name": "read", "arguments": "{}"}}]}),
        ],
        "tool_calls",
    );
    let expected = vec![
        StreamEvent::Opened,
        call(0, Some("a"), "{\"path\":\"x\"}"),
        call(1, Some("b"), "{}"),
        finished(FinishReason::ToolCalls, None),
    ];
    assert_eq!(play(usual).await, expected);

    let bare = Play::deltas(
        &[
            json!({"tool_calls": [{"function": {"name": "read", "arguments": {"path": "x"}}}, {"function": {"name": "read", "arguments": "{}"}}]}),
        ],
        "stop",
    );
    let expected = vec![
        StreamEvent::Opened,
        call(0, None, "{\"path\":\"x\"}"),
        call(1, None, "{}"),
        finished(FinishReason::Stop, None),
    ];
    assert_eq!(play(bare).await, expected);
}

#[tokio::test]
async fn a_whole_answer_in_place_of_a_stream_is_taken() {
    let message = json!({"role": "assistant", "content": "Hello", "tool_calls": [{"id": "a", "function": {"name": "read", "arguments": "{}"}}]});
    let usage = json!({"prompt_tokens": 1, "completion_tokens": 2});
    let answer = json!({"choices": [{"message": message, "finish_reason": "tool_calls"}], "usage": usage});
    let expected = vec![
        StreamEvent::Opened,
        text("Hello"),
        call(0, Some("a"), "{}"),
        finished(FinishReason::ToolCalls, Some((1, 2))),
    ];
    assert_eq!(play(Play::body(200, "application/json", &answer.to_string())).await, expected);
}

#[tokio::test]
async fn a_stream_that_breaks_or_forgets_to_finish_is_cut() {
    let started = || Play::events(&[&chunk(&json!({"content": "a"}), None)]);
    for broken in
        [started(), started().then(Piece::Break), started().then(Piece::Bytes("data: [DONE]\n\n".into()))]
    {
        let events = play(broken).await;
        assert_eq!(events[..2], [StreamEvent::Opened, text("a")]);
        assert_eq!(failure(&events).kind, FailureKind::Cut);
    }
}

#[tokio::test]
async fn a_break_after_the_finish_does_not_matter() {
    let play_ended = Play::events(&[&chunk(&json!({"content": "a"}), Some("stop"))]).then(Piece::Break);
    assert_eq!(
        play(play_ended).await,
        vec![StreamEvent::Opened, text("a"), finished(FinishReason::Stop, None)]
    );
}

#[tokio::test]
async fn silence_is_noticed_and_comments_are_not_silence() {
    let silent = Play::events(&[]).then(Piece::Silence);
    let events = play(silent).await;
    assert_eq!((events.len(), failure(&events).kind), (2, FailureKind::Stalled));

    let mut patient = Play::events(&[]);
    for _ in 0..6 {
        patient =
            patient.then(Piece::Bytes(": working\n\n".into())).then(Piece::Pause(Duration::from_millis(120)));
    }
    let last = format!("data: {}\n\n", chunk(&json!({"content": "a"}), Some("stop")));
    let events = play(patient.then(Piece::Bytes(last))).await;
    assert_eq!(events, vec![StreamEvent::Opened, text("a"), finished(FinishReason::Stop, None)]);
}

#[tokio::test]
async fn refusals_are_named_and_never_show_the_key() {
    let echo = json!({"error": {"message": format!("Incorrect API key provided: {KEY}"), "type": "invalid"}});
    let long = json!({"error": {"message": "This model's maximum context length is 8192 tokens", "code": "context_length_exceeded"}});
    let detail = json!({"detail": [{"msg": "field required", "loc": ["body"]}]});
    let quota = json!({"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}});
    let json_play = |status, value: &Value| Play::body(status, "application/json", &value.to_string());
    let cases = [
        (json_play(401, &echo), FailureKind::Auth, "401: Incorrect API key provided: [key]"),
        (
            json_play(400, &long),
            FailureKind::ContextOverflow,
            "400: This model's maximum context length is 8192 tokens",
        ),
        (json_play(422, &detail), FailureKind::BadRequest, "422: field required"),
        (json_play(429, &quota), FailureKind::Auth, "429: You exceeded your quota"),
        (
            Play::body(429, "text/plain", "slow down").header("retry-after", "7"),
            FailureKind::RateLimit { retry_after_ms: Some(7000) },
            "429: slow down",
        ),
        (
            Play::body(503, "text/html", "<title>Busy</title>"),
            FailureKind::Server { retry_after_ms: None },
            "503: Busy",
        ),
    ];
    for (answer, kind, words) in cases {
        let events = play(answer).await;
        let failure = failure(&events);
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!(failure.kind, kind);
        assert!(failure.text.ends_with(words), "{}", failure.text);
    }
}

#[tokio::test]
async fn a_page_and_a_redirect_say_to_check_the_url() {
    let page = play(Play::body(200, "text/html", "<html><title>Sign in</title></html>")).await;
    let told = failure(&page);
    assert_eq!(told.kind, FailureKind::Protocol);
    assert!(
        told.text.ends_with("answered with text/html where chat completions were expected: Sign in"),
        "{}",
        told.text
    );
    assert_eq!(told.hint.as_deref(), Some("check the base URL; it usually ends in /v1"));

    let moved = play(Play::body(307, "text/plain", "").header("location", "https://other.example/v1")).await;
    assert!(failure(&moved).text.ends_with("redirects to https://other.example/v1"), "{moved:?}");
}

#[tokio::test]
async fn errors_inside_a_stream_are_errors() {
    let mut lines = vec![chunk(&json!({"content": "a"}), None)];
    lines.push(json!({"error": {"message": "overloaded", "code": 502}}).to_string());
    let events = play(Play::events(&lines.iter().map(String::as_str).collect::<Vec<_>>())).await;
    assert_eq!(failure(&events).text, "the endpoint reported: overloaded");
    assert_eq!(failure(&events).kind, FailureKind::Server { retry_after_ms: None });

    let events = play(Play::events(&["not json"])).await;
    assert_eq!(failure(&events).kind, FailureKind::Protocol);
    let events = play(Play::body(200, "application/json", r#"{"error":"no such model"}"#)).await;
    assert_eq!(failure(&events).text, "the endpoint reported: no such model");
}

#[tokio::test]
async fn a_server_that_cannot_count_is_asked_again_without() {
    let refusal = json!({"error": {"message": "Unrecognized request argument: stream_options"}}).to_string();
    let plays =
        vec![Play::body(400, "application/json", &refusal), Play::deltas(&[json!({"content": "a"})], "stop")];
    let server = Server::start(None, plays).await;
    let events = joined(stream(&client(&server.base_url, None), request()).await);
    assert_eq!(events, vec![StreamEvent::Opened, text("a"), finished(FinishReason::Stop, None)]);
    let asked: Vec<bool> =
        server.requests().iter().map(|body| body.get("stream_options").is_some()).collect();
    assert_eq!(asked, [true, false]);
}

#[tokio::test]
async fn a_dead_endpoint_is_named_with_what_to_do() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let client = client(&format!("http://{address}/v1"), Some(KEY));
    let events = stream(&client, request()).await;
    let told = failure(&events);
    assert_eq!(told.kind, FailureKind::Connect);
    assert!(told.text.starts_with(&format!("cannot reach {address}: ")), "{}", told.text);
    assert_eq!(told.hint.as_deref(), Some("is the local server running, and on this port"));
    assert!(!format!("{client:?}").contains(KEY));
    let models = client.list_models().await.expect_err("nobody answers");
    assert_eq!(models.kind, FailureKind::Connect);
}

#[tokio::test]
async fn the_models_are_listed() {
    let server = Server::start(None, Vec::new()).await;
    let listed = client(&server.base_url, None).list_models().await.expect("a list");
    assert_eq!(listed.iter().map(|model| model.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
}

#[tokio::test]
async fn a_cancel_ends_the_stream_and_says_nothing_more() {
    let server = Server::start(
        None,
        vec![Play::events(&[&chunk(&json!({"content": "a"}), None)]).then(Piece::Silence)],
    )
    .await;
    let events: Arc<Mutex<Vec<StreamEvent>>> = Arc::default();
    let cancel = CancellationToken::new();
    let (to, stop) = (events.clone(), cancel.clone());
    let sink = Arc::new(move |event| {
        to.lock().expect("not poisoned").push(event);
        stop.cancel();
    });
    client(&server.base_url, None).stream(request(), sink, cancel).await;
    assert_eq!(*events.lock().expect("not poisoned"), [StreamEvent::Opened]);
}

/// Carries out a machine's outputs with the real client and a tool that answers with its path.
struct Conversation {
    machine: Machine,
    client: ChatClient,
    now_ms: u64,
}

impl Conversation {
    fn new(server: &Server) -> Self {
        let setup = Setup {
            provider: Provider::Endpoint,
            model: "m".into(),
            system: "Port.".into(),
            tools: tools(),
            limits: Limits::default(),
            ..Setup::default()
        };
        Self { machine: Machine::new(setup), client: client(&server.base_url, None), now_ms: 0 }
    }

    /// Runs until the machine rests; waits are skipped by setting the clock.
    async fn run(&mut self, input: Input) {
        let mut outputs = self.machine.step(self.now_ms, input);
        loop {
            let mut inputs = Vec::new();
            for output in outputs.drain(..) {
                match output {
                    Output::OpenStream { stream: number, request } => {
                        let events = stream(&self.client, request).await;
                        inputs
                            .extend(events.into_iter().map(|event| Input::Stream { stream: number, event }));
                    }
                    Output::RunTool { run } => {
                        let text = run.arguments["path"].as_str().unwrap_or_default().to_string();
                        inputs.push(Input::ToolEnded {
                            call_id: run.call_id,
                            outcome: ToolOutcome::Done { text },
                        });
                    }
                    Output::CloseStream { .. }
                    | Output::Prepare { .. }
                    | Output::KillTool { .. }
                    | Output::Record(_)
                    | Output::Notify(_) => {}
                }
            }
            if inputs.is_empty() {
                let Some(wake) = self.machine.wake_at_ms() else { return };
                self.now_ms = wake;
                inputs.push(Input::Tick);
            }
            outputs = inputs.into_iter().flat_map(|input| self.machine.step(self.now_ms, input)).collect();
        }
    }
}

#[tokio::test]
async fn a_whole_turn_with_a_refusal_a_cut_bad_calls_and_good_ones() {
    let call =
        |arguments: &str| json!({"tool_calls": [{"function": {"name": "read", "arguments": arguments}}]});
    let plays = vec![
        Play::body(429, "text/plain", "slow down").header("retry-after", "2"),
        Play::events(&[&chunk(&json!({"content": "half"}), None)]),
        Play::deltas(
            &[json!({"content": "Reading. "}), call("{\"path\": "), call("{\"path\": \"a.py\"}")],
            "tool_calls",
        ),
        Play::deltas(&[json!({"content": "Done."})], "stop"),
        Play::deltas(&[json!({"content": "Yes."})], "stop"),
    ];
    let server = Server::start(None, plays).await;
    let mut conversation = Conversation::new(&server);
    conversation.run(Input::User("go".into())).await;
    conversation.run(Input::User("sure?".into())).await;
    assert_eq!(conversation.machine.state(), &State::Idle);
    assert_eq!(server.problems(), Vec::<String>::new());
    let said: Vec<&str> =
        conversation.machine.messages().iter().map(|message| message.content.as_str()).collect();
    let unusable = "Error: The arguments of read are not usable: not valid JSON (EOF while parsing a value at line 1 column 9).";
    assert_eq!(said, ["go", "half", "Reading. ", unusable, "a.py", "Done.", "sure?", "Yes."]);
    assert_eq!(conversation.now_ms, 4000, "two seconds as asked, then the second wait of our own");
}

#[tokio::test]
async fn a_request_that_is_too_long_is_known_in_the_words_of_every_server() {
    let error = |message: &str, code: &str| {
        json!({"error": {"message": message, "type": code, "code": code}}).to_string()
    };
    let cases = [
        // OpenAI, and vLLM before and after its rewording.
        (400, error("This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.", "context_length_exceeded")),
        (400, error("This model's maximum context length is 8192 tokens. However, you requested 9000 tokens (8000 in the messages, 1000 in the completion). Please reduce the length of the messages or completion.", "BadRequestError")),
        (400, json!({"object": "error", "message": "The decoder prompt (length 9000) is longer than the maximum model length of 8192. Make sure that `max_model_len` is no smaller than the number of text tokens.", "type": "BadRequestError", "code": 400}).to_string()),
        // llama.cpp: by type, and in an older version as a 500.
        (400, json!({"error": {"code": 400, "message": "the request exceeds the available context size, try increasing it", "type": "exceed_context_size_error", "n_prompt_tokens": 9000, "n_ctx": 4096}}).to_string()),
        (500, json!({"error": {"code": 500, "message": "context size exceeded", "type": "server_error"}}).to_string()),
        // Ollama.
        (400, json!({"error": {"message": "the input length exceeds the context length", "type": "invalid_request_error"}}).to_string()),
        // The Hugging Face router passes on what its providers say: TGI, Groq, Gemini's and Anthropic's wording.
        (422, json!({"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens and 512 `max_new_tokens`", "error_type": "validation"}).to_string()),
        (422, json!({"error": "Input validation error: `inputs` must have less than 4095 tokens. Given: 5000"}).to_string()),
        (400, error("Please reduce the length of the messages or completion.", "invalid_request_error")),
        (400, error("The input token count (1050000) exceeds the maximum number of tokens allowed (1048576).", "INVALID_ARGUMENT")),
        (400, error("prompt is too long: 205000 tokens > 200000 maximum", "invalid_request_error")),
        (413, "Payload Too Large".to_string()),
    ];
    for (status, body) in cases {
        let kind = if body.starts_with('{') { "application/json" } else { "text/plain" };
        let events = play(Play::body(status, kind, &body)).await;
        assert_eq!(failure(&events).kind, FailureKind::ContextOverflow, "{body}");
    }
    let inside = json!({"error": {"code": 400, "message": "the request exceeds the available context size"}})
        .to_string();
    let events = play(Play::events(&[&chunk(&json!({"content": "a"}), None), &inside])).await;
    assert_eq!(failure(&events).kind, FailureKind::ContextOverflow);
    // A limit of tokens a minute is no length, and a broken server no prompt.
    let minute =
        Play::body(429, "application/json", &error("Rate limit: too many tokens per minute", "tokens"));
    assert_eq!(failure(&play(minute).await).kind, FailureKind::RateLimit { retry_after_ms: None });
    let broken = Play::body(500, "application/json", &error("internal error", "server_error"));
    assert_eq!(failure(&play(broken).await).kind, FailureKind::Server { retry_after_ms: None });
}

#[tokio::test]
async fn counts_come_in_a_chunk_of_their_own_in_the_last_or_in_each_and_choices_may_be_empty() {
    let count = |prompt: u64, out: u64| json!({"prompt_tokens": prompt, "completion_tokens": out, "total_tokens": prompt + out});
    let filtered = json!({"choices": [], "prompt_filter_results": [{"prompt_index": 0}]}).to_string();
    let in_last = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": count(7, 2), "timings": {}}).to_string();
    let in_each = |text: &str, out: u64| {
        json!({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}], "usage": count(7, out)}).to_string()
    };
    let streams = [
        vec![filtered, chunk(&json!({"content": "ab"}), None), in_last.clone()],
        vec![in_each("a", 1), in_each("b", 2), chunk(&json!({}), Some("stop"))],
        vec![
            chunk(&json!({"content": "ab"}), Some("stop")),
            json!({"choices": [], "usage": count(7, 2)}).to_string(),
        ],
        vec![chunk(&json!({"content": "ab"}), Some("stop")), json!({"usage": count(7, 2)}).to_string()],
    ];
    for lines in streams {
        let lines: Vec<&str> = lines.iter().map(String::as_str).chain(["[DONE]"]).collect();
        let expected = vec![StreamEvent::Opened, text("ab"), finished(FinishReason::Stop, Some((7, 2)))];
        assert_eq!(play(Play::events(&lines)).await, expected, "{lines:?}");
    }
}

#[tokio::test]
async fn reasoning_under_any_name_comes_before_the_words_and_the_call() {
    for name in ["reasoning_content", "reasoning", "thinking"] {
        let asked = json!({"index": 0, "id": "a", "function": {"name": "read", "arguments": "{}"}});
        let deltas = [
            json!({name: "I "}),
            json!({name: "look."}),
            json!({"content": "Reading."}),
            json!({"tool_calls": [asked]}),
        ];
        let thought = StreamEvent::Reasoning { delta: "I look.".into() };
        let expected = vec![
            StreamEvent::Opened,
            thought,
            text("Reading."),
            call(0, Some("a"), "{}"),
            finished(FinishReason::ToolCalls, None),
        ];
        assert_eq!(play(Play::deltas(&deltas, "tool_calls")).await, expected, "{name}");
    }
}

#[tokio::test]
async fn a_server_that_accepts_and_says_nothing_at_all_is_noticed() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
    let timeouts = Timeouts { first_byte: Duration::from_millis(300), ..Timeouts::default() };
    let endpoint = Endpoint::new(&url, None).expect("a good endpoint").timeouts(timeouts);
    let client = ChatClient::new(endpoint).expect("a client");
    let accept = async {
        let (socket, _) = listener.accept().await.expect("a connection");
        tokio::time::sleep(Duration::from_secs(5)).await;
        drop(socket);
    };
    let events = tokio::select! {
        events = stream(&client, request()) => events,
        () = accept => panic!("nobody noticed"),
    };
    assert_eq!(failure(&events).kind, FailureKind::Stalled);
}

#[tokio::test]
async fn a_wait_asked_for_as_a_date_is_counted_down_and_the_person_need_not_wait() {
    let at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(90);
    let date = at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let plays = vec![
        Play::body(429, "text/plain", "slow down").header("retry-after", &date),
        Play::body(503, "text/plain", "busy").header("retry-after", "40"),
        Play::deltas(&[json!({"content": "Here."})], "stop"),
    ];
    let server = Server::start(None, plays).await;
    let mut conversation = Conversation::new(&server);
    let step = async |conversation: &mut Conversation, now: u64, input: Input| {
        conversation.now_ms = now;
        for output in conversation.machine.step(now, input) {
            if let Output::OpenStream { stream: number, request } = output {
                for event in stream(&conversation.client, request).await {
                    conversation.machine.step(now, Input::Stream { stream: number, event });
                }
            }
        }
    };
    step(&mut conversation, 1_000, Input::User("go".into())).await;
    let until = conversation.machine.wake_at_ms().expect("a countdown");
    assert!((86_000..=91_000).contains(&until), "{until}");
    // A tick before its time asks nobody; "retry now" does.
    step(&mut conversation, 5_000, Input::Tick).await;
    assert_eq!(server.requests().len(), 1);
    step(&mut conversation, 6_000, Input::Retry).await;
    assert_eq!((server.requests().len(), conversation.machine.wake_at_ms()), (2, Some(46_000)));
    step(&mut conversation, 46_000, Input::Tick).await;
    assert_eq!(conversation.machine.state(), &State::Idle);
    assert_eq!(server.problems(), Vec::<String>::new());
}

#[tokio::test]
async fn the_server_refuses_what_strict_servers_refuse() {
    let tool = |name: &str, schema: Value| ToolSpec {
        name: name.into(),
        description: "Reads.".into(),
        schema,
        approval: Approval::Auto,
    };
    let calls = |id: &str| {
        Message::assistant("").calling(vec![mlxport::agent::data::ToolCall {
            id: id.into(),
            name: "read".into(),
            arguments: "{}".into(),
        }])
    };
    let of = |messages: Vec<Message>| ChatRequest { messages, ..request() };
    let with = |tools: Vec<ToolSpec>| ChatRequest { tools, ..request() };
    let user = || Message::user("hi");
    let cases = [
        (of(vec![Message::assistant("hello"), user()]), "before the user said anything"),
        (of(vec![user(), user()]), "the second of the user"),
        (
            of(vec![user(), Message::assistant("a"), Message::assistant("b"), user()]),
            "the second of the assistant",
        ),
        (of(vec![user(), Message::tool("x", "1")]), "which nobody asked"),
        (of(vec![user(), calls("a"), user()]), "leaves calls open"),
        (
            of(vec![user(), calls("a"), Message::tool("a", "1"), calls("a"), Message::tool("b", "1")]),
            "which nobody asked",
        ),
        (of(vec![user(), calls(""), Message::tool("", "1")]), "has a bad call"),
        (of(vec![user(), Message::assistant("done")]), "does not end with a question"),
        (with(vec![tool("a b", json!({"type": "object", "properties": {}}))]), "tool "),
        (with(vec![tool("read", json!({"type": "object"}))]), "tool "),
        (
            with(vec![tool("read", json!({"type": "object", "properties": {}, "required": ["path"]}))]),
            "tool ",
        ),
        (of(vec![Message::user("my token is hf_OtherOriginToken")]), "a secret of somebody else"),
        (of(vec![Message::user(KEY)]), "the key is beside its header"),
    ];
    for (request, wanted) in cases {
        let server = Server::start(Some(KEY), Vec::new()).await.forbid("hf_OtherOriginToken");
        let events = stream(&client(&server.base_url, Some(KEY)), request).await;
        assert_eq!(failure(&events).kind, FailureKind::BadRequest, "{wanted}");
        let problems = server.problems().join("; ");
        assert!(problems.contains(wanted), "{wanted}: {problems}");
    }
}
