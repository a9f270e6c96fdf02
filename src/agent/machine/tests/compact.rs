//! Condensing: when it begins, what is asked, what the person decides, and what every later request holds.

use super::*;
use crate::agent::data::{Pin, PinKind};
use crate::agent::transcript::{CONDENSED, CONDENSED_END};

/// A machine whose context holds this many tokens, and that has asked for its first reply.
fn with_limit(context: u64) -> Machine {
    let limits = Limits { context: Some(context), rounds: 60, ..Limits::default() };
    let mut machine = Machine::new(Setup { limits, model_type: "arcee".into(), ..setup() });
    machine.step(0, Input::User("port arcee, and mind the activation".into()));
    machine
}

/// One round: the model calls `read`, which answers `size` bytes. Gives the outputs after the answer.
fn round(machine: &mut Machine, id: &str, size: usize) -> Vec<Output> {
    let stream = machine.stream().expect("a stream");
    calls(machine, stream, &[read(id)]);
    let text = format!("{id}: {}", "x ".repeat(size / 2));
    machine.step(0, Input::ToolEnded { call_id: id.into(), outcome: done(&text) })
}

/// Plays rounds until a summary is asked for; gives the request.
fn until_asked(machine: &mut Machine, size: usize) -> ChatRequest {
    for number in 0..40 {
        let outputs = round(machine, &format!("c{number}"), size);
        if matches!(machine.state(), State::Compacting(_)) {
            return opened(&outputs).expect("a request for a summary");
        }
    }
    panic!("never asked for a summary: {:?}", machine.meter())
}

fn opened(outputs: &[Output]) -> Option<ChatRequest> {
    outputs.iter().rev().find_map(|output| match output {
        Output::OpenStream { request, .. } => Some(request.clone()),
        _ => None,
    })
}

/// The model writes this summary.
fn sums_up(machine: &mut Machine, summary: &str) -> Vec<Output> {
    let stream = machine.stream().expect("a stream");
    machine.step(1, text(stream, summary));
    machine.step(1, finished(stream))
}

fn judged(machine: &mut Machine, verdict: Verdict) -> Vec<Output> {
    machine.step(2, Input::Judged(verdict))
}

/// Says what an endpoint would refuse in a request.
fn wrong_with(request: &ChatRequest) -> Option<String> {
    let mut open: Vec<&str> = Vec::new();
    for (at, message) in request.messages.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| request.messages[at].role);
        if message.role != Role::Tool && !open.is_empty() {
            return Some(format!("message {at} leaves {open:?} unanswered"));
        }
        match message.role {
            Role::System if at != 0 => return Some("a second system message".into()),
            Role::User if before == Some(Role::User) => return Some(format!("{at}: two of the person's")),
            Role::Tool => {
                let id = message.tool_call_id.as_deref().unwrap_or_default();
                let Some(found) = open.iter().position(|known| *known == id) else {
                    return Some(format!("message {at} answers {id}, which nobody called"));
                };
                open.remove(found);
            }
            _ => {}
        }
        open.extend(message.tool_calls.iter().map(|call| call.id.as_str()));
    }
    let first = request.messages.iter().find(|message| message.role != Role::System).map(|said| said.role);
    (first != Some(Role::User)).then(|| format!("begins with {first:?}"))
}

