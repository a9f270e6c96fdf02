//! The second reader by keys and messages: what it may do, what is shown, kept and guarded.

use serde_json::json;

use super::{Job, Msg};
use crate::agent::data::{Approval, FinishReason, Mark, StreamEvent, ToolCallDelta, ToolOutcome, ToolSpec};
use crate::agent::machine::{Limits, Provider, Setup};
use crate::app::Msg as AnyMsg;
use crate::app::effect::{Effect, Job as AnyJob};
use crate::app::job::{JobId, JobKind};
use crate::app::pane::chat::tests::Script;
use crate::app::pane::chat::{CardState, ItemKind, Job as ChatJob, Machinery, Msg as ChatMsg};
use crate::session::data::{Earlier, Entry as Logged};
use crate::tools::data::ToolEnd;
use crate::util::blame::{Blame, Report};

const DOUBT: &str = "`mlx_lm/models/arcee.py:40` the activation is squared before the maximum";

fn reading() -> Msg {
    let schema = json!({"type": "object", "properties": {}});
    let spec = |name: &str| ToolSpec {
        name: name.into(),
        description: "d".into(),
        schema: schema.clone(),
        approval: Approval::Auto,
    };
    let setup = Setup {
        model: "review-model".into(),
        system: "Doubt.".into(),
        tools: vec![spec("read_source")],
        limits: Limits { rounds: 3, ..Limits::default() },
        ..Setup::default()
    };
    Msg::Ready {
        setup: Box::new(setup),
        opening: "# The diff".into(),
        about: "the staged diff of 1 file".into(),
    }
}

impl Script {
    fn read(&mut self, msg: Msg) {
        self.chat(ChatMsg::Reader(msg));
    }

    fn reader_says(&mut self, text: &str) {
        let stream = self.chat_state().reader.machine.stream().expect("a stream");
        self.read(Msg::Stream { stream, event: StreamEvent::Text { delta: text.into() } });
        self.read(Msg::Stream {
            stream,
            event: StreamEvent::Finished { reason: FinishReason::Stop, usage: None },
        });
    }

    fn reader_calls(&mut self, id: &str, name: &str) {
        let stream = self.chat_state().reader.machine.stream().expect("a stream");
        let arguments = "{\"path\":\"a.py\"}".into();
        let delta = ToolCallDelta { slot: 0, id: Some(id.into()), name: Some(name.into()), arguments };
        self.read(Msg::Stream { stream, event: StreamEvent::ToolCall { delta } });
        self.read(Msg::Stream {
            stream,
            event: StreamEvent::Finished { reason: FinishReason::ToolCalls, usage: None },
        });
    }

    fn reader_jobs(&mut self) -> Vec<(JobId, Job)> {
        let job = |effect| match effect {
            Effect::Start(id, AnyJob::Chat(ChatJob::Reader(job))) => Some((id, job)),
            _ => None,
        };
        std::mem::take(&mut self.effects).into_iter().filter_map(job).collect()
    }
}

/// A reading under way, up to its first request.
fn begun() -> Script {
    let mut script = Script::ready((80, 24), Provider::Endpoint);
    script.type_text("/second-reader");
    script.keys("enter");
    assert!(matches!(&script.reader_jobs()[..], [(_, Job::Load)]));
    script.read(reading());
    script
}

