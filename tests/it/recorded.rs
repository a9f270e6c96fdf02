//! The recorded endpoint, through plain HTTP and through the agent's own client.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mlxport::agent::client::{ChatClient, Endpoint, Timeouts};
use mlxport::agent::data::{ChatRequest, FinishReason, Message, Role, StreamEvent, ToolCall};
use mlxport::session::data::{PersonStep, TimedStep};
use mlxport::session::{Pace, RecordedEndpoint, Recording};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

fn recording() -> Recording {
    Recording::load(Path::new("tests/fixtures/recording.jsonl")).expect("the fixture")
}

/// Serves the fixture while `work` runs.
async fn served<T>(pace: Pace, work: impl AsyncFnOnce(String) -> T) -> T {
    let endpoint = RecordedEndpoint::bind(recording(), pace).await.expect("a free port");
    let base = endpoint.base_url().to_string();
    let cancel = CancellationToken::new();
    let guard = cancel.clone().drop_guard();
    tokio::select! {
        ended = endpoint.run(cancel) => panic!("the endpoint ended: {ended:?}"),
        done = work(base) => { drop(guard); done }
    }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

/// The recorded conversation up to the model's turn `turn`, as a client sends it.
fn until(turn: usize) -> Vec<Message> {
    let mut turns = 0;
    let recording = recording();
    let before = recording.messages().take_while(|message| {
        turns += usize::from(message.role == Role::Assistant);
        turns <= turn
    });
    before.cloned().collect()
}

fn wire(messages: &[Message]) -> Value {
    let said = |message: &Message| {
        let calls: Vec<Value> = message
            .tool_calls
            .iter()
            .map(|call| json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}))
            .collect();
        json!({"role": message.role, "content": message.content, "tool_calls": calls})
    };
    Value::Array(messages.iter().map(said).collect())
}

