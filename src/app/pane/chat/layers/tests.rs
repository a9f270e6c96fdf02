//! Slash commands, the sheet of the context, and the summary that waits, by keys.

use crate::agent::data::{Entry, FinishReason, StreamEvent, Usage};
use crate::agent::machine::{Limits, Provider, Setup};
use crate::app::effect::Effect;
use crate::app::pane::Pane;
use crate::app::pane::chat::tests::{Script, setup};
use crate::app::pane::chat::{ItemKind, Machinery, Msg, Reading, State};
use crate::session::data::Entry as Logged;

impl Script {
    /// A conversation with a known limit whose context is nearly full, up to the request for a summary.
    pub(crate) fn nearly_full(size: (u16, u16)) -> Self {
        let mut script = Script::new(size);
        let limits = Limits { context: Some(8000), ..Limits::default() };
        let base = Setup { limits, model_type: "arcee".into(), ..setup(Provider::Endpoint) };
        script.chat(Msg::Ready(Box::new(base)));
        script.type_text("port arcee");
        script.keys("enter");
        for number in 0..20u64 {
            let id = format!("r{number}");
            let stream = script.chat_state().machine.stream().expect("a stream");
            script.calls(stream, &id, "read_source", &format!("{{\"path\":\"modeling_{number}.py\"}}"));
            script.ends(&id, "read", &format!("class Part{number}:\n    pass\n").repeat(100));
            if matches!(script.chat_state().machine.state(), Machinery::Compacting(_)) {
                break;
            }
        }
        script
    }

    /// The same, with a summary that waits.
    pub(crate) fn with_summary(size: (u16, u16)) -> Self {
        let mut script = Self::nearly_full(size);
        let stream = script.chat_state().machine.stream().expect("a summary is asked for");
        script.says(
            stream,
            "Reading is done: ReLU squared at modeling_arcee.py:40.\n\nNext: the smallest path.",
        );
        let usage = Some(Usage { prompt_tokens: 3000, completion_tokens: 30 });
        script.stream(stream, StreamEvent::Finished { reason: FinishReason::Stop, usage });
        script.now += 1000;
        script
    }

    pub(crate) fn chat_state(&self) -> &State {
        &self.app.panes.chat
    }

    fn toast(&self) -> String {
        self.app.facts.toast.as_ref().map(|toast| toast.text.clone()).unwrap_or_default()
    }
}

fn recorded(script: &Script, wanted: impl Fn(&Entry) -> bool) -> bool {
    script.effects.iter().any(|effect| match effect {
        Effect::Record(entry) => matches!(&**entry, Logged::Chat { entry } if wanted(entry)),
        _ => false,
    })
}

#[test]
fn a_summary_waits_and_is_used_by_a_key_that_was_meant_for_it() {
    let mut script = Script::with_summary((80, 24));
    assert_eq!(script.chat_state().contexts(), ["summary"]);
    script.now -= 1000;
    script.keys("a");
    assert!(script.chat_state().digest.is_some(), "it has just appeared");
    script.now += 1000;
    script.effects.clear();
    script.keys("a");
    assert!(script.chat_state().digest.is_none());
    assert!(recorded(&script, |entry| matches!(entry, Entry::Compacted { .. })));
    assert!(matches!(script.chat_state().machine.state(), Machinery::Streaming { .. }));
    let items = &script.chat_state().items;
    let card = items.iter().rev().find_map(|item| match &item.kind {
        ItemKind::Tool(card) if card.title.starts_with("condensed") => Some(card.clone()),
        _ => None,
    });
    let card = card.expect("a card says so");
    assert!(card.output.contains("- task: port arcee") && card.output.contains("ReLU squared"), "{card:?}");
    let read = |item: &&crate::app::pane::chat::Item| matches!(&item.kind, ItemKind::Tool(card) if card.title.contains("modeling_0.py"));
    assert!(items.iter().any(|item| read(&item)), "the original is still there");
}

