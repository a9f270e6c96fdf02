//! Key scripts: keys and messages in, what is asked for and shown out. The scenes are drawn by the tests of `ui` too.

use serde_json::json;

use super::*;
use crate::agent::data::{
    Approval, Decision, EditScope, Entry, FailureKind, FinishReason, Mark, Proposal, StreamFailure,
    ToolCallDelta, ToolOutcome, ToolSpec,
};
use crate::agent::machine::Limits;
use crate::app::effect::{Effect, Job as AnyJob};
use crate::app::job::JobId;
use crate::app::key::Code;
use crate::app::{Msg as AnyMsg, PaneMsg, State as App, update};
use crate::session::data::{Entry as Logged, Live};

/// The program with a chat, and what it asked for.
pub(crate) struct Script {
    pub(crate) app: App,
    pub(crate) now: Millis,
    pub(crate) effects: Vec<Effect>,
}

impl Script {
    /// Starts on a screen of this size, without a workspace.
    pub(crate) fn new(size: (u16, u16)) -> Self {
        let mut script = Self { app: App::default(), now: 1000, effects: Vec::new() };
        script.app.facts.model_type = Some("arcee".into());
        script.app.facts.focused = true;
        script.give(AnyMsg::Resize(size.0, size.1));
        script
    }

    /// Starts with prompts and tools loaded.
    pub(crate) fn ready(size: (u16, u16), provider: Provider) -> Self {
        let mut script = Self::new(size);
        script.chat(Msg::Ready(Box::new(setup(provider))));
        script.effects.clear();
        script
    }

    pub(crate) fn give(&mut self, msg: AnyMsg) {
        self.effects.extend(update::update(&mut self.app, self.now, msg));
    }

    pub(crate) fn chat(&mut self, msg: Msg) {
        self.give(AnyMsg::Post(PaneMsg::Chat(msg)));
    }

    /// Presses keys by name, separated by spaces; a name of several letters that is no key is typed.
    pub(crate) fn keys(&mut self, keys: &str) {
        for name in keys.split(' ') {
            match name.parse::<Key>() {
                Ok(key) => self.give(AnyMsg::Key(key)),
                Err(_) => name.chars().for_each(|c| self.give(AnyMsg::Key(Key::char(c)))),
            }
        }
    }

    pub(crate) fn type_text(&mut self, text: &str) {
        for c in text.chars() {
            let key = if c == '\n' { Key { alt: true, ..Key::plain(Code::Enter) } } else { Key::char(c) };
            self.give(AnyMsg::Key(key));
        }
    }

    pub(crate) fn stream(&mut self, stream: u64, event: StreamEvent) {
        self.chat(Msg::Stream { stream, event });
    }

    pub(crate) fn says(&mut self, stream: u64, text: &str) {
        self.stream(stream, StreamEvent::Text { delta: text.into() });
    }

    pub(crate) fn calls(&mut self, stream: u64, id: &str, name: &str, arguments: &str) {
        let (id, name) = (Some(id.to_string()), Some(name.to_string()));
        let delta = ToolCallDelta { slot: 0, id, name, arguments: arguments.into() };
        self.stream(stream, StreamEvent::ToolCall { delta });
        self.finishes(stream);
    }

    pub(crate) fn finishes(&mut self, stream: u64) {
        self.stream(stream, StreamEvent::Finished { reason: FinishReason::Stop, usage: None });
    }

    pub(crate) fn ends(&mut self, call_id: &str, summary: &str, text: &str) {
        let outcome = ToolOutcome::Done { text: text.into() };
        let end = ToolEnd { outcome, summary: summary.into(), artifacts: Vec::new() };
        self.chat(Msg::ToolEnded { call_id: call_id.into(), end: Box::new(end) });
    }

    /// The jobs that were asked for since the last look.
    fn jobs(&mut self) -> Vec<(JobId, Job)> {
        let job = |effect| match effect {
            Effect::Start(id, AnyJob::Chat(job)) => Some((id, job)),
            _ => None,
        };
        std::mem::take(&mut self.effects).into_iter().filter_map(job).collect()
    }

    fn pane(&self) -> &State {
        &self.app.panes.chat
    }
}

pub(crate) fn setup(provider: Provider) -> Setup {
    let schema = json!({"type": "object", "properties": {}});
    let tool = |name: &str, approval| ToolSpec {
        name: name.into(),
        description: "d".into(),
        schema: schema.clone(),
        approval,
    };
    Setup {
        provider,
        model: "test-model".into(),
        system: "Port.".into(),
        tools: vec![tool("read_source", Approval::Auto), tool("edit_port", Approval::Ask)],
        limits: Limits::default(),
        ..Setup::default()
    }
}

pub(crate) fn proposal() -> Proposal {
    Proposal {
        call_id: "e1".into(),
        title: "edit mlx_lm/models/arcee.py".into(),
        path: "mlx_lm/models/arcee.py".into(),
        scope: EditScope::Port,
        before: "import mlx.core as mx\n\n\ndef act(x):\n    return mx.maximum(x, 0)\n".into(),
        after: "import mlx.core as mx\n\n\ndef act(x):\n    return mx.square(mx.maximum(x, 0))\n".into(),
    }
}