async fn ask(base: &str, messages: &[Message]) -> Message {
    let body = json!({"model": "recording", "messages": wire(messages)});
    let answer =
        reqwest::Client::new().post(format!("{base}/chat/completions")).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer: Value = answer.json().await.unwrap();
    let said = &answer["choices"][0]["message"];
    let calls = said["tool_calls"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap().to_string();
    let call = |call: &Value| ToolCall {
        id: text(&call["id"]),
        name: text(&call["function"]["name"]),
        arguments: text(&call["function"]["arguments"]),
    };
    Message::assistant(text(&said["content"])).calling(calls.iter().map(call).collect())
}

fn without_reasoning(message: &Message) -> Message {
    Message { reasoning: String::new(), ..message.clone() }
}

#[test]
fn every_turn_is_served_in_order_and_the_end_is_said() {
    run(served(Pace::Instant, async |base| {
        let recording = recording();
        for (turn, recorded) in recording.turns().into_iter().enumerate() {
            assert_eq!(ask(&base, &until(turn)).await, without_reasoning(recorded), "turn {turn}");
        }
        let mut past = until(4);
        past.push(Message::user("More?"));
        assert_eq!(
            ask(&base, &past).await.content,
            "[recording] This conversation is a recording, no language model answers: the recording ends here."
        );
    }));
}

#[test]
fn the_agents_own_client_reads_the_stream_as_it_was_recorded() {
    run(served(Pace::Instant, async |base| {
        let endpoint = Endpoint::new(&base, None).expect("a URL");
        let client = ChatClient::new(endpoint).expect("a client");
        for (turn, recorded) in recording().turns().into_iter().enumerate() {
            let events = Arc::new(Mutex::new(Vec::new()));
            let kept = events.clone();
            let request = ChatRequest {
                model: "recording".into(),
                messages: until(turn),
                tools: vec![],
                max_tokens: None,
            };
            client
                .stream(
                    request,
                    Arc::new(move |event| kept.lock().unwrap().push(event)),
                    CancellationToken::new(),
                )
                .await;
            let events = events.lock().unwrap().clone();
            let finish =
                if recorded.tool_calls.is_empty() { FinishReason::Stop } else { FinishReason::ToolCalls };
            let Some(StreamEvent::Finished { reason, usage }) = events.last() else {
                panic!("turn {turn} did not finish: {events:?}")
            };
            assert_eq!(*reason, finish);
            assert!(usage.is_some_and(|usage| usage.prompt_tokens > 0 && usage.completion_tokens > 0));
            assert_eq!(&assembled(&events), recorded, "turn {turn}");
        }
    }));
}

fn assembled(events: &[StreamEvent]) -> Message {
    let mut message = Message::assistant("");
    for event in events {
        match event {
            StreamEvent::Text { delta } => message.content.push_str(delta),
            StreamEvent::Reasoning { delta } => message.reasoning.push_str(delta),
            StreamEvent::ToolCall { delta } => {
                let slot = delta.slot as usize;
                while message.tool_calls.len() <= slot {
                    message.tool_calls.push(ToolCall {
                        id: String::new(),
                        name: String::new(),
                        arguments: String::new(),
                    });
                }
                let call = &mut message.tool_calls[slot];
                call.id.push_str(delta.id.as_deref().unwrap_or_default());
                call.name.push_str(delta.name.as_deref().unwrap_or_default());
                call.arguments.push_str(&delta.arguments);
            }
            _ => {}
        }
    }
    message
}

#[test]
fn a_stream_is_chunks_of_the_shape_that_servers_send() {
    let body = run(served(Pace::Every(Duration::from_millis(1)), async |base| {
        let body = json!({"model": "recording", "stream": true, "messages": wire(&until(0))});
        let answer =
            reqwest::Client::new().post(format!("{base}/chat/completions")).json(&body).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        answer.text().await.unwrap()
    }));
    let data: Vec<&str> = body.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    assert_eq!(data.last(), Some(&"[DONE]"));
    let chunks: Vec<Value> =
        data[..data.len() - 1].iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    assert_eq!(chunks[0]["choices"][0]["delta"], json!({"role": "assistant", "content": ""}));
    assert!(chunks.iter().all(|chunk| chunk["object"] == "chat.completion.chunk"));
    let opened: Vec<&Value> = chunks
        .iter()
        .flat_map(|chunk| chunk["choices"][0]["delta"]["tool_calls"].as_array().into_iter().flatten())
        .filter(|call| call["id"].is_string())
        .collect();
    let ids: Vec<&Value> = opened.iter().map(|call| &call["id"]).collect();
    assert_eq!(ids, ["call_1", "call_2"]);
    let arguments = |index: u64| -> Vec<String> {
        let calls = chunks
            .iter()
            .flat_map(|chunk| chunk["choices"][0]["delta"]["tool_calls"].as_array().into_iter().flatten());
        calls
            .filter(|call| call["index"] == index)
            .map(|call| call["function"]["arguments"].as_str().unwrap().to_string())
            .filter(|piece| !piece.is_empty())
            .collect()
    };
    assert!(arguments(1).len() > 1, "long arguments come in pieces");
    assert_eq!(arguments(1).concat(), recording().turns()[0].tool_calls[1].arguments);
    let finish = &chunks[chunks.len() - 2]["choices"][0]["finish_reason"];
    assert_eq!(finish, "tool_calls");
    assert!(chunks[chunks.len() - 1]["usage"]["total_tokens"].as_u64().is_some_and(|count| count > 0));
}

#[test]
fn a_question_off_the_script_gets_an_honest_answer_and_the_recording_goes_on() {
    run(served(Pace::Instant, async |base| {
        let mut talk = vec![Message::user("What is the meaning of life?")];
        let honest = ask(&base, &talk).await;
        assert_eq!(
            honest.content,
            "[recording] This conversation is a recording, no language model answers: it cannot answer this. \
             The recorded person says next: \"Port arcee. The MLP has no gate.\""
        );
        talk.push(honest);
        talk.extend(until(0));
        assert_eq!(ask(&base, &talk).await.tool_calls.len(), 2);

        // In the middle of a turn.
        let mut talk = until(1);
        talk.push(Message::user("Wait, why?"));
        let honest = ask(&base, &talk).await;
        assert!(honest.content.ends_with("it cannot answer this. Type \"continue\" to go on with it."));
        talk.extend([honest, Message::user("Continue")]);
        assert_eq!(ask(&base, &talk).await, *recording().turns()[1]);
    }));
}

#[test]
fn a_denied_edit_is_not_taken_for_the_recorded_agreement() {
    run(served(Pace::Instant, async |base| {
        let mut talk = until(2);
        let result = talk.last_mut().unwrap();
        assert_eq!(result.content, "Applied: mlx_lm/models/arcee.py +5 -0.");
        result.content = "The person declined this edit: no".into();
        let honest = ask(&base, &talk).await;
        assert!(
            honest.content.ends_with(
                "in it this edit was written, here it was not. Type \"continue\" to see the proposal again."
            ),
            "{}",
            honest.content
        );
        talk.extend([honest, Message::user("continue")]);
        let again = ask(&base, &talk).await;
        assert_eq!(again.tool_calls[0].name, "write_port");
        assert_eq!(again.tool_calls[0].id, "call_3_2");
        talk.extend([again, Message::tool("call_3_2", "Applied: mlx_lm/models/arcee.py +5 -0.")]);
        assert_eq!(ask(&base, &talk).await, *recording().turns()[2]);
    }));
}

#[test]
fn an_interrupted_turn_is_served_again() {
    run(served(Pace::Instant, async |base| {
        let mut talk = until(2);
        talk.extend([Message::assistant("The port is"), Message::user("continue")]);
        assert_eq!(ask(&base, &talk).await, *recording().turns()[2]);
    }));
}

#[test]
fn nonsense_is_a_bad_request_and_models_are_listed() {
    run(served(Pace::Instant, async |base| {
        let client = reqwest::Client::new();
        let answer =
            client.post(format!("{base}/chat/completions")).body("{\"messages\": 3}").send().await.unwrap();
        assert_eq!(answer.status(), 400);
        let said: Value = answer.json().await.unwrap();
        assert!(said["error"]["message"].as_str().unwrap().contains("expected a sequence"));
        let models: Value = client.get(format!("{base}/models")).send().await.unwrap().json().await.unwrap();
        assert_eq!(models["data"][0]["id"], "recording");
    }));
}

#[test]
fn the_persons_steps_come_in_order_with_the_turns_before_them() {
    let step = |after_turn, step| TimedStep { after_turn, step };
    let voice =
        PersonStep::Voice { field: "disclosure".into(), text: "A model wrote the first draft.".into() };
    assert_eq!(
        recording().person_steps(),
        [
            step(0, PersonStep::Say { text: "Port arcee. The MLP has no gate.".into() }),
            step(2, PersonStep::Approve),
            step(3, PersonStep::Say { text: "Thanks.".into() }),
            step(4, PersonStep::Stage { path: "mlx_lm/models/arcee.py".into() }),
            step(4, voice),
            step(4, PersonStep::Commit { message: "Add arcee".into() }),
            step(4, PersonStep::Push { branch: "add-arcee".into() }),
        ]
    );
}

#[test]
fn a_bad_recording_is_named_by_line() {
    let said = |text: &str| Recording::parse(text).expect_err("refused");
    assert_eq!(said(""), (1, "the first line is no header".into()));
    let header = r#"{"v":1,"seq":0,"ts":"t","kind":"header","session":"s","model_type":"m","created":"c"}"#;
    assert_eq!(said(&format!("{header}\n{{\"v\":")).0, 2);
    let newer = r#"{"v":2,"seq":1,"ts":"t","kind":"hologram"}"#;
    assert_eq!(said(&format!("{header}\n{newer}")), (2, "version 2 is newer than this mlxport's 1".into()));
    let later_kind = r#"{"v":1,"seq":1,"ts":"t","kind":"hologram","x":[1]}"#;
    assert_eq!(Recording::parse(&format!("{header}\n{later_kind}")).expect("skipped").lines.len(), 2);
}

#[test]
fn the_endpoint_keeps_to_this_machine() {
    run(served(Pace::Instant, async |base| {
        assert!(base.starts_with("http://127.0.0.1:"), "{base}");
        let _ = Timeouts::default();
    }));
}

/// The recording that the program brings, and a change to one of its lines, as JSON.
fn replayed(change: impl Fn(&mut Value)) -> Vec<String> {
    let text = std::fs::read_to_string("recordings/arcee.jsonl").expect("a recording");
    let changed = text.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).expect("JSON");
        change(&mut line);
        line.to_string()
    });
    let changed = changed.collect::<Vec<_>>().join("\n");
    let parsed = |text: &str| Recording::parse(text).expect("a recording").lines;
    mlxport::session::differences(&parsed(&text), &parsed(&changed))
}