#[test]
fn it_reads_with_its_own_context_and_its_list_is_labelled_guarded_and_logged() {
    let mut script = Script::ready((80, 24), Provider::Endpoint);
    script.type_text("port it, secretly");
    script.keys("enter");
    script.says(1, "I ported it.");
    script.finishes(1);
    script.type_text("/second-reader");
    script.keys("enter");
    script.effects.clear();
    script.read(reading());
    let jobs = script.reader_jobs();
    let [(_, Job::Stream { request, .. })] = &jobs[..] else { panic!("{jobs:?}") };
    let words: Vec<&str> = request.messages.iter().map(|message| message.content.as_str()).collect();
    assert_eq!((request.model.as_str(), &words[..]), ("review-model", &["Doubt.", "# The diff"][..]));
    assert_eq!(request.tools.len(), 1);

    script.reader_calls("r1", "read_source");
    assert!(matches!(&script.reader_jobs()[..], [(_, Job::Run { run })] if run.name == "read_source"));
    let end = ToolEnd {
        outcome: ToolOutcome::Done { text: "x".into() },
        summary: "read a.py:1-40".into(),
        artifacts: Vec::new(),
    };
    script.read(Msg::ToolEnded { call_id: "r1".into(), end: Box::new(end) });
    script.effects.clear();
    script.reader_says(DOUBT);

    let kinds: Vec<ItemKind> = script.chat_state().items.iter().map(|item| item.kind.clone()).collect();
    assert!(kinds.contains(&ItemKind::Reader { text: DOUBT.into(), mark: Mark::Whole }));
    assert!(kinds.iter().any(|kind| matches!(kind, ItemKind::Tool(card)
        if card.title == "second reader · read_source a.py" && card.state == CardState::Done && card.summary == "read a.py:1-40")));
    assert!(
        script.app.facts.assistant_said.iter().any(|said| said == DOUBT),
        "the guard of the prose knows it"
    );
    assert_eq!(script.app.facts.counts.turns, 1, "it is no turn of the port's model");
    let logged = script
        .effects
        .iter()
        .any(|effect| matches!(effect, Effect::Record(entry) if matches!(&**entry, Logged::Reader { .. })));
    assert!(logged);
    let own: Vec<&str> =
        script.chat_state().machine.messages().iter().map(|said| said.content.as_str()).collect();
    assert_eq!(own, ["port it, secretly", "I ported it."], "the chat's context knows nothing of it");
    assert!(!script.chat_state().reader.is_busy());
}

#[test]
fn without_an_endpoint_the_person_carries_its_words_and_the_chats_stay_apart() {
    let mut script = Script::ready((80, 24), Provider::Manual);
    script.type_text("/second-reader");
    script.keys("enter");
    script.effects.clear();
    let Msg::Ready { mut setup, opening, about } = reading() else { panic!() };
    setup.provider = Provider::Manual;
    script.read(Msg::Ready { setup, opening, about });
    assert!(script.reader_jobs().is_empty(), "nothing goes out by itself");
    assert_eq!(
        script.chat_state().reader_words().as_deref(),
        Some("second reader: waits for the reply that you bring")
    );
    let copied = |script: &mut Script| {
        let found = script.effects.iter().rev().find_map(|effect| match effect {
            Effect::Copy(text) => Some(text.clone()),
            _ => None,
        });
        script.effects.clear();
        found.unwrap_or_default()
    };
    script.keys("y");
    let request = copied(&mut script);
    assert!(request.contains("Doubt.") && request.contains("# The diff") && request.contains("read_source"));
    // A call of its model is run here, and what it found is what is carried next.
    script.give(AnyMsg::Paste(
        "I look.\n```tool\n{\"name\": \"read_source\", \"arguments\": {\"path\": \"a.py\"}}\n```".into(),
    ));
    script.keys("enter");
    let jobs = script.reader_jobs();
    let [(_, Job::Run { run })] = &jobs[..] else { panic!("{jobs:?}") };
    let end = ToolEnd {
        outcome: ToolOutcome::Done { text: "class Arcee".into() },
        summary: "read".into(),
        artifacts: Vec::new(),
    };
    script.read(Msg::ToolEnded { call_id: run.call_id.clone(), end: Box::new(end) });
    script.keys("y");
    let next = copied(&mut script);
    assert!(next.contains("class Arcee") && !next.contains("Doubt."), "{next}");
    script.give(AnyMsg::Paste(DOUBT.into()));
    script.keys("enter");
    assert!(!script.chat_state().reader.is_busy());
    let kinds: Vec<ItemKind> = script.chat_state().items.iter().map(|item| item.kind.clone()).collect();
    assert!(kinds.contains(&ItemKind::Reader { text: DOUBT.into(), mark: Mark::Whole }), "{kinds:?}");
    assert!(
        script.app.facts.assistant_said.iter().any(|said| said == DOUBT),
        "the guard of the prose knows it"
    );
    assert!(script.chat_state().machine.messages().is_empty(), "the chat's context knows nothing of it");
}