#[test]
fn at_four_fifths_the_model_is_asked_for_a_summary_and_the_person_judges_it() {
    let mut machine = with_limit(4000);
    let request = until_asked(&mut machine, 2000);
    assert!(machine.meter().percent() >= Some(80), "{:?}", machine.meter());
    assert_eq!((request.tools.len(), request.messages.len()), (0, 2));
    assert!(request.messages[0].content.contains("You sum up its older part"));
    let asked = &request.messages[1].content;
    for part in
        ["- task: port arcee, and mind the activation", "- architecture: arcee", "## Result of read", "c0: x"]
    {
        assert!(asked.contains(part), "{part} is missing in {asked}");
    }
    assert!(asked.len() <= 4000 * 2 + 200, "{} bytes", asked.len());

    let outputs = sums_up(&mut machine, "ReLU squared at modeling_arcee.py:40.");
    let (under_way, summary, pins) = machine.summary().expect("a preview");
    assert_eq!((under_way.why, summary), (Why::Full, "ReLU squared at modeling_arcee.py:40."));
    assert_eq!(pins[0], Pin::new(PinKind::Task, "", "port arcee, and mind the activation"));
    assert!(outputs.contains(&Output::Notify(Notice::SummaryReady)));
    assert!(machine.is_busy() && machine.stream().is_none(), "it waits, and says so");
    let before = machine.messages().to_vec();

    let outputs = judged(&mut machine, Verdict::Accept);
    let request = opened(&outputs).expect("the turn goes on");
    let first = &request.messages[1];
    assert_eq!(first.role, Role::User);
    assert!(
        first.content.starts_with(CONDENSED) && first.content.ends_with(CONDENSED_END),
        "{}",
        first.content
    );
    assert!(first.content.contains("- task: port arcee") && first.content.contains("modeling_arcee.py:40."));
    assert_eq!(wrong_with(&request), None);
    assert_eq!(request.messages.last().map(|last| last.role), Some(Role::Tool), "the last round is whole");
    assert_eq!(machine.messages(), before, "the original stays");
    assert!(machine.meter().percent() < Some(50), "{:?}", machine.meter());
}

#[test]
fn below_the_threshold_and_without_a_known_limit_nothing_is_asked() {
    let mut machine = with_limit(1_000_000);
    for number in 0..20 {
        round(&mut machine, &format!("c{number}"), 2000);
    }
    assert!(matches!(machine.state(), State::Streaming { .. }));
    let limits = Limits { rounds: 60, ..Limits::default() };
    let mut machine = Machine::new(Setup { limits, ..setup() });
    machine.step(0, Input::User("hi".into()));
    for number in 0..20 {
        round(&mut machine, &format!("c{number}"), 20_000);
    }
    assert!(matches!(machine.state(), State::Streaming { .. }));
}

#[test]
fn a_context_that_the_prompt_fills_is_not_condensed_for_a_few_messages() {
    let limits = Limits { context: Some(8000), rounds: 60, ..Limits::default() };
    let system = "rule ".repeat(5600);
    let mut machine = Machine::new(Setup { limits, system, ..setup() });
    machine.step(0, Input::User("hi".into()));
    round(&mut machine, "c0", 2000);
    assert!(machine.meter().percent() >= Some(90), "{:?}", machine.meter());
    assert!(matches!(machine.state(), State::Streaming { .. }), "500 tokens are not worth a summary");
    round(&mut machine, "c1", 600);
    assert!(matches!(machine.state(), State::Streaming { .. }), "nor are 700");
    round(&mut machine, "c2", 1200);
    assert!(matches!(machine.state(), State::Compacting(_)), "a tenth of the context is");
}

