//! Key scripts: inputs in, whole outputs and states out.

mod compact;
mod gates;

use serde_json::json;

use super::*;
use crate::agent::data::policy::By;
use crate::agent::data::{
    Approval, ApprovedEdit, EditOrigin, EditScope, FailureKind, FinishReason, Mark, Role, ToolCall,
    ToolCallDelta,
};
use crate::util::blame::Blame;

fn tool(name: &str, approval: Approval) -> ToolSpec {
    let schema = json!({"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]});
    ToolSpec { name: name.into(), description: "d".into(), schema, approval }
}

fn setup() -> Setup {
    Setup {
        provider: Provider::Endpoint,
        model: "m".into(),
        system: "sys".into(),
        tools: vec![tool("read", Approval::Auto), tool("edit", Approval::Ask)],
        limits: Limits { rounds: 3, ..Limits::default() },
        ..Setup::default()
    }
}

fn request(messages: Vec<Message>) -> ChatRequest {
    let mut all = vec![Message::text(Role::System, "sys")];
    all.extend(messages);
    ChatRequest { model: "m".into(), messages: all, tools: setup().tools, max_tokens: None }
}

fn call(id: &str, name: &str, arguments: &str) -> ToolCall {
    ToolCall { id: id.into(), name: name.into(), arguments: arguments.into() }
}

fn read(id: &str) -> ToolCall {
    call(id, "read", r#"{"path":"a"}"#)
}

fn edit(id: &str) -> ToolCall {
    call(id, "edit", r#"{"path":"a"}"#)
}

fn run(call: &ToolCall, approved: Option<ApprovedEdit>) -> ToolRun {
    ToolRun { call_id: call.id.clone(), name: call.name.clone(), arguments: json!({"path": "a"}), approved }
}

fn said(message: Message) -> Output {
    Output::Record(Entry::Message { message })
}

fn ended(id: &str, outcome: ToolOutcome) -> Output {
    Output::Record(Entry::ToolEnded { call_id: id.into(), outcome })
}

fn done(text: &str) -> ToolOutcome {
    ToolOutcome::Done { text: text.into() }
}

fn failed(text: &str) -> ToolOutcome {
    ToolOutcome::Failed { text: text.into() }
}

fn text(stream: u64, delta: &str) -> Input {
    Input::Stream { stream, event: StreamEvent::Text { delta: delta.into() } }
}

fn finished(stream: u64) -> Input {
    Input::Stream { stream, event: StreamEvent::Finished { reason: FinishReason::Stop, usage: None } }
}

fn failure(kind: FailureKind) -> StreamFailure {
    StreamFailure { kind, text: "no".into(), hint: None }
}

fn fails(stream: u64, kind: FailureKind) -> Input {
    Input::Stream { stream, event: StreamEvent::Failed { failure: failure(kind) } }
}

fn open(stream: u64, messages: Vec<Message>) -> Output {
    Output::OpenStream { stream, request: request(messages) }
}

/// Steps through a model message that makes these calls; gives the outputs of its end.
fn calls(machine: &mut Machine, stream: u64, calls: &[ToolCall]) -> Vec<Output> {
    for (slot, call) in calls.iter().enumerate() {
        let (head, tail) = call.arguments.split_at(call.arguments.len() / 2);
        let id = (!call.id.is_empty()).then(|| call.id.clone());
        let first =
            ToolCallDelta { slot: slot as u32, id, name: Some(call.name.clone()), arguments: head.into() };
        let second = ToolCallDelta { slot: slot as u32, id: None, name: None, arguments: tail.into() };
        for delta in [first, second] {
            machine.step(0, Input::Stream { stream, event: StreamEvent::ToolCall { delta } });
        }
    }
    machine.step(0, finished(stream))
}

fn started() -> Machine {
    let mut machine = Machine::new(setup());
    machine.step(0, Input::User("hi".into()));
    machine
}

fn proposal(id: &str) -> Proposal {
    Proposal {
        call_id: id.into(),
        title: "edit a".into(),
        path: "a".into(),
        scope: EditScope::Port,
        before: "1\n".into(),
        after: "2\n".into(),
    }
}

#[test]
fn a_message_opens_a_stream_and_its_end_is_the_persons_turn() {
    let mut machine = Machine::new(setup());
    let hi = Message::user("hi");
    assert_eq!(machine.step(5, Input::User("hi".into())), vec![said(hi.clone()), open(1, vec![hi])]);
    assert_eq!(machine.step(6, text(1, "Hel")), vec![]);
    assert_eq!(machine.step(7, text(1, "lo")), vec![]);
    assert_eq!(machine.partial().map(|partial| partial.text.as_str()), Some("Hello"));
    let usage = Usage { prompt_tokens: 10, completion_tokens: 2 };
    let end = StreamEvent::Finished { reason: FinishReason::Stop, usage: Some(usage) };
    assert_eq!(
        machine.step(8, Input::Stream { stream: 1, event: end }),
        vec![
            Output::Record(Entry::Usage { usage }),
            said(Message::assistant("Hello")),
            Output::Notify(Notice::TurnEnded)
        ]
    );
    assert_eq!(machine.state(), &State::Idle);
}

#[test]
fn events_of_another_stream_and_blank_messages_are_dropped() {
    let mut machine = started();
    assert_eq!(machine.step(1, text(9, "x")), vec![]);
    assert_eq!(machine.partial(), Some(&Partial::default()));
    machine.step(1, finished(1));
    assert_eq!(machine.step(1, Input::User("  \n".into())), vec![]);
}

#[test]
fn calls_run_one_after_another_and_their_results_go_back_together() {
    let mut machine = started();
    let message = Message::assistant("").calling(vec![read("a"), read("b")]);
    let first = calls(&mut machine, 1, &[read("a"), read("b")]);
    assert_eq!(first, vec![said(message.clone()), Output::RunTool { run: run(&read("a"), None) }]);
    let ended_a = machine.step(1, Input::ToolEnded { call_id: "a".into(), outcome: done("A") });
    assert_eq!(
        ended_a,
        vec![
            ended("a", done("A")),
            said(Message::tool("a", "A")),
            Output::RunTool { run: run(&read("b"), None) }
        ]
    );
    let ended_b = machine.step(2, Input::ToolEnded { call_id: "b".into(), outcome: failed("gone") });
    let history =
        vec![Message::user("hi"), message, Message::tool("a", "A"), Message::tool("b", "Error: gone")];
    assert_eq!(
        ended_b,
        vec![ended("b", failed("gone")), said(Message::tool("b", "Error: gone")), open(2, history)]
    );
}

#[test]
fn malformed_calls_are_told_to_the_model_and_good_ones_still_run() {
    let mut machine = started();
    let made = [call("", "read", "{\"path\":"), call("x", "delete", "{}"), call("x", "read", "{}"), read("")];
    let outputs = calls(&mut machine, 1, &made);
    let message = Message::assistant("").calling(vec![
        call("call_1", "read", "{\"path\":"),
        call("x", "delete", "{}"),
        call("call_2", "read", "{}"),
        read("call_3"),
    ]);
    let bad_json = "The arguments of read are not usable: not valid JSON (EOF while parsing a value at line 1 column 8).";
    let no_tool = "There is no tool named \"delete\". The tools are: read, edit.";
    let lacks = "The arguments of read lack \"path\".";
    let mut expected = vec![said(message)];
    for (id, text) in [("call_1", bad_json), ("x", no_tool), ("call_2", lacks)] {
        expected.extend([ended(id, failed(text)), said(Message::tool(id, format!("Error: {text}")))]);
    }
    expected.push(Output::RunTool { run: run(&read("call_3"), None) });
    assert_eq!(outputs, expected);
}

#[test]
fn a_model_that_only_makes_unusable_calls_is_stopped() {
    let mut machine =
        Machine::new(Setup { limits: Limits { malformed_rounds: 2, ..Limits::default() }, ..setup() });
    machine.step(0, Input::User("hi".into()));
    calls(&mut machine, 1, &[call("a", "nope", "{}")]);
    calls(&mut machine, 2, &[call("b", "nope", "{}")]);
    let report = Report::new(Blame::Environment, "the model made 2 unusable tool calls in a row")
        .hint("try another model, or tell it what is wrong; r goes on");
    assert_eq!(machine.state(), &State::Stopped { report });
}

#[test]
fn an_edit_waits_for_the_person_and_runs_as_agreed() {
    let mut machine = started();
    let outputs = calls(&mut machine, 1, &[edit("e")]);
    assert_eq!(outputs[1..], [Output::Prepare { run: run(&edit("e"), None) }]);
    let shown = machine.step(1, Input::Proposed { call_id: "e".into(), result: Ok(proposal("e")) });
    assert_eq!(
        shown,
        vec![
            Output::Record(Entry::Proposed { proposal: proposal("e") }),
            Output::Notify(Notice::ApprovalNeeded { title: "edit a".into() })
        ]
    );
    assert_eq!(machine.proposal(), Some(&proposal("e")));
    let decision = Decision::AcceptEdited { after: "3\n".into() };
    let agreed =
        ApprovedEdit { path: "a".into(), before: "1\n".into(), after: "3\n".into(), by: EditOrigin::Person };
    assert_eq!(
        machine.step(2, Input::Decided { call_id: "e".into(), decision: decision.clone() }),
        vec![
            Output::Record(Entry::Decided { call_id: "e".into(), decision, by: By::Person }),
            Output::RunTool { run: run(&edit("e"), Some(agreed)) }
        ]
    );
    machine.step(3, Input::ToolEnded { call_id: "e".into(), outcome: done("Written.") });
    let told = "Written.\nThe person changed your proposal before it was written:\n--- proposed\n+++ written\n@@ -1 +1 @@\n-2\n+3\n";
    assert_eq!(machine.messages().last(), Some(&Message::tool("e", told)));
}

#[test]
fn a_denied_edit_and_an_impossible_one_go_back_to_the_model() {
    let mut machine = started();
    calls(&mut machine, 1, &[edit("e"), edit("f")]);
    machine.step(1, Input::Proposed { call_id: "e".into(), result: Err("old text not found".into()) });
    machine.step(1, Input::Proposed { call_id: "f".into(), result: Ok(proposal("f")) });
    let decision = Decision::Deny { reason: "no".into() };
    let outputs = machine.step(2, Input::Decided { call_id: "f".into(), decision });
    assert!(matches!(outputs.last(), Some(Output::OpenStream { stream: 2, .. })), "{outputs:?}");
    let told: Vec<&str> = machine.messages()[2..].iter().map(|message| message.content.as_str()).collect();
    assert_eq!(told, ["Error: old text not found", "Error: The person declined this edit: no"]);
}

#[test]
fn a_failure_the_model_cannot_mend_stops_the_turn_with_every_call_answered() {
    let mut machine = started();
    calls(&mut machine, 1, &[read("a"), read("b")]);
    let report = Report::new(Blame::Environment, "no Python");
    let outcome = ToolOutcome::Stop { report: report.clone() };
    machine.step(1, Input::ToolEnded { call_id: "a".into(), outcome });
    assert_eq!(machine.state(), &State::Stopped { report });
    let told: Vec<&str> = machine.messages()[2..].iter().map(|message| message.content.as_str()).collect();
    assert_eq!(
        told,
        ["Error: it could not run here: no Python", "Error: Not run: an earlier call could not run."]
    );
    assert!(matches!(machine.step(2, Input::Retry)[..], [Output::OpenStream { stream: 2, .. }]));
}

#[test]
fn retries_wait_longer_each_time_and_then_stop() {
    let mut machine = Machine::new(Setup { limits: Limits { attempts: 4, ..Limits::default() }, ..setup() });
    machine.step(0, Input::User("hi".into()));
    let (mut now, mut waits) = (1000, Vec::new());
    for stream in 1..=3 {
        let kind = FailureKind::Server { retry_after_ms: None };
        let outputs = machine.step(now, fails(stream, kind));
        let until = machine.wake_at_ms().expect("a countdown");
        waits.push(until - now);
        let retry_in_ms = Some(until - now);
        assert_eq!(outputs, vec![Output::Record(Entry::Failed { failure: failure(kind), retry_in_ms })]);
        assert_eq!(machine.step(until - 1, Input::Tick), vec![]);
        assert_eq!(machine.step(until, Input::Tick), vec![open(stream + 1, vec![Message::user("hi")])]);
        now = until + 50;
    }
    assert_eq!(waits, [1000, 2000, 4000]);
    machine.step(now, fails(4, FailureKind::Connect));
    assert_eq!(machine.state(), &State::Stopped { report: Report::new(Blame::Environment, "no") });
}

#[test]
fn the_endpoint_says_how_long_to_wait_and_the_person_need_not() {
    let mut machine = started();
    machine.step(10, fails(1, FailureKind::RateLimit { retry_after_ms: Some(7000) }));
    assert_eq!(machine.wake_at_ms(), Some(7010));
    assert_eq!(machine.step(11, Input::Retry), vec![open(2, vec![Message::user("hi")])]);
    machine.step(12, fails(2, FailureKind::RateLimit { retry_after_ms: Some(3_600_000) }));
    assert!(matches!(machine.state(), State::Stopped { .. }), "an hour is not waited for");
}

#[test]
fn hopeless_failures_stop_at_once() {
    for kind in [FailureKind::Auth, FailureKind::BadRequest, FailureKind::Protocol] {
        let mut machine = started();
        machine.step(1, fails(1, kind));
        assert!(matches!(machine.state(), State::Stopped { .. }), "{kind:?}");
    }
}

#[test]
fn a_broken_attempt_is_kept_marked_and_not_sent_again() {
    let mut machine = started();
    machine.step(1, text(1, "I thi"));
    machine.step(2, fails(1, FailureKind::Cut));
    assert_eq!(machine.step(1002, Input::Tick), vec![open(2, vec![Message::user("hi")])]);
    let kept = Message { mark: Mark::Cut, ..Message::assistant("I thi") };
    assert_eq!(machine.messages(), [Message::user("hi"), kept]);
}

#[test]
fn an_interrupt_keeps_the_words_and_the_queue() {
    let mut machine = started();
    machine.step(1, text(1, "So f"));
    assert_eq!(
        machine.step(2, Input::User("wait".into())),
        vec![Output::Record(Entry::Queue { messages: vec!["wait".into()] })]
    );
    let partial = Message { mark: Mark::Interrupted, ..Message::assistant("So f") };
    assert_eq!(
        machine.step(3, Input::Interrupt),
        vec![Output::CloseStream { stream: 1 }, said(partial.clone())]
    );
    assert_eq!((machine.state(), machine.queue()), (&State::Interrupted, &["wait".to_string()][..]));
    let sent = Message { content: "So f\n[interrupted by the person]".into(), ..partial };
    let outputs = machine.step(4, Input::Retry);
    assert_eq!(outputs.last(), Some(&open(2, vec![Message::user("hi"), sent, Message::user("wait")])));
    assert!(machine.queue().is_empty());
}

#[test]
fn an_interrupted_tool_is_killed_and_its_output_kept() {
    let mut machine = started();
    calls(&mut machine, 1, &[read("a"), read("b")]);
    assert_eq!(machine.step(1, Input::Interrupt), vec![Output::KillTool { call_id: "a".into() }]);
    let outcome = ToolOutcome::Interrupted { text: "half".into() };
    machine.step(2, Input::ToolEnded { call_id: "a".into(), outcome });
    assert_eq!(machine.state(), &State::Interrupted);
    let told: Vec<&str> = machine.messages()[2..].iter().map(|message| message.content.as_str()).collect();
    assert_eq!(told, ["half\n[interrupted by the person]", "Error: Not run: the person interrupted."]);
}

#[test]
fn a_second_interrupt_does_not_wait_for_the_tool() {
    let mut machine = started();
    calls(&mut machine, 1, &[read("a")]);
    machine.step(1, Input::Interrupt);
    machine.step(2, Input::Interrupt);
    assert_eq!(machine.state(), &State::Interrupted);
    assert_eq!(machine.step(3, Input::ToolEnded { call_id: "a".into(), outcome: done("late") }), vec![]);
}

#[test]
fn what_was_queued_steers_between_rounds() {
    let mut machine = started();
    calls(&mut machine, 1, &[read("a")]);
    machine.step(1, Input::User("one".into()));
    machine.step(1, Input::User("two".into()));
    machine.step(1, Input::Queue(QueueEdit::Move { from: 1, to: 0 }));
    let outputs = machine.step(2, Input::ToolEnded { call_id: "a".into(), outcome: done("A") });
    let Some(Output::OpenStream { request, .. }) = outputs.last() else { panic!("{outputs:?}") };
    assert_eq!(request.messages.last(), Some(&Message::user("two\n\none")));
}

#[test]
fn steering_interrupts_the_model_and_sends_the_queue() {
    let mut machine = started();
    machine.step(1, Input::User("other way".into()));
    let outputs = machine.step(2, Input::Steer);
    let queue = Output::Record(Entry::Queue { messages: vec![] });
    assert_eq!(
        outputs,
        vec![
            Output::CloseStream { stream: 1 },
            queue,
            said(Message::user("other way")),
            open(2, vec![Message::user("hi\n\nother way")])
        ]
    );
}

#[test]
fn a_spent_budget_rests_and_the_person_may_go_on() {
    let mut machine = started();
    for stream in 1..=3 {
        let id = format!("c{stream}");
        calls(&mut machine, stream, &[read(&id)]);
        machine.step(1, Input::ToolEnded { call_id: id, outcome: done("x") });
    }
    assert_eq!(machine.state(), &State::BudgetSpent { budget: Budget::Rounds(3) });
    assert!(matches!(machine.step(2, Input::Retry)[..], [Output::OpenStream { stream: 4, .. }]));
}

#[test]
fn an_empty_reply_is_not_recorded_as_one() {
    let mut machine = started();
    machine.step(1, finished(1));
    assert_eq!(machine.messages(), [Message::user("hi")]);
    assert!(
        matches!(machine.state(), State::Stopped { report } if report.text == "the model returned an empty reply")
    );
}

/// What a machine asked to have recorded.
fn recorded(outputs: Vec<Output>) -> impl Iterator<Item = Entry> {
    outputs.into_iter().filter_map(|output| match output {
        Output::Record(entry) => Some(entry),
        _ => None,
    })
}

#[test]
fn a_restored_conversation_rests_and_runs_its_open_calls_on_request() {
    let mut machine = started();
    let mut entries: Vec<Entry> = vec![Entry::Message { message: Message::user("hi") }];
    entries.extend(recorded(calls(&mut machine, 1, &[edit("")])));
    entries.extend(recorded(machine.step(1, Input::User("later".into()))));

    let mut again = Machine::restore(setup(), &entries);
    assert_eq!((again.state(), again.queue()), (&State::Interrupted, &["later".to_string()][..]));
    assert_eq!(again.messages(), machine.messages());
    assert_eq!(again.step(0, Input::Retry), vec![Output::Prepare { run: run(&edit("call_1"), None) }]);

    let mut other = Machine::restore(setup(), &entries);
    other.step(0, Input::User("leave it".into()));
    let told = Message::tool("call_1", "Error: Not run: the person went on without it.");
    assert_eq!(other.messages()[2..], [told, Message::user("leave it")]);
}

#[test]
fn an_undecided_proposal_waits_again_and_the_calls_after_it_follow() {
    let mut machine = started();
    let mut entries: Vec<Entry> = vec![Entry::Message { message: Message::user("hi") }];
    entries.extend(recorded(calls(&mut machine, 1, &[edit(""), read("")])));
    let proposed = Input::Proposed { call_id: "call_1".into(), result: Ok(proposal("call_1")) };
    entries.extend(recorded(machine.step(1, proposed)));
    entries.extend(recorded(machine.step(1, Input::User("later".into()))));

    let mut again = Machine::restore(setup(), &entries);
    assert_eq!((again.proposal(), again.queue()), (Some(&proposal("call_1")), &["later".to_string()][..]));
    let outputs = again.step(0, Input::Decided { call_id: "call_1".into(), decision: Decision::Accept });
    assert!(outputs.iter().any(|output| matches!(output, Output::RunTool { .. })), "{outputs:?}");
    let outputs = again.step(0, Input::ToolEnded { call_id: "call_1".into(), outcome: done("written") });
    assert!(outputs.contains(&Output::RunTool { run: run(&read("call_2"), None) }), "{outputs:?}");

    // What was decided before the end does not wait again: it may have been done.
    entries.push(Entry::Decided { call_id: "call_1".into(), decision: Decision::Accept, by: By::Person });
    assert_eq!(Machine::restore(setup(), &entries).state(), &State::Interrupted);
}

#[test]
fn a_log_with_holes_still_makes_a_conversation_that_endpoints_take() {
    let call = |id: &str| Message::assistant("").calling(vec![read(id)]);
    let messages = [
        Message::user("a"),
        call("call_1"),
        // The answer of call_1 is lost.
        Message::user("b"),
        // The message that made call_2 is lost.
        Message::tool("call_2", "x"),
        call("call_3"),
    ];
    let entries = messages.map(|message| Entry::Message { message });
    let machine = Machine::restore(setup(), &entries);
    let lost = Message::tool("call_1", "Error: what this call answered is missing from the session's log.");
    let expected = [Message::user("a"), call("call_1"), lost, Message::user("b"), call("call_3")];
    assert_eq!(machine.messages(), expected);
    assert_eq!(machine.state(), &State::Interrupted);
}

#[test]
fn the_manual_provider_shows_text_and_reads_a_reply() {
    let mut machine = Machine::new(Setup { provider: Provider::Manual, ..setup() });
    let outputs = machine.step(0, Input::User("hi".into()));
    assert_eq!(outputs, vec![said(Message::user("hi"))]);
    let State::ManualWaiting { request, problem: None } = machine.state() else {
        panic!("{:?}", machine.state())
    };
    assert_eq!(request, &machine.manual_full_text());

    machine.step(1, Input::ManualReply("```tool\nnonsense\n```".into()));
    assert!(
        matches!(machine.state(), State::ManualWaiting { problem: Some(told), .. } if told.contains("tool block 1"))
    );

    let reply = "Reading.\n```tool\n{\"name\": \"read\", \"arguments\": {\"path\":\"a\"}}\n```";
    let outputs = machine.step(2, Input::ManualReply(reply.into()));
    let message = Message::assistant("Reading.").calling(vec![read("call_1")]);
    assert_eq!(outputs, vec![said(message), Output::RunTool { run: run(&read("call_1"), None) }]);
    machine.step(3, Input::ToolEnded { call_id: "call_1".into(), outcome: done("x = 1") });
    let request = "## Result of read\n\n```\nx = 1\n```\n".to_string();
    assert_eq!(machine.state(), &State::ManualWaiting { request, problem: None });
}
