//! The layers as they look.

use crate::app::pane::chat::Provider;
use crate::app::pane::chat::tests::Script;
use crate::ui::pane::chat::tests::shown;

#[test]
fn a_summary_that_waits() {
    for (size, name) in [((80, 24), "summary_80x24"), ((200, 60), "summary_200x60")] {
        insta::assert_snapshot!(name, shown(&Script::with_summary(size), size));
    }
    let mut script = Script::with_summary((80, 24));
    script.keys("e");
    insta::assert_snapshot!("summary_editing_80x24", shown(&script, (80, 24)));
}

#[test]
fn what_fills_the_context() {
    for (size, name) in [((80, 24), "context_80x24"), ((200, 60), "context_200x60")] {
        let mut script = Script::with_summary(size);
        script.keys("a alt-c");
        insta::assert_snapshot!(name, shown(&script, size));
    }
    let mut script = Script::ready((80, 24), Provider::Endpoint);
    script.keys("alt-c");
    let text = shown(&script, (80, 24));
    assert!(text.contains("no limit is known"), "{text}");
}

#[test]
fn a_summary_cannot_reach_the_terminal_and_every_size_draws() {
    let mut script = Script::nearly_full((80, 24));
    let stream = script.chat_state().machine.stream().expect("a stream");
    script.says(stream, "a\x1b[31mb\x07");
    script.finishes(stream);
    for size in [(40, 10), (41, 11), (60, 12), (80, 24), (160, 20), (300, 100)] {
        script.give(crate::app::Msg::Resize(size.0, size.1));
        let text = shown(&script, size);
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    }
    script.give(crate::app::Msg::Resize(80, 24));
    assert!(shown(&script, (80, 24)).contains("a␛[31mb"));
}