#[test]
fn a_summary_is_edited_dropped_or_left_waiting() {
    let mut script = Script::with_summary((80, 24));
    script.keys("e");
    assert_eq!(script.chat_state().contexts(), ["summary-editing"]);
    script.type_text("Mine. ");
    script.effects.clear();
    script.keys("ctrl-s");
    assert!(recorded(&script, |entry| {
        matches!(entry, Entry::Compacted { summary, .. } if summary.starts_with("Mine. Reading is done"))
    }));

    let mut script = Script::with_summary((80, 24));
    script.keys("i");
    script.type_text("first this");
    assert_eq!(script.chat_state().digest.as_ref().map(|digest| digest.mode), Some(Reading::Aside));
    script.keys("enter");
    assert_eq!(script.chat_state().machine.queue(), ["first this"]);
    script.keys("ctrl-t");
    script.effects.clear();
    script.keys("d");
    assert!(recorded(&script, |entry| matches!(entry, Entry::NotCompacted { .. })));
    let last = script.chat_state().machine.messages().last().map(|message| message.content.clone());
    assert_eq!(last.as_deref(), Some("first this"), "the queue goes out with the next request");
}

#[test]
fn an_edited_summary_survives_a_kill() {
    let mut script = Script::with_summary((80, 24));
    script.keys("e");
    script.type_text("Mine. ");
    let saved = script.chat_state().save();
    assert!(saved["summary"].as_str().is_some_and(|text| text.starts_with("Mine. Reading")), "{saved}");
}

#[test]
fn escape_closes_the_sheet_and_destroys_nothing() {
    let mut script = Script::with_summary((80, 24));
    script.keys("alt-c");
    assert_eq!(script.chat_state().contexts(), ["sheet"]);
    let sheet = script.chat_state().sheet.clone().expect("the sheet");
    let names: Vec<&str> = sheet.parts.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(names, ["system prompt", "tools", "what you said", "what the model said", "tool outputs"]);
    assert!(sheet.parts[4].inner.iter().any(|part| part.name == "read_source modeling_0.py"), "{sheet:?}");
    let sum: u64 = sheet.parts.iter().map(|part| part.tokens).sum();
    assert!(sum.abs_diff(sheet.meter.tokens) < 20, "{sum} of {:?}", sheet.meter);
    script.keys("j k esc");
    assert!(script.chat_state().sheet.is_none() && script.chat_state().digest.is_some());
    script.keys("esc");
    assert!(script.chat_state().digest.is_some(), "the summary still waits");
}

#[test]
fn commands_do_what_the_registry_says_and_other_texts_are_sent_or_kept() {
    let mut script = Script::ready((80, 24), Provider::Endpoint);
    script.type_text("/context");
    script.keys("enter");
    assert!(script.chat_state().sheet.is_some() && script.chat_state().composer.editor.is_empty());
    script.keys("esc");
    script.type_text("/compact");
    script.keys("enter");
    assert_eq!(script.toast(), "The conversation is too short to be condensed");
    script.type_text("/nonsense");
    script.keys("enter");
    assert!(script.toast().contains("no command /nonsense"));
    assert_eq!(script.chat_state().composer.editor.text(), "/nonsense", "nothing typed is lost");
    for _ in 0..9 {
        script.keys("backspace");
    }
    script.type_text("/zoom");
    script.keys("enter");
    assert_eq!(script.app.choice.zoom, crate::app::layout::Zoom::On);
    script.type_text("/tmp/x is full");
    script.keys("enter");
    let sent = script.chat_state().machine.messages().last().map(|message| message.content.clone());
    assert_eq!(sent.as_deref(), Some("/tmp/x is full"));
}

#[test]
fn what_the_person_understood_is_kept_and_told_to_the_model() {
    let mut script = Script::ready((80, 24), Provider::Endpoint);
    script.type_text("/understood llama with relu squared");
    script.keys("enter");
    assert!(recorded(&script, |entry| {
        matches!(entry, Entry::Pinned { pin } if pin.text == "llama with relu squared")
    }));
    let sent = script.chat_state().machine.messages().last().map(|message| message.content.clone());
    assert!(sent.is_some_and(|text| text.ends_with("llama with relu squared")));
    let mut script = Script::ready((80, 24), Provider::Endpoint);
    script.type_text("/waive it is an alias");
    script.keys("enter");
    assert!(recorded(&script, |entry| {
        matches!(entry, Entry::Pinned { pin } if pin.text == "waived: it is an alias")
    }));
    assert!(script.chat_state().machine.messages().is_empty(), "nothing is sent");
}