#[test]
fn decisions_checks_and_edited_files_are_kept_word_for_word() {
    let mut machine = with_limit(4000);
    calls(&mut machine, 1, &[edit("e1"), edit("e2")]);
    machine.step(0, Input::Proposed { call_id: "e1".into(), result: Ok(proposal("e1")) });
    let reason = "use the shared swiglu, not your own";
    machine
        .step(0, Input::Decided { call_id: "e1".into(), decision: Decision::Deny { reason: reason.into() } });
    let second = Proposal { path: "mlx_lm/models/arcee.py".into(), ..proposal("e2") };
    machine.step(0, Input::Proposed { call_id: "e2".into(), result: Ok(second) });
    machine.step(0, Input::Decided { call_id: "e2".into(), decision: Decision::Accept });
    machine.step(0, Input::ToolEnded { call_id: "e2".into(), outcome: done("Written.") });
    let failing = "fail · run 20261125-7\nfail block 3.4e-2, bar 1e-5";
    machine.step(0, Input::Pin(Pin::new(PinKind::Check, "", "pass · run 20261125-6")));
    machine.step(0, Input::Pin(Pin::new(PinKind::Check, "", failing)));
    until_asked(&mut machine, 2000);
    sums_up(&mut machine, "Short.");
    let request = opened(&judged(&mut machine, Verdict::Accept)).expect("goes on");
    let text = &request.messages[1].content;
    for fact in [
        "- decision: edit a: refused: use the shared swiglu, not your own",
        "- edited: mlx_lm/models/arcee.py",
        "- last check: fail · run 20261125-7\n  fail block 3.4e-2, bar 1e-5",
    ] {
        assert!(text.contains(fact), "{fact} is missing in {text}");
    }
    assert!(!text.contains("20261125-6"), "an older run is not the last");
}

#[test]
fn a_dropped_summary_costs_nothing_and_is_not_asked_for_again_at_once() {
    let mut machine = with_limit(4000);
    until_asked(&mut machine, 2000);
    sums_up(&mut machine, "No use.");
    let outputs = judged(&mut machine, Verdict::Deny);
    assert!(
        outputs.contains(&Output::Record(Entry::NotCompacted {
            why: "you kept the conversation as it is".into()
        }))
    );
    let request = opened(&outputs).expect("the turn goes on");
    assert!(!request.messages[1].content.starts_with(CONDENSED));
    let tokens = machine.meter().tokens;
    round(&mut machine, "d1", 300);
    assert!(matches!(machine.state(), State::Streaming { .. }), "not again for a little more");
    round(&mut machine, "d2", 2400);
    assert!(machine.meter().tokens > tokens + 400);
    assert!(matches!(machine.state(), State::Compacting(_)), "a tenth more, and it is asked again");
}

#[test]
fn an_edited_summary_is_the_persons_and_an_empty_one_is_none() {
    let mut machine = with_limit(4000);
    until_asked(&mut machine, 2000);
    sums_up(&mut machine, "Wrong words.");
    let request =
        opened(&judged(&mut machine, Verdict::AcceptEdited("Right words.".into()))).expect("goes on");
    assert!(request.messages[1].content.contains("Right words.\n"));
    assert!(!request.messages[1].content.contains("Wrong words."));

    let mut machine = with_limit(4000);
    until_asked(&mut machine, 2000);
    sums_up(&mut machine, "Wrong words.");
    let request = opened(&judged(&mut machine, Verdict::AcceptEdited("  ".into()))).expect("goes on");
    assert!(!request.messages[1].content.starts_with(CONDENSED));
}

#[test]
fn a_failing_summary_is_tried_again_with_a_countdown_and_then_done_without() {
    let mut machine = with_limit(4000);
    until_asked(&mut machine, 2000);
    let stream = machine.stream().expect("a stream");
    machine.step(10, text(stream, "Half a"));
    machine.step(10, fails(stream, FailureKind::RateLimit { retry_after_ms: Some(7000) }));
    assert_eq!(machine.wake_at_ms(), Some(7010));
    assert_eq!(machine.step(7009, Input::Tick), vec![]);
    assert!(opened(&machine.step(7010, Input::Tick)).is_some(), "asked again");
    let stream = machine.stream().expect("a stream");
    machine.step(7020, fails(stream, FailureKind::Server { retry_after_ms: None }));
    assert!(opened(&machine.step(7021, Input::Retry)).is_some(), "the person need not wait");
    let stream = machine.stream().expect("a stream");
    let outputs = machine.step(7030, fails(stream, FailureKind::BadRequest));
    assert!(outputs.contains(&Output::Record(Entry::NotCompacted { why: "no".into() })), "{outputs:?}");
    let request = opened(&outputs).expect("the turn goes on without");
    assert_eq!(request.tools, setup().tools);
}