#[test]
fn it_can_change_nothing() {
    let mut script = begun();
    script.effects.clear();
    script.reader_calls("e1", "edit_port");
    let jobs = script.reader_jobs();
    assert!(matches!(&jobs[..], [(_, Job::Stream { .. })]), "the call is answered, not run: {jobs:?}");
    let told = script.chat_state().reader.machine.messages().last().map(|last| last.content.clone());
    assert!(told.is_some_and(|text| text.contains("There is no tool named \"edit_port\"")));
    assert!(script.chat_state().judge.is_none());
}

#[test]
fn its_budget_ends_it_and_an_interrupt_stops_it_at_once() {
    let mut script = begun();
    for round in 0..3 {
        script.reader_calls(&format!("r{round}"), "read_source");
        let outcome = ToolOutcome::Done { text: "x".into() };
        let end = ToolEnd { outcome, summary: "read".into(), artifacts: Vec::new() };
        script.read(Msg::ToolEnded { call_id: format!("r{round}"), end: Box::new(end) });
    }
    assert!(matches!(script.chat_state().reader.machine.state(), Machinery::BudgetSpent { .. }));
    let told = script.chat_state().items.last().map(|item| item.kind.clone());
    assert!(matches!(&told, Some(ItemKind::Notice { text, .. }) if text.contains("3 rounds")), "{told:?}");

    let mut script = begun();
    script.effects.clear();
    script.keys("ctrl-c");
    assert!(script.effects.iter().any(|effect| matches!(effect, Effect::Cancel(_))));
    assert!(!script.chat_state().reader.is_busy());
    assert_eq!(script.app.jobs.of(JobKind::Reader(1)), None);
}

#[test]
fn a_job_that_breaks_is_told_and_nothing_waits_for_ever() {
    let mut script = Script::ready((80, 24), Provider::Endpoint);
    script.type_text("/second-reader");
    script.keys("enter");
    let (id, _) = script.reader_jobs().remove(0);
    script
        .give(AnyMsg::Ended(id, Err(Report::new(Blame::User, "there is nothing to read").hint("write one"))));
    assert!(!script.chat_state().reader.is_busy());
    let last = script.chat_state().items.last().map(|item| item.kind.clone());
    assert!(
        matches!(&last, Some(ItemKind::Notice { text, .. }) if text == "there is nothing to read"),
        "{last:?}"
    );

    let mut script = begun();
    let (id, _) = script.reader_jobs().remove(0);
    script.give(AnyMsg::Ended(id, Err(Report::new(Blame::User, "no model is set up"))));
    assert!(matches!(script.chat_state().reader.machine.state(), Machinery::Stopped { .. }));
}

#[test]
fn a_resumed_session_shows_and_guards_its_list_again() {
    let mut script = begun();
    script.reader_says(DOUBT);
    let entries = script.effects.iter().filter_map(|effect| match effect {
        Effect::Record(entry) => Some((**entry).clone()),
        _ => None,
    });
    let earlier = Earlier { entries: entries.collect(), ..Earlier::default() };
    let mut again = Script::ready((80, 24), Provider::Endpoint);
    again.chat(ChatMsg::Restored(Box::new(earlier)));
    let kinds: Vec<ItemKind> = again.chat_state().items.iter().map(|item| item.kind.clone()).collect();
    assert!(kinds.contains(&ItemKind::Reader { text: DOUBT.into(), mark: Mark::Whole }), "{kinds:?}");
    assert!(again.app.facts.assistant_said.iter().any(|said| said == DOUBT));
    assert!(again.chat_state().machine.messages().is_empty());
}