/// A conversation up to a run that costs and waits for the person.
pub(crate) fn with_run(size: (u16, u16)) -> Script {
    let mut script = Script::ready(size, Provider::Endpoint);
    let mut setup = setup(Provider::Endpoint);
    setup.tools.iter_mut().for_each(|tool| {
        (tool.name, tool.approval) = ("check_battery".into(), Approval::Cost);
    });
    script.chat(Msg::Ready(Box::new(setup)));
    script.type_text("does it hold on real weights");
    script.keys("enter");
    script.says(1, "I ask for four tests on real weights.");
    script.calls(1, "b1", "check_battery", r#"{"variant":"SmolLM2-135M"}"#);
    let run = Proposal {
        call_id: "b1".into(),
        title: "run the battery on SmolLM2-135M: about 4 min, 1.2 GB of memory".into(),
        path: "the battery on SmolLM2-135M".into(),
        scope: EditScope::Run { seconds: 240 },
        before: String::new(),
        after: "checkpoint  /models/SmolLM2-135M\ntests       all; generates as upstream does\n".into(),
    };
    script.chat(Msg::Prepared { call_id: "b1".into(), prepared: Prepared::Propose(run) });
    script.now += 1000;
    script
}

#[test]
fn a_run_is_started_or_declined_and_is_no_edit() {
    let mut script = with_run((80, 24));
    for key in ["e", "r", "space"] {
        script.keys(key);
        assert_eq!(script.pane().judge.as_ref().map(|judge| judge.mode), Some(super::Mode::Judging), "{key}");
    }
    script.effects.clear();
    script.keys("a");
    let runs = |effect: &Effect| matches!(effect, Effect::Start(_, AnyJob::Chat(Job::Run { run })) if run.approved.is_some());
    assert!(script.effects.iter().any(runs), "{:?}", script.effects);
    script.ends("b1", "check pass", "verdict: pass");
    assert_eq!(script.app.facts.counts.edits_accepted, 0);
    assert!(script.pane().written.is_empty());
}

/// A conversation up to an edit that waits for the person.
pub(crate) fn with_proposal(size: (u16, u16)) -> Script {
    let mut script = Script::ready(size, Provider::Endpoint);
    script.type_text("port it");
    script.keys("enter");
    script.says(1, "Reading the reference.");
    script.calls(1, "r1", "read_source", r#"{"path":"modeling_arcee.py"}"#);
    script.ends("r1", "read modeling_arcee.py 1–80", "class ArceeMLP:\n    pass");
    script.says(2, "The activation is **relu squared**:\n\n```python\nreturn mx.square(x)\n```\n");
    script.calls(2, "e1", "edit_port", "{}");
    script.chat(Msg::Prepared { call_id: "e1".into(), prepared: Prepared::Propose(proposal()) });
    script.now += 1000;
    script
}

#[test]
fn enter_sends_and_the_request_goes_out_as_a_job() {
    let mut script = Script::ready((80, 24), Provider::Endpoint);
    script.type_text("one\ntwo");
    script.keys("enter");
    let jobs = script.jobs();
    let [(_, Job::Stream { stream: 1, request })] = &jobs[..] else { panic!("{jobs:?}") };
    assert_eq!(request.messages.last().map(|message| message.content.as_str()), Some("one\ntwo"));
    assert!(script.pane().composer.editor.is_empty());
}

#[test]
fn what_is_sent_before_the_workspace_is_there_waits_for_it() {
    let mut script = Script::new((80, 24));
    script.type_text("go");
    script.keys("enter");
    assert!(script.jobs().is_empty());
    script.chat(Msg::Ready(Box::new(setup(Provider::Endpoint))));
    assert!(matches!(&script.jobs()[..], [(_, Job::Stream { stream: 1, .. })]));
}

#[test]
fn an_edit_is_accepted_by_a_key_and_not_by_one_that_was_meant_for_the_composer() {
    let mut script = with_proposal((80, 24));
    script.now -= 1000;
    script.jobs();
    script.keys("a");
    assert!(script.jobs().is_empty(), "the approval has just appeared");
    script.now += 1000;
    script.keys("a");
    let jobs = script.jobs();
    let [(_, Job::Run { run })] = &jobs[..] else { panic!("{jobs:?}") };
    assert_eq!(run.approved.as_ref().map(|edit| edit.after.clone()), Some(proposal().after));
    assert_eq!(script.app.facts.counts.edits_accepted, 1);
}

#[test]
fn an_approval_that_comes_while_the_person_writes_takes_no_letters() {
    let mut script = Script::ready((80, 24), Provider::Endpoint);
    script.type_text("go");
    script.keys("enter");
    script.type_text("w");
    script.calls(1, "e1", "edit_port", "{}");
    script.chat(Msg::Prepared { call_id: "e1".into(), prepared: Prepared::Propose(proposal()) });
    script.now += 1000;
    script.jobs();
    script.type_text("ait a");
    assert_eq!((script.jobs().len(), script.pane().composer.editor.text()), (0, "wait a".into()));
    script.keys("esc");
    assert_eq!(script.pane().contexts(), ["approval"]);
}

#[test]
fn a_denial_carries_its_reason() {
    let mut script = with_proposal((80, 24));
    script.keys("d");
    script.type_text("use a helper");
    script.keys("enter");
    let told = script.pane().machine.messages().last().map(|message| message.content.clone());
    assert_eq!(told.as_deref(), Some("Error: The person declined this edit: use a helper"));
    let Some(ItemKind::Tool(card)) = script.pane().items.iter().map(|item| &item.kind).next_back() else {
        panic!()
    };
    assert_eq!((card.state, card.summary.as_str()), (CardState::Denied, "denied: use a helper"));
}

#[test]
fn an_edited_proposal_is_written_as_edited() {
    let mut script = with_proposal((80, 24));
    script.jobs();
    script.keys("e");
    assert_eq!(script.pane().judge.as_ref().map(|judge| judge.editor.cursor()), Some((4, 0)));
    script.keys("tab #");
    script.keys("esc e ctrl-s");
    let jobs = script.jobs();
    let [(_, Job::Run { run })] = &jobs[..] else { panic!("{jobs:?}") };
    let after = run.approved.as_ref().map(|edit| edit.after.clone());
    let want = proposal().after.replace("    return", "    #    return");
    assert_eq!(after, Some(want), "Esc went back and lost nothing");
}

#[test]
fn ctrl_c_keeps_what_was_said_and_r_goes_on() {
    let mut script = Script::ready((80, 24), Provider::Endpoint);
    script.type_text("go");
    script.keys("enter");
    script.says(1, "So f");
    script.keys("ctrl-c");
    assert_eq!(script.pane().machine.state(), &Machinery::Interrupted);
    script.says(1, "ar");
    assert_eq!(script.pane().items.len(), 2, "what comes late is dropped");
    script.jobs();
    script.keys("r");
    assert!(matches!(&script.jobs()[..], [(_, Job::Stream { stream: 2, .. })]));
}

#[test]
fn r_is_a_letter_while_something_is_written() {
    let mut script = Script::ready((80, 24), Provider::Endpoint);
    script.type_text("go");
    script.keys("enter ctrl-c");
    script.type_text("x");
    script.keys("r");
    assert_eq!(script.pane().composer.editor.text(), "xr");
}

#[test]
fn the_queue_is_edited_and_sent_at_once_on_request() {
    let mut script = Script::ready((80, 24), Provider::Endpoint);
    script.type_text("go");
    script.keys("enter");
    for text in ["one", "two"] {
        script.type_text(text);
        script.keys("enter");
    }
    script.keys("alt-up");
    assert_eq!(script.pane().composer.editor.text(), "two");
    assert_eq!(script.pane().machine.queue(), ["one"]);
    script.type_text("!");
    script.keys("enter alt-r alt-s");
    let sent = script.pane().machine.messages().last().map(|message| message.content.clone());
    assert_eq!(sent.as_deref(), Some("two!\n\none"));
}

#[test]
fn a_long_paste_is_folded_and_sent_whole() {
    let mut script = Script::ready((80, 24), Provider::Endpoint);
    let long = "line\r\n".repeat(12);
    script.give(AnyMsg::Paste(long));
    assert_eq!(script.pane().composer.editor.text(), "[Pasted #1 +12 lines]");
    script.keys("enter");
    let sent = script.pane().machine.messages().last().map(|message| message.content.clone());
    assert_eq!(sent, Some("line\n".repeat(12)));
    script.keys("up");
    assert_eq!(script.pane().composer.editor.lines().len(), 13);
}

#[test]
fn a_draft_survives_with_its_folded_paste() {
    let mut script = Script::ready((80, 24), Provider::Endpoint);
    script.type_text("see ");
    script.give(AnyMsg::Paste("x\n".repeat(20)));
    let saved = script.pane().save();
    let mut other = Script::ready((80, 24), Provider::Endpoint);
    let live = std::collections::BTreeMap::from([("chat".to_string(), saved)]);
    other.give(AnyMsg::Restore(Box::new(Live { panes: live, ..Live::default() })));
    other.chat(earlier(&script));
    other.keys("enter");
    let sent = other.pane().machine.messages().last().map(|message| message.content.clone());
    assert_eq!(sent, Some(format!("see {}", "x\n".repeat(20))));
}

#[test]
fn the_countdown_is_waited_for_or_skipped() {
    let mut script = Script::ready((80, 24), Provider::Endpoint);
    script.type_text("go");
    script.keys("enter");
    let kind = FailureKind::RateLimit { retry_after_ms: Some(7000) };
    let failure = StreamFailure { kind, text: "busy".into(), hint: None };
    script.stream(1, StreamEvent::Failed { failure });
    script.type_text("later");
    script.keys("enter");
    assert!(script.pane().contexts().contains(&"resting"), "r counts although something is queued");
    script.jobs();
    script.now += 6999;
    script.give(AnyMsg::Tick);
    assert!(script.jobs().is_empty());
    script.now += 1;
    script.give(AnyMsg::Tick);
    assert!(matches!(&script.jobs()[..], [(_, Job::Stream { stream: 2, .. })]));
}

#[test]
fn an_interrupted_tool_is_cancelled_and_answered() {
    let mut script = Script::ready((80, 24), Provider::Endpoint);
    script.type_text("go");
    script.keys("enter");
    script.calls(1, "r1", "read_source", "{}");
    script.effects.clear();
    script.keys("ctrl-c");
    assert!(script.effects.iter().any(|effect| matches!(effect, Effect::Cancel(_))));
    assert_eq!(script.pane().machine.state(), &Machinery::Interrupted);
}

#[test]
fn a_job_that_breaks_does_not_hang_the_turn() {
    let mut script = Script::ready((80, 24), Provider::Endpoint);
    script.type_text("go");
    script.keys("enter");
    let report = Report::new(crate::util::blame::Blame::Bug, "broke");
    let id = script.jobs()[0].0;
    script.give(AnyMsg::Ended(id, Err(report.clone())));
    assert_eq!(
        script.pane().machine.state(),
        &Machinery::Stopped { report: Report::new(crate::util::blame::Blame::Environment, "broke") }
    );
}

#[test]
fn the_manual_provider_copies_out_and_takes_a_pasted_reply() {
    let mut script = Script::ready((80, 24), Provider::Manual);
    script.type_text("hi");
    script.keys("enter y");
    let copied = script.effects.iter().find_map(|effect| match effect {
        Effect::Copy(text) => Some(text.clone()),
        _ => None,
    });
    assert!(copied.is_some_and(|text| text.contains("## Person\n\nhi")));
    script.give(AnyMsg::Paste(
        "Reading.\n```tool\n{\"name\": \"read_source\", \"arguments\": {}}\n```\n".into(),
    ));
    assert!(script.jobs().is_empty(), "a paste never submits");
    script.keys("enter");
    assert!(matches!(&script.jobs()[..], [(_, Job::Run { .. })]));
}

#[test]
fn a_recording_is_played_through_the_same_paths() {
    let mut script = with_proposal((80, 24));
    script.jobs();
    assert!(script.pane().ready_for(&PersonStep::Approve, &script.app.jobs));
    script.chat(Msg::Recorded(Box::new(PersonStep::Approve)));
    assert!(matches!(&script.jobs()[..], [(_, Job::Run { .. })]));
    assert!(!script.pane().ready_for(&PersonStep::Say { text: "x".into() }, &script.app.jobs));
}

/// What a script's session log would hold of the conversation.
fn logged(script: &Script) -> Vec<Logged> {
    let kept = |effect: &Effect| match effect {
        Effect::Record(entry) => match &**entry {
            entry @ (Logged::Chat { .. } | Logged::Tool { .. }) => Some(entry.clone()),
            _ => None,
        },
        _ => None,
    };
    script.effects.iter().filter_map(kept).collect()
}

/// The program as it comes back after kill -9: what was live at once, the log after that.
fn resumed(script: &Script) -> Script {
    let mut again = Script::new((80, 24));
    let panes = script.app.save().into_iter().collect();
    let queue = script.pane().machine.queue().to_vec();
    again.give(AnyMsg::Restore(Box::new(Live { panes, queue, ..Live::default() })));
    again
}

fn earlier(script: &Script) -> Msg {
    Msg::Restored(Box::new(Earlier { entries: logged(script), ..Earlier::default() }))
}

fn kinds(script: &Script) -> Vec<ItemKind> {
    script.pane().items.iter().map(|item| item.kind.clone()).collect()
}

#[test]
fn a_restored_conversation_looks_as_it_did_and_the_edit_waits_again() {
    let mut script = with_proposal((80, 24));
    script.keys("d");
    script.type_text("use relu squ");
    script.keys("left");
    let mut again = resumed(&script);
    again.chat(earlier(&script));
    assert_eq!(kinds(&again), kinds(&script), "cards keep their lines");
    assert!(
        kinds(&again).iter().any(
            |kind| matches!(kind, ItemKind::Tool(card) if card.summary == "read modeling_arcee.py 1–80")
        )
    );
    // Half a reason for the refusal is there again, with its cursor.
    assert_eq!(again.pane().contexts(), ["reason"]);
    let judge = again.pane().judge.as_ref().expect("the approval");
    assert_eq!((judge.editor.text(), judge.editor.cursor()), ("use relu squ".into(), (0, 11)));
    assert_eq!(again.app.save(), script.app.save());

    // No tools yet: nothing is decided, and nothing is lost.
    again.now += 1000;
    again.keys("enter");
    assert!(again.pane().judge.is_some() && again.app.facts.toast.is_some());
    again.chat(Msg::Ready(Box::new(setup(Provider::Endpoint))));
    again.jobs();
    again.keys("esc");
    again.keys("a");
    assert!(matches!(&again.jobs()[..], [(_, Job::Run { .. })]));
}

#[test]
fn counts_and_accepted_lines_come_back_with_the_log() {
    let mut script = with_proposal((80, 24));
    script.keys("a");
    script.ends("e1", "edited", "written");
    script.calls(3, "e2", "edit_port", "{}");
    let second = Proposal { call_id: "e2".into(), after: "x = 1\ny = 2\n".into(), ..proposal() };
    script.chat(Msg::Prepared { call_id: "e2".into(), prepared: Prepared::Propose(second) });
    script.now += 1000;
    script.keys("d");
    script.type_text("no");
    script.keys("enter");
    script.says(4, "Done.");
    script.finishes(4);
    let mut again = resumed(&script);
    assert!(again.app.facts.counts.incomplete);
    assert!(again.app.panes.pr.facts.is_empty() || again.app.panes.pr.facts.starts_with("not counted"));
    again.chat(earlier(&script));
    assert_eq!(again.app.facts.counts, script.app.facts.counts);
    assert_eq!(script.app.facts.counts.edits_accepted, 1);
    assert_eq!(again.app.facts.assistant_said, script.app.facts.assistant_said);
    assert!(
        again
            .app
            .panes
            .pr
            .facts
            .contains("test-model, 4 turns; edits: 1 accepted, 0 changed by you, 1 refused")
    );
    assert!(again.app.panes.pr.facts.contains("accepted from the model"), "{}", again.app.panes.pr.facts);
}

#[test]
fn what_waits_for_the_workspace_survives_a_kill_and_is_sent_then() {
    let mut script = Script::new((80, 24));
    script.type_text("port it");
    script.keys("enter");
    assert_eq!(script.pane().machine.queue(), ["port it"], "it is shown in the queue");
    let [Logged::Chat { entry: Entry::Queue { messages } }] = &logged(&script)[..] else {
        panic!("{:?}", logged(&script))
    };
    assert_eq!(messages[..], ["port it"]);
    let mut again = resumed(&script);
    again.chat(earlier(&script));
    assert!(again.jobs().is_empty());
    again.chat(Msg::Ready(Box::new(setup(Provider::Endpoint))));
    let jobs = again.jobs();
    let [(_, Job::Stream { request, .. })] = &jobs[..] else { panic!("{jobs:?}") };
    assert_eq!(request.messages.last().map(|message| message.content.as_str()), Some("port it"));
    assert!(again.pane().machine.queue().is_empty());
}

#[test]
fn a_message_sent_before_the_log_is_read_goes_out_with_the_conversation() {
    let mut script = Script::ready((80, 24), Provider::Endpoint);
    script.type_text("first");
    script.keys("enter");
    script.says(1, "An answer.");
    script.finishes(1);
    let mut again = resumed(&script);
    again.chat(Msg::Note("a warning of this run".into()));
    again.chat(Msg::Ready(Box::new(setup(Provider::Endpoint))));
    again.type_text("second");
    again.keys("enter");
    again.keys("alt-s");
    assert!(again.jobs().is_empty(), "what was said before is not known yet");
    again.chat(earlier(&script));
    let jobs = again.jobs();
    let [(_, Job::Stream { request, .. })] = &jobs[..] else { panic!("{jobs:?}") };
    let words: Vec<&str> = request.messages.iter().map(|message| message.content.as_str()).collect();
    assert_eq!(words, ["Port.", "first", "An answer.", "second"]);
    assert!(
        kinds(&again)
            .iter()
            .any(|kind| matches!(kind, ItemKind::Notice { text, .. } if text == "a warning of this run"))
    );
}

#[test]
fn an_unfinished_turn_and_its_queue_rest_until_the_person_goes_on() {
    let mut script = with_proposal((80, 24));
    script.keys("a");
    script.type_text("then the test");
    script.keys("enter");
    let mut again = resumed(&script);
    again.chat(earlier(&script));
    again.chat(Msg::Ready(Box::new(setup(Provider::Endpoint))));
    assert!(again.jobs().is_empty(), "nothing starts by itself");
    assert_eq!(again.pane().machine.queue(), ["then the test"]);
    let card = |script: &Script| {
        kinds(script).into_iter().rev().find_map(|kind| match kind {
            ItemKind::Tool(card) => Some(card.state),
            _ => None,
        })
    };
    assert_eq!(card(&again), Some(CardState::Interrupted), "a card that nobody works on does not turn");
    assert!(kinds(&again).iter().any(
        |kind| matches!(kind, ItemKind::Notice { text, .. } if text.contains("The session ended here"))
    ));
    again.keys("r");
    assert!(matches!(&again.jobs()[..], [(_, Job::Prepare { .. })]));
    assert_eq!(card(&again), Some(CardState::Waiting));
}

#[test]
fn a_log_that_cannot_be_read_is_told_and_nothing_goes_out_by_itself() {
    let mut script = Script::ready((80, 24), Provider::Endpoint);
    script.type_text("go");
    script.keys("enter");
    let damaged = |script: &Script| {
        let log = "/data/sessions/s/log.jsonl".into();
        let entries = logged(script);
        Earlier { entries, log, damaged: vec![3, 4, 9], ..Earlier::default() }
    };
    let mut again = resumed(&script);
    again.chat(Msg::Restored(Box::new(damaged(&script))));
    let told = |script: &Script| {
        kinds(script).into_iter().find_map(|kind| match kind {
            ItemKind::Notice { tone: Tone::Fail, text, hint } => {
                Some(format!("{text} | {}", hint.unwrap_or_default()))
            }
            _ => None,
        })
    };
    let text = told(&again).expect("an error on screen");
    assert!(
        text.contains("lines 3–4, 9 of /data/sessions/s/log.jsonl") && text.contains("nothing was removed"),
        "{text}"
    );
    assert!(again.app.panes.pr.facts.starts_with("not counted"), "{}", again.app.panes.pr.facts);

    let mut none = resumed(&script);
    none.type_text("more");
    none.keys("enter");
    none.chat(Msg::Unrestored(crate::util::blame::Report::new(
        crate::util::blame::Blame::Environment,
        "cannot read it",
    )));
    none.chat(Msg::Ready(Box::new(setup(Provider::Endpoint))));
    assert!(none.jobs().is_empty(), "without the conversation nothing is sent by itself");
    assert_eq!(none.pane().machine.queue(), ["more"]);
    assert!(told(&none).expect("an error").contains("cannot read it"));
    none.keys("alt-s");
    assert!(matches!(&none.jobs()[..], [(_, Job::Stream { .. })]));
}

#[test]
fn a_pasted_reply_of_the_manual_provider_survives() {
    let mut script = Script::ready((80, 24), Provider::Manual);
    script.type_text("go");
    script.keys("enter");
    script.give(AnyMsg::Paste("An answer\nof two lines".into()));
    let mut again = resumed(&script);
    again.chat(earlier(&script));
    again.chat(Msg::Ready(Box::new(setup(Provider::Manual))));
    assert_eq!(again.pane().reply.as_deref(), Some("An answer\nof two lines"));
    again.keys("enter");
    assert!(
        kinds(&again)
            .iter()
            .any(|kind| matches!(kind, ItemKind::Model { text, .. } if text == "An answer\nof two lines"))
    );
}

#[test]
fn quitting_keeps_what_the_model_was_saying() {
    let mut script = Script::ready((80, 24), Provider::Endpoint);
    script.type_text("go");
    script.keys("enter");
    script.says(1, "Half an ans");
    script.give(AnyMsg::Hangup);
    let mut again = resumed(&script);
    again.chat(earlier(&script));
    assert!(kinds(&again).iter().any(
        |kind| matches!(kind, ItemKind::Model { text, mark: Mark::Interrupted, .. } if text == "Half an ans")
    ));
}

#[test]
fn decisions_are_recorded() {
    let mut script = with_proposal((80, 24));
    script.effects.clear();
    script.keys("a");
    let recorded = script.effects.iter().any(|effect| match effect {
        Effect::Record(entry) => {
            matches!(&**entry, Logged::Chat { entry: Entry::Decided { decision: Decision::Accept, .. } })
        }
        _ => false,
    });
    assert!(recorded);
}

/// A proposal of three hunks.
pub(crate) fn three_hunks() -> Proposal {
    let before = "import mlx.core as mx\nimport mlx.nn as nn\n\n\nclass MLP(nn.Module):\n    def __init__(self, args):\n        super().__init__()\n        self.up = nn.Linear(args.dim, args.hidden)\n\n    def __call__(self, x):\n        return self.up(x)\n\n\nclass Model(nn.Module):\n    def __init__(self, args):\n        self.mlp = MLP(args)\n";
    let after = before
        .replace("import mlx.nn as nn\n", "import mlx.nn as nn\nimport numpy as np\n")
        .replace("args.hidden)", "args.hidden, bias=False)")
        .replace("self.mlp = MLP(args)", "super().__init__()\n        self.mlp = MLP(args)");
    let title = "edit mlx_lm/models/arcee.py +4 -1".into();
    Proposal { title, before: before.into(), after, ..proposal() }
}

/// A conversation up to an edit of three hunks.
pub(crate) fn with_hunks(size: (u16, u16)) -> Script {
    let mut script = Script::ready(size, Provider::Endpoint);
    script.type_text("port it");
    script.keys("enter");
    script.calls(1, "e1", "edit_port", "{}");
    script.chat(Msg::Prepared { call_id: "e1".into(), prepared: Prepared::Propose(three_hunks()) });
    script.now += 1000;
    script
}

fn written(script: &mut Script) -> Option<String> {
    script.jobs().into_iter().find_map(|(_, job)| match job {
        Job::Run { run } => run.approved.map(|edit| edit.after),
        _ => None,
    })
}

fn told(script: &Script) -> String {
    let messages = script.pane().machine.messages();
    let last = messages.iter().rev().find(|message| message.role == crate::agent::data::Role::Tool);
    last.map(|message| message.content.clone()).unwrap_or_default()
}

#[test]
fn hunks_are_chosen_one_by_one_and_the_model_hears_which_were_left() {
    let mut script = with_hunks((80, 24));
    script.jobs();
    // The second hunk is left out.
    script.keys("n space");
    assert_eq!(script.pane().judge.as_ref().map(|judge| judge.chosen.clone()), Some(vec![true, false, true]));
    script.keys("A");
    let text = written(&mut script).expect("written");
    assert!(text.contains("import numpy") && text.contains("args.hidden)") && !text.contains("bias=False"));
    script.ends("e1", "wrote it", "Applied: mlx_lm/models/arcee.py +3 -0.");
    let told = told(&script);
    assert!(
        told.contains("took 2 of 3 hunks")
            && told.contains("+        self.up = nn.Linear(args.dim, args.hidden, bias=False)"),
        "{told}"
    );
    assert!(told.contains("@@ -8,1 +9,1 @@ MLP.__init__"), "{told}");
    assert!(script.app.facts.counts.edits_accepted == 1 && script.app.facts.counts.edits_changed == 0);
}

#[test]
fn nothing_chosen_is_nothing_accepted() {
    let mut script = with_hunks((80, 24));
    script.jobs();
    script.keys("space n space n space a");
    assert_eq!(written(&mut script), None);
    let toast = script.app.facts.toast.as_ref().map(|toast| toast.text.clone()).unwrap_or_default();
    assert!(toast.starts_with("No hunk is chosen"), "{toast}");
    script.keys("space a");
    assert!(written(&mut script).is_some_and(|text| text.contains("super().__init__()\n        self.mlp")));
}

#[test]
fn a_choice_of_hunks_survives_a_kill() {
    let mut script = with_hunks((80, 24));
    script.keys("n space");
    let mut again = resumed(&script);
    again.chat(earlier(&script));
    again.chat(Msg::Ready(Box::new(setup(Provider::Endpoint))));
    again.now += 1000;
    again.jobs();
    again.keys("a");
    assert!(written(&mut again).is_some_and(|text| !text.contains("bias=False")));
}

#[test]
fn editing_begins_with_what_is_chosen() {
    let mut script = with_hunks((80, 24));
    script.jobs();
    script.keys("n space e ctrl-s");
    assert!(written(&mut script).is_some_and(|text| !text.contains("bias=False") && text.contains("numpy")));
}

#[test]
fn a_file_that_changed_meanwhile_is_never_written_over() {
    let mut script = with_hunks((80, 24));
    let watched = script.jobs().into_iter().any(|(_, job)| matches!(job, Job::WatchEdit { .. }));
    assert!(watched, "the file is watched while the person judges");
    // The person changes what the second hunk changes, and something else.
    let mine =
        three_hunks().before.replace("args.hidden)", "args.width)").replace("class Model", "class Mine");
    script.chat(Msg::FileNow { call_id: "e1".into(), present: Some(mine.clone()) });
    script.keys("a");
    script.keys("e ctrl-s esc");
    script.keys("r enter");
    assert_eq!(written(&mut script), None, "no way of accepting writes over it");
    assert_eq!(script.pane().contexts(), ["conflict", "approval"]);
    assert_eq!(script.pane().judge.as_ref().map(|judge| judge.view), Some(View::Merge));
    script.keys("R");
    let judge = script.pane().judge.as_ref().expect("it waits again");
    assert_eq!(
        (judge.conflict.is_none(), judge.hunks.len(), judge.proposal.before.as_str()),
        (true, 2, mine.as_str())
    );
    script.now += 1000;
    script.keys("a");
    let text = written(&mut script).expect("written");
    assert!(
        text.contains("args.width)") && text.contains("class Mine") && text.contains("import numpy"),
        "{text}"
    );
    script.ends("e1", "wrote it", "Applied: x.");
    assert!(
        told(&script).contains("the person's own text stands there") && told(&script).contains("bias=False")
    );
}

/// The person's file after the proposal: the line of the second hunk in another way, and a class by another name.
fn mine() -> String {
    three_hunks().before.replace("args.hidden)", "args.width)").replace("class Model", "class Mine")
}

/// A conflict that waits.
pub(crate) fn with_conflict(size: (u16, u16)) -> Script {
    let mut script = with_hunks(size);
    script.jobs();
    script.chat(Msg::FileNow { call_id: "e1".into(), present: Some(mine()) });
    script
}

fn toast(script: &Script) -> String {
    script.app.facts.toast.as_ref().map(|toast| toast.text.clone()).unwrap_or_default()
}

#[test]
fn where_both_changed_the_file_the_person_takes_a_side_and_sees_the_whole_before_it_is_written() {
    for (key, has, lacks) in
        [("m", "args.width)", "bias=False"), ("x", "args.hidden, bias=False)", "args.width")]
    {
        let mut script = with_conflict((80, 24));
        script.keys("a");
        assert!(
            written(&mut script).is_none() && toast(&script).contains("not decided"),
            "{}",
            toast(&script)
        );
        script.keys(key);
        script.keys("a");
        assert_eq!(written(&mut script), None, "what is written is seen first");
        let judge = script.pane().judge.as_ref().expect("it waits again");
        assert_eq!((judge.conflict.is_none(), judge.proposal.before.clone()), (true, mine()));
        script.now += 1000;
        script.keys("a");
        let text = written(&mut script).expect("written");
        assert!(text.contains(has) && !text.contains(lacks) && text.contains("import numpy"), "{text}");
        assert!(text.contains("class Mine"), "what only the person changed stands: {text}");
    }
}

#[test]
fn only_where_the_model_changed_the_file_can_its_lines_be_left_out() {
    let mut script = with_conflict((80, 24));
    // The first place is the model's alone, the last one touches the person's.
    script.keys("p m x x a");
    script.now += 1000;
    script.keys("a");
    let text = written(&mut script).expect("written");
    assert!(!text.contains("import numpy") && text.contains("bias=False"), "{text}");
}

#[test]
fn a_choice_stays_when_the_person_changes_another_place_and_not_when_they_change_this_one() {
    let mut script = with_conflict((80, 24));
    script.keys("x");
    let open = |script: &Script| {
        script.pane().judge.as_ref().and_then(|judge| judge.conflict.as_ref()).map(Conflict::open)
    };
    assert_eq!(open(&script), Some(0));
    let elsewhere = mine().replace("import mlx.core as mx", "import mlx.core as mc");
    script.chat(Msg::FileNow { call_id: "e1".into(), present: Some(elsewhere) });
    assert_eq!(open(&script), Some(0));
    let here = mine().replace("args.width)", "args.wide)");
    script.chat(Msg::FileNow { call_id: "e1".into(), present: Some(here) });
    assert_eq!(open(&script), Some(1), "what is there now was not judged");
}

#[test]
fn a_conflict_is_edited_by_hand_with_all_three_texts_and_no_mark_is_written() {
    let mut script = with_conflict((80, 24));
    script.keys("e");
    let text =
        |script: &Script| script.pane().judge.as_ref().map(|judge| judge.editor.text()).unwrap_or_default();
    let marked = text(&script);
    assert!(
        marked.contains("<<<<<<< yours\n        self.up = nn.Linear(args.dim, args.width)\n"),
        "{marked}"
    );
    assert!(marked.contains("args.hidden, bias=False)") && marked.contains("import numpy"), "{marked}");
    script.keys("ctrl-s");
    assert!(written(&mut script).is_none() && toast(&script).contains("mark of the conflict"));
    assert_eq!(text(&script), marked, "the text is kept");
    // $EDITOR gives back a text without marks.
    let own = mine().replace("args.width)", "args.width, bias=False)");
    script.chat(Msg::Edited { call_id: "e1".into(), text: Ok(own.clone()) });
    script.keys("ctrl-s");
    assert_eq!(written(&mut script), Some(own));
    script.ends("e1", "wrote it", "Applied: x.");
    assert!(
        told(&script).contains("The person changed your proposal before it was written"),
        "{}",
        told(&script)
    );
}

#[test]
fn a_file_that_changes_while_its_text_is_edited_loses_neither() {
    let mut script = with_hunks((80, 24));
    script.keys("e #");
    let edited = script.pane().judge.as_ref().map(|judge| judge.editor.text()).unwrap_or_default();
    script.chat(Msg::FileNow { call_id: "e1".into(), present: Some(mine()) });
    // Across Esc and a kill too.
    script.keys("esc");
    let mut again = resumed(&script);
    again.chat(earlier(&script));
    again.chat(Msg::Ready(Box::new(setup(Provider::Endpoint))));
    again.chat(Msg::FileNow { call_id: "e1".into(), present: Some(mine()) });
    for mut script in [script, again] {
        script.now += 1000;
        script.jobs();
        script.keys("e");
        assert_eq!(script.pane().judge.as_ref().map(|judge| judge.editor.text()), Some(edited.clone()));
        script.keys("ctrl-s");
        assert_eq!(written(&mut script), None);
        let judge = script.pane().judge.as_ref().expect("all three stand again");
        assert_eq!((judge.proposal.after.as_str(), judge.view), (edited.as_str(), View::Merge));
        assert_eq!(judge.conflict.as_ref().and_then(|conflict| conflict.present.clone()), Some(mine()));
    }
}

#[test]
fn an_edit_that_is_sent_back_tells_the_model_the_reason_and_the_persons_change() {
    let mut script = with_conflict((80, 24));
    script.keys("d");
    script.type_text("keep the width");
    script.keys("enter");
    let told = told(&script);
    assert!(told.contains("declined this edit: keep the width\n"), "{told}");
    assert!(told.contains("+        self.up = nn.Linear(args.dim, args.width)"), "{told}");
    let Some(ItemKind::Tool(card)) = script.pane().items.iter().map(|item| &item.kind).next_back() else {
        panic!()
    };
    assert_eq!(card.summary, "denied: keep the width");
}

#[test]
fn a_change_that_is_undone_again_is_no_conflict() {
    let mut script = with_hunks((80, 24));
    script.chat(Msg::FileNow { call_id: "e1".into(), present: None });
    assert!(script.pane().judge.as_ref().is_some_and(|judge| judge.conflict.is_some()));
    script.chat(Msg::FileNow { call_id: "e1".into(), present: Some(three_hunks().before) });
    script.jobs();
    script.keys("a");
    assert_eq!(written(&mut script), Some(three_hunks().after));
}

#[test]
fn a_rule_is_shown_edited_taken_listed_and_revoked() {
    let mut script = with_hunks((80, 24));
    script.jobs();
    script.keys("r");
    let text =
        |script: &Script| script.pane().judge.as_ref().map(|judge| judge.editor.text()).unwrap_or_default();
    assert_eq!(text(&script), "allow edits of mlx_lm/models/arcee.py for 30 minutes");
    script.keys("tab");
    assert_eq!(text(&script), "allow edits of mlx_lm/models/arcee.py until I quit");
    script.type_text(" or so");
    script.keys("enter");
    assert_eq!(written(&mut script), None);
    assert!(script.pane().judge.as_ref().is_some_and(|judge| judge.wrong.is_some()));
    (0..6).for_each(|_| script.keys("backspace"));
    script.keys("enter");
    assert_eq!(written(&mut script), Some(three_hunks().after));
    let by = script.pane().items.iter().find_map(|item| match &item.kind {
        ItemKind::Tool(card) => Some((card.note.clone(), card.diff.is_empty())),
        _ => None,
    });
    let by = by.expect("a card");
    assert_eq!(by, ("by rule “allow edits of mlx_lm/models/arcee.py until I quit”".into(), false));
    script.ends("e1", "wrote it", "Applied: x.");
    // The next edit of the file is written at once.
    script.calls(2, "e2", "edit_port", "{}");
    let second = Proposal { call_id: "e2".into(), ..three_hunks() };
    script.jobs();
    script.chat(Msg::Prepared { call_id: "e2".into(), prepared: Prepared::Propose(second) });
    assert!(written(&mut script).is_some() && script.pane().judge.is_none());
    script.ends("e2", "wrote it", "Applied: x.");
    script.type_text("/rules");
    script.keys("enter");
    assert_eq!(script.pane().contexts(), ["rules", "layer"]);
    script.keys("d");
    assert_eq!(script.pane().machine.policy().in_force(script.now).count(), 0);
    script.keys("esc");
    script.calls(3, "e3", "edit_port", "{}");
    let third = Proposal { call_id: "e3".into(), ..three_hunks() };
    script.chat(Msg::Prepared { call_id: "e3".into(), prepared: Prepared::Propose(third) });
    assert!(script.pane().judge.is_some(), "it is asked for again");
}

#[test]
fn the_mode_is_cycled_by_a_key_and_kept_in_the_session() {
    let mut script = Script::ready((80, 24), Provider::Endpoint);
    script.keys("alt-m");
    let mode = |script: &Script| script.pane().machine.policy().mode.name();
    assert_eq!(mode(&script), "auto-edit");
    let mut again = resumed(&script);
    again.chat(earlier(&script));
    assert_eq!(mode(&again), "auto-edit");
    script.keys("alt-m");
    assert_eq!(mode(&script), "read-only");
    script.type_text("/mode");
    script.keys("enter");
    assert_eq!(mode(&script), "ask");
}

#[test]
fn the_persons_own_editor_gets_what_is_chosen_and_nothing_is_written_before_ctrl_s() {
    let mut script = with_hunks((80, 24));
    script.jobs();
    script.keys("n space E");
    let sent = script.effects.iter().find_map(|effect| match effect {
        Effect::EditText { name, text, .. } => Some((name.clone(), text.clone())),
        _ => None,
    });
    let (name, text) = sent.expect("the editor is asked for");
    assert!(name == "arcee.py" && text.contains("numpy") && !text.contains("bias=False"));
    let mine = text.replace("import numpy as np", "import numpy");
    script.chat(Msg::Edited { call_id: "e1".into(), text: Ok(mine.clone()) });
    assert_eq!(written(&mut script), None);
    script.keys("ctrl-s");
    assert_eq!(written(&mut script), Some(mine));
}

const ARCEE: &str = "mlx_lm/models/arcee.py";

fn marks(script: &Script) -> String {
    let file = script.app.facts.provenance.file(ARCEE).expect("a known file");
    file.origins().into_iter().map(crate::agent::data::provenance::Origin::mark).collect()
}

/// The runtime's answer to a written edit.
fn wrote(script: &mut Script, call_id: &str) {
    let receipt = EditReceipt {
        path: "/checkout/mlx_lm/models/arcee.py".into(),
        backup: None,
        old_sha: None,
        new_sha: "0".into(),
    };
    let outcome = ToolOutcome::Done { text: "Applied: it.".into() };
    let end = ToolEnd {
        outcome,
        summary: "wrote it".into(),
        artifacts: vec![crate::tools::data::Artifact::Edit { receipt }],
    };
    script.chat(Msg::ToolEnded { call_id: call_id.into(), end: Box::new(end) });
}

fn port_now(script: &mut Script, text: &str) {
    script.chat(Msg::PortNow { path: ARCEE.into(), text: Some(text.into()) });
}

/// A new port that is proposed, and its draft beside another.
pub(crate) fn with_draft(size: (u16, u16)) -> Script {
    use crate::source::data::{Part, Section};
    let mut script = Script::ready(size, Provider::Endpoint);
    script.type_text("port it");
    script.keys("enter");
    script.calls(1, "e1", "edit_port", "{}");
    let after = "import mlx.core as mx\n\n\nclass ArceeMLP(nn.Module):\n    def __call__(self, x):\n        return relu2(x)\n\n\nclass Model(nn.Module):\n    pass\n";
    let title = "create mlx_lm/models/arcee.py +10 -0".into();
    let made = Proposal { title, before: String::new(), after: after.into(), ..proposal() };
    script.chat(Msg::Prepared { call_id: "e1".into(), prepared: Prepared::Propose(made) });
    let part = |name: &str, first, text: &str| Some(Part { name: name.into(), first, text: text.into() });
    let mlp = "class MLP(nn.Module):\n    def __call__(self, x):\n        return swiglu(x)\n\n\n";
    let reference = "class ArceeMLP(nn.Module):\n    def forward(self, x):\n        return self.act_fn(x)\n";
    let section = |lines, name: &str, near, reference| Section { lines, name: name.into(), near, reference };
    let sections = vec![
        section(0..3, "imports", part("llama.py: imports", 1, "import mlx.core as mx\n\n\n"), None),
        section(
            3..8,
            "ArceeMLP",
            part("llama.py: MLP", 90, mlp),
            part("modeling_arcee.py: ArceeMLP", 31, reference),
        ),
        section(8..10, "Model", None, None),
    ];
    let copied = vec![true, true, true, false, true, false, true, true, false, false];
    let draft = Draft { near: Some(("llama".into(), Vec::new())), sections, copied };
    script.chat(Msg::Drafted { call_id: "e1".into(), draft: Box::new(draft) });
    script.now += 1000;
    script
}

#[test]
fn a_new_port_is_accepted_class_by_class_against_the_nearest_port() {
    let mut script = with_draft((80, 24));
    script.jobs();
    script.keys("n n space a");
    assert_eq!(
        written(&mut script).as_deref(),
        Some(
            "import mlx.core as mx\n\n\nclass ArceeMLP(nn.Module):\n    def __call__(self, x):\n        return relu2(x)\n\n\n"
        )
    );
    wrote(&mut script, "e1");
    let told = told(&script);
    assert!(told.contains("took 2 of 3 hunks") && told.contains("+class Model(nn.Module):"), "{told}");
    // Lines that llama.py has at the same place are not the model's.
    assert_eq!(marks(&script), "===m=m==");
    assert_eq!(
        script.app.facts.provenance.file(ARCEE).and_then(|file| file.from.clone()).as_deref(),
        Some("llama.py")
    );
}

#[test]
fn a_draft_that_is_looked_up_after_it_was_written_still_counts() {
    let mut script = with_draft((80, 24));
    let (_, text, draft) = script.app.panes.chat.draft.clone().expect("the draft");
    let mut auto = Script::ready((80, 24), Provider::Endpoint);
    auto.keys("alt-m");
    auto.type_text("port it");
    auto.keys("enter");
    auto.calls(1, "e1", "edit_port", "{}");
    auto.jobs();
    let made = Proposal { before: String::new(), after: text, ..proposal() };
    auto.chat(Msg::Prepared { call_id: "e1".into(), prepared: Prepared::Propose(made) });
    assert!(auto.jobs().iter().any(|(_, job)| matches!(job, Job::Draft { .. })), "it is asked for");
    wrote(&mut auto, "e1");
    assert_eq!(marks(&auto), "mmmmmmmmmm");
    auto.chat(Msg::Drafted { call_id: "e1".into(), draft: Box::new(draft) });
    assert_eq!(marks(&auto), "===m=m==mm");
    script.keys("t");
    assert_eq!(
        script.pane().judge.as_ref().map(|judge| judge.view),
        Some(View::Proposal),
        "imports have no reference"
    );
    script.keys("n t");
    assert_eq!(script.pane().judge.as_ref().map(|judge| judge.view), Some(View::Reference));
    script.keys("esc");
    assert_eq!(script.pane().judge.as_ref().map(|judge| judge.view), Some(View::Proposal));
}

#[test]
fn who_wrote_each_line_is_kept_through_edits_saves_and_a_resume() {
    let mut script = with_proposal((80, 24));
    let before = proposal().before;
    port_now(&mut script, &before);
    assert_eq!(marks(&script), "     ", "what stood there before is nobody's");
    script.keys("a");
    // The watcher may see the file before the tool's end is heard: it is not the person's.
    port_now(&mut script, &proposal().after);
    wrote(&mut script, "e1");
    assert_eq!(marks(&script), "    m");
    let mine = format!(
        "{}\n\ndef mine():\n    pass\n",
        proposal().after.replace("maximum(x, 0)", "maximum(x, 0.0)")
    );
    port_now(&mut script, &mine);
    assert_eq!(marks(&script), "    ~yyyy");
    let mut again = resumed(&script);
    // While the program was away the person went on; the file is read before the log is.
    port_now(&mut again, &format!("{mine}    # more\n"));
    let entries = script.effects.iter().filter_map(|effect| match effect {
        Effect::Record(entry) => match &**entry {
            entry @ (Logged::Chat { .. } | Logged::Tool { .. } | Logged::Provenance { .. }) => {
                Some(entry.clone())
            }
            _ => None,
        },
        _ => None,
    });
    again.chat(Msg::Restored(Box::new(Earlier { entries: entries.collect(), ..Earlier::default() })));
    assert_eq!(marks(&again), "    ~yyyyy");
    assert!(again.pane().written.len() == 1, "it can be taken back in this run too");
}

#[test]
fn an_edit_is_taken_back_and_the_model_is_told() {
    let mut script = with_proposal((80, 24));
    script.keys("a");
    wrote(&mut script, "e1");
    script.says(3, "Done.");
    script.finishes(3);
    script.jobs();
    script.type_text("/edits");
    script.keys("enter u");
    let jobs = script.jobs();
    let [(_, Job::TakeBack { edit })] = &jobs[..] else { panic!("{jobs:?}") };
    assert_eq!((edit.before.clone(), edit.after.clone()), (proposal().before, proposal().after));
    let (before, after) = (Some(proposal().after), Some(proposal().before));
    script.chat(Msg::TookBack { call_id: "e1".into(), end: Ok(TookBack { before, after, receipt: None }) });
    assert_eq!(marks(&script), "     ");
    script.keys("u");
    assert!(script.jobs().is_empty(), "once is enough");
    script.keys("esc");
    script.type_text("go on");
    script.keys("enter");
    let said =
        script.pane().machine.messages().last().map(|message| message.content.clone()).unwrap_or_default();
    assert!(
        said.contains("took back") && said.contains("-    return mx.square") && said.ends_with("go on"),
        "{said}"
    );
}