#[test]
fn summaries_that_are_none_are_refused() {
    let long = "word ".repeat(3000);
    for said in ["", "  \n", long.as_str()] {
        let mut machine = with_limit(4000);
        until_asked(&mut machine, 2000);
        let outputs = sums_up(&mut machine, said);
        assert!(matches!(machine.state(), State::Streaming { .. }), "{:.20}", said);
        assert!(outputs.iter().any(|output| matches!(output, Output::Record(Entry::NotCompacted { .. }))));
    }
}

#[test]
fn an_interrupt_ends_it_and_r_goes_on_with_the_turn() {
    let mut machine = with_limit(4000);
    until_asked(&mut machine, 2000);
    let stream = machine.stream().expect("a stream");
    let outputs = machine.step(5, Input::Interrupt);
    assert_eq!(outputs[0], Output::CloseStream { stream });
    assert_eq!(machine.state(), &State::Interrupted);
    assert_eq!(machine.step(6, text(stream, "late")), vec![]);
    let request = opened(&machine.step(7, Input::Retry)).expect("the turn goes on");
    assert_eq!((wrong_with(&request), request.tools), (None, setup().tools));
}

/// The same request with these messages after the system prompt would be too long for any model.
fn overflows(machine: &mut Machine) -> Vec<Output> {
    let stream = machine.stream().expect("a stream");
    machine.step(1, fails(stream, FailureKind::ContextOverflow))
}

#[test]
fn an_overflow_leaves_outputs_out_first_then_sums_up_and_a_refusal_stops() {
    let limits = Limits { rounds: 60, ..Limits::default() };
    let mut machine = Machine::new(Setup { limits, ..setup() });
    machine.step(0, Input::User("port it".into()));
    for number in 0..8 {
        round(&mut machine, &format!("c{number}"), 12_000);
    }
    let outputs = overflows(&mut machine);
    let shorter = opened(&outputs).expect("tried again");
    let left_out = |request: &ChatRequest| {
        request.messages.iter().filter(|message| message.content.contains("lines left out to save")).count()
    };
    assert_eq!(left_out(&shorter), 4, "all but the last four");
    let tools = vec!["read".to_string(); 4];
    assert!(outputs.contains(&Output::Notify(Notice::Trimmed { tools })), "the person hears which");
    assert_eq!(machine.left_out(), ["c0", "c1", "c2", "c3"]);

    let asked = opened(&overflows(&mut machine)).expect("a summary is asked for");
    assert!(matches!(machine.state(), State::Compacting(under_way) if under_way.why == Why::Overflow));
    let smaller = opened(&overflows(&mut machine)).expect("asked again, shorter");
    assert!(smaller.messages[1].content.len() < asked.messages[1].content.len());
    sums_up(&mut machine, "Eight files were read.");
    let mut other = machine.clone();

    let request = opened(&judged(&mut machine, Verdict::Accept)).expect("goes on");
    assert_eq!(wrong_with(&request), None);
    assert!(request.messages.len() < shorter.messages.len());

    judged(&mut other, Verdict::Deny);
    assert!(matches!(other.state(), State::Stopped { report } if report.text.contains("does not fit")));
    assert!(opened(&other.step(9, Input::Retry)).is_some(), "the person may still go on");
}

#[test]
fn an_overflow_with_nothing_to_leave_out_stops() {
    let mut machine = started();
    overflows(&mut machine);
    assert!(matches!(machine.state(), State::Stopped { .. }));
}