#[test]
fn a_replay_that_does_the_same_differs_in_nothing() {
    assert_eq!(replayed(|_| {}), Vec::<String>::new());
    // Times, run ids, tools' words and figures of a passing check within their noise are no difference.
    let elsewhere = |line: &mut Value| {
        line["ts"] = json!("2027-01-01T00:00:00Z");
        if line["entry"]["kind"] == "tool_ended" {
            line["entry"]["outcome"]["text"] = json!("said in other words");
        }
        if line["kind"] == "check" {
            line["result"]["run_id"] = json!("20270101T000000-ffffff");
            for check in line["result"]["checks"].as_array_mut().expect("checks") {
                if check["id"] == "exact" && check["verdict"] == "pass" {
                    check["figure"] = json!(check["figure"].as_f64().expect("a figure") * 1.7);
                }
            }
        }
    };
    assert_eq!(replayed(elsewhere), Vec::<String>::new());
}

#[test]
fn a_replay_that_does_otherwise_is_named_by_what_differs() {
    let edit = |line: &mut Value| {
        let receipt = line.pointer_mut("/artifacts/0/receipt").filter(|receipt| receipt["old_sha"].is_null());
        if let Some(receipt) = receipt {
            receipt["new_sha"] = json!("0123456789abcdef");
        }
    };
    assert_eq!(
        replayed(edit),
        [
            "recorded: mlx_lm/models/arcee.py written as cfcb509e3443; now: mlx_lm/models/arcee.py written as 0123456789ab"
        ]
    );
    let failing = |check: &'static str, value: Value| {
        move |line: &mut Value| {
            if line["kind"] == "check" && line["result"]["verdict"] == "fail" {
                line["result"]["checks"][0][check] = value.clone();
            }
        }
    };
    let about = "check of the port saved as cfcb509e3443: exact defaults std 1.0";
    assert_eq!(
        replayed(failing("figure", json!(0.5))),
        [format!("{about}: recorded ✗ 6.5e-01 at model.layers.0.mlp, now ✗ 5.0e-01 at model.layers.0.mlp")]
    );
    assert_eq!(
        replayed(failing("first_divergence", json!({"module": "model.layers.0.self_attn"}))),
        [format!(
            "{about}: recorded ✗ 6.5e-01 at model.layers.0.mlp, now ✗ 6.5e-01 at model.layers.0.self_attn"
        )]
    );
    let refused = |line: &mut Value| {
        if line["entry"]["kind"] == "decided" {
            line["entry"]["decision"] = json!({"decision": "deny", "reason": "no"});
        }
    };
    assert_eq!(replayed(refused), ["recorded: the edit was accepted; now: the edit was refused"]);
    let unpushed = |line: &mut Value| {
        if line["step"]["act"] == "push" {
            line["kind"] = json!("later");
        }
    };
    assert_eq!(
        replayed(unpushed),
        ["recorded: the person did: push to the fork; now: nothing"],
        "what is missing at the end is said too"
    );
    let unchecked = |line: &mut Value| {
        if line["kind"] == "check" && line["result"]["verdict"] == "fail" {
            line["kind"] = json!("later");
        }
    };
    let lost = "check of the port saved as cfcb509e3443: recorded, and not made now";
    assert_eq!(replayed(unchecked), [lost]);
}