#[test]
fn the_person_asks_at_rest_while_busy_or_too_early() {
    let mut machine = started();
    machine.step(1, finished(1));
    assert_eq!(machine.step(2, Input::Compact), vec![Output::Notify(Notice::NothingToCondense)]);

    let mut machine = with_limit(100_000);
    for number in 0..6 {
        round(&mut machine, &format!("c{number}"), 2000);
    }
    let stream = machine.stream().expect("a stream");
    machine.step(2, text(stream, "All read."));
    machine.step(2, finished(stream));
    assert!(opened(&machine.step(3, Input::Compact)).is_some());
    sums_up(&mut machine, "Six files.");
    assert_eq!(opened(&judged(&mut machine, Verdict::Accept)), None, "nothing else was asked for");
    assert_eq!(machine.state(), &State::Idle);
    let request = opened(&machine.step(4, Input::User("go on".into()))).expect("a turn");
    assert!(request.messages[1].content.starts_with(CONDENSED));
    assert_eq!(wrong_with(&request), None);

    let mut machine = with_limit(100_000);
    for number in 0..6 {
        round(&mut machine, &format!("c{number}"), 2000);
    }
    assert_eq!(machine.step(3, Input::Compact), vec![Output::Notify(Notice::CondensedLater)]);
    assert!(matches!(machine.state(), State::Streaming { .. }));
    round(&mut machine, "last", 100);
    assert!(matches!(machine.state(), State::Compacting(under_way) if under_way.why == Why::Asked));
}

#[test]
fn what_is_typed_meanwhile_goes_out_with_the_next_request() {
    let mut machine = with_limit(4000);
    until_asked(&mut machine, 2000);
    machine.step(1, Input::User("and the test".into()));
    assert_eq!(machine.queue(), ["and the test"]);
    sums_up(&mut machine, "Short.");
    let request = opened(&judged(&mut machine, Verdict::Accept)).expect("goes on");
    assert_eq!(request.messages.last(), Some(&Message::user("and the test")));
}

#[test]
fn a_spent_token_budget_stops_after_the_summary_too() {
    let limits = Limits { context: Some(4000), tokens: Some(5000), rounds: 60, ..Limits::default() };
    let mut machine = Machine::new(Setup { limits, ..setup() });
    machine.step(0, Input::User("hi".into()));
    until_asked(&mut machine, 2000);
    let stream = machine.stream().expect("a stream");
    machine.step(1, text(stream, "Short."));
    let usage = Some(Usage { prompt_tokens: 4990, completion_tokens: 20 });
    machine.step(
        1,
        Input::Stream { stream, event: StreamEvent::Finished { reason: FinishReason::Stop, usage } },
    );
    judged(&mut machine, Verdict::Accept);
    assert_eq!(machine.state(), &State::BudgetSpent { budget: Budget::Tokens(5000) });
}

#[test]
fn a_restored_conversation_sends_what_the_first_one_sent() {
    let mut machine = with_limit(4000);
    let mut entries = vec![Entry::Message { message: Message::user("port arcee, and mind the activation") }];
    for number in 0..40 {
        let stream = machine.stream().expect("a stream");
        let id = format!("c{number}");
        entries.extend(recorded(calls(&mut machine, stream, &[read(&id)])));
        let outcome = done(&"x ".repeat(1000));
        entries.extend(recorded(machine.step(0, Input::ToolEnded { call_id: id, outcome })));
        if matches!(machine.state(), State::Compacting(_)) {
            break;
        }
    }
    entries.extend(recorded(sums_up(&mut machine, "What was read.")));

    let again = Machine::restore(machine.setup().clone(), &entries);
    let (under_way, summary, pins) = again.summary().expect("the preview waits again");
    let expected = machine.summary().expect("a preview");
    assert_eq!(
        (under_way.upto, under_way.tokens, summary, pins),
        (expected.0.upto, expected.0.tokens, expected.1, expected.2)
    );

    let outputs = judged(&mut machine, Verdict::Accept);
    let sent = opened(&outputs).expect("goes on");
    entries.extend(recorded(outputs));
    let mut again = Machine::restore(machine.setup().clone(), &entries);
    assert_eq!((again.state(), again.messages()), (&State::Interrupted, machine.messages()));
    let resent = opened(&again.step(0, Input::Retry)).expect("goes on");
    assert_eq!(resent, sent);
}

#[test]
fn the_manual_provider_carries_the_summary_too_and_then_a_fresh_chat() {
    let limits = Limits { context: Some(4000), rounds: 60, ..Limits::default() };
    let mut machine = Machine::new(Setup { provider: Provider::Manual, limits, ..setup() });
    machine.step(0, Input::User("port it".into()));
    for number in 0..40 {
        let reply = "```tool\n{\"name\": \"read\", \"arguments\": {\"path\":\"a\"}}\n```";
        machine.step(1, Input::ManualReply(reply.into()));
        let call_id = format!("call_{}", number + 1);
        machine.step(1, Input::ToolEnded { call_id, outcome: done(&"x ".repeat(1000)) });
        if matches!(machine.state(), State::Compacting(_)) {
            break;
        }
    }
    let (request, problem) = machine.manual_request().expect("text to carry");
    assert!(request.contains("You sum up its older part") && request.contains("## Result of read"));
    assert_eq!(problem, None);
    machine.step(2, Input::ManualReply(" \n".into()));
    assert!(machine.manual_request().is_some_and(|(_, problem)| problem.is_some()));
    machine.step(2, Input::ManualReply("It was read ```often```.".into()));
    assert_eq!(machine.summary().map(|(_, text, _)| text), Some("It was read ```often```."));
    judged(&mut machine, Verdict::Accept);
    let (request, _) = machine.manual_request().expect("the turn goes on");
    assert!(request.starts_with("# How this works"), "a fresh chat gets everything");
    assert!(request.contains("It was read ```often```.") && request.len() < 12_000, "{}", request.len());
}

/// A small generator, so that a failure repeats.
struct Lcg(u64);

impl Lcg {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % limit
    }
}

#[test]
fn no_call_loses_its_result_whatever_happens_when() {
    let mut random = Lcg(11);
    let (mut condensed, mut requests) = (0, 0);
    for _ in 0..60 {
        let limits = Limits { context: Some(2000 + random.below(6000)), rounds: 500, ..Limits::default() };
        let mut machine = Machine::new(Setup { limits, ..setup() });
        let mut outputs = machine.step(0, Input::User("port it".into()));
        for step in 0..60 {
            if let Some(request) = opened(&outputs) {
                requests += 1;
                assert_eq!(wrong_with(&request), None, "step {step}: {request:?}");
            }
            let size = usize::try_from(random.below(4000)).expect("small");
            outputs = match (machine.state().clone(), random.below(8)) {
                (State::Compacting(under_way), choice) if under_way.waiting().is_some() => {
                    condensed += 1;
                    judged(&mut machine, if choice == 0 { Verdict::Deny } else { Verdict::Accept })
                }
                (_, 0) => machine.step(0, Input::Interrupt),
                (_, 1) => machine.step(0, Input::User("more".into())),
                (_, 2) if machine.stream().is_some() => overflows(&mut machine),
                (State::Compacting(_), _) if machine.stream().is_some() => sums_up(&mut machine, "sum"),
                (State::Streaming { stream, .. }, 3) => machine.step(0, finished(stream)),
                (State::Streaming { stream, .. }, 4) => {
                    machine.step(0, text(stream, "I see."));
                    machine.step(0, finished(stream))
                }
                (State::Streaming { stream, .. }, _) => calls(&mut machine, stream, &[read(""), read("")]),
                (State::Tools(round), _) => match round.active() {
                    Some(active) => {
                        let outcome = done(&"y ".repeat(size));
                        machine.step(0, Input::ToolEnded { call_id: active.call.id.clone(), outcome })
                    }
                    None => Vec::new(),
                },
                (_, 5) => machine.step(0, Input::Compact),
                _ => machine.step(100_000_000, Input::Retry),
            };
        }
    }
    assert!(condensed > 40 && requests > 500, "{condensed} condensed, {requests} requests");
}
