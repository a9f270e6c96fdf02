//! The pane as it looks, small and large, and what scrolling and streaming cost.

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::agent::data::{Entry, FailureKind, Message, StreamEvent, StreamFailure};
use crate::app::facts::DemoFacts;
use crate::app::pane::chat::Provider;
use crate::app::pane::chat::tests::{
    Script, three_hunks, with_conflict, with_draft, with_hunks, with_proposal, with_run,
};
use crate::session::data::Earlier;
use crate::theme::Theme;
use crate::ui::{self, ViewCache};

const SMALL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (200, 60);

struct Screen {
    terminal: Terminal<TestBackend>,
    view: ViewCache,
    theme: Theme,
}

impl Screen {
    fn new(size: (u16, u16)) -> Self {
        let terminal = Terminal::new(TestBackend::new(size.0, size.1)).expect("a test terminal");
        Self { terminal, view: ViewCache::default(), theme: Theme::named("dark").expect("a theme") }
    }

    fn draw(&mut self, script: &Script) -> String {
        let Self { terminal, view, theme } = self;
        terminal.draw(|frame| ui::draw(frame, &script.app, view, theme)).expect("drawn");
        let text = terminal.backend().to_string();
        let lines = text.lines().map(|line| line.trim_matches('"').trim_end());
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// The screen without the panes beside the chat, whose looks are not this pane's business.
pub(super) fn shown(script: &Script, size: (u16, u16)) -> String {
    let text = Screen::new(size).draw(script);
    match size == LARGE {
        true => text
            .lines()
            .map(|line| line.chars().take(80).collect::<String>().trim_end().to_string() + "\n")
            .collect(),
        false => text,
    }
}

#[test]
fn an_empty_conversation() {
    insta::assert_snapshot!("empty_80x24", shown(&Script::ready(SMALL, Provider::Endpoint), SMALL));
}

#[test]
fn an_edit_that_waits() {
    insta::assert_snapshot!("approval_80x24", shown(&with_proposal(SMALL), SMALL));
    insta::assert_snapshot!("approval_200x60", shown(&with_proposal(LARGE), LARGE));
}

#[test]
fn a_run_that_costs_waits_with_its_cost() {
    insta::assert_snapshot!("run_80x24", shown(&with_run(SMALL), SMALL));
    insta::assert_snapshot!("run_200x60", shown(&with_run(LARGE), LARGE));
}

#[test]
fn hunks_one_of_them_left_out() {
    for (size, name) in [(SMALL, "hunks_80x24"), (LARGE, "hunks_200x60")] {
        let mut script = with_hunks(size);
        script.keys("n space");
        insta::assert_snapshot!(name, shown(&script, size));
    }
}

#[test]
fn a_conflict_one_below_the_other_or_all_three_side_by_side() {
    let mut script = with_conflict(SMALL);
    insta::assert_snapshot!("conflict_80x24", shown(&script, SMALL));
    script.keys("t");
    insta::assert_snapshot!("conflict_yours_80x24", shown(&script, SMALL));
    let mut script = with_conflict(LARGE);
    insta::assert_snapshot!("conflict_pane_200x60", shown(&script, LARGE));
    script.keys("z x");
    insta::assert_snapshot!("conflict_200x60", Screen::new(LARGE).draw(&script));
}

#[test]
fn a_new_port_class_by_class_with_the_reference_beside_where_there_is_room() {
    let mut script = with_draft(SMALL);
    script.keys("n n space p");
    insta::assert_snapshot!("draft_80x24", shown(&script, SMALL));
    script.keys("t");
    insta::assert_snapshot!("draft_reference_80x24", shown(&script, SMALL));
    let mut script = with_draft(LARGE);
    script.keys("n z");
    insta::assert_snapshot!("draft_200x60", Screen::new(LARGE).draw(&script));
}

#[test]
fn a_rule_being_written_and_the_list_of_rules() {
    let mut script = with_hunks(SMALL);
    script.keys("r");
    insta::assert_snapshot!("rule_80x24", shown(&script, SMALL));
    script.keys("enter");
    script.type_text("/rules");
    script.keys("enter");
    insta::assert_snapshot!("rules_80x24", shown(&script, SMALL));
}

#[test]
fn an_edit_that_was_written_without_asking_shows_its_diff() {
    for (size, name) in [(SMALL, "auto_80x24"), (LARGE, "auto_200x60")] {
        let mut script = Script::ready(size, Provider::Endpoint);
        script.keys("alt-m");
        script.type_text("port it");
        script.keys("enter");
        script.calls(1, "e1", "edit_port", "{}");
        let prepared = crate::tools::data::Prepared::Propose(three_hunks());
        script.chat(crate::app::pane::chat::Msg::Prepared { call_id: "e1".into(), prepared });
        script.ends("e1", "wrote mlx_lm/models/arcee.py +4 -1", "Applied: x.");
        script.app.facts.toast = None;
        insta::assert_snapshot!(name, shown(&script, size));
    }
}

#[test]
fn long_lines_are_read_by_scrolling_sideways() {
    let mut script = with_hunks(SMALL);
    let long = format!("x = 1\ny = \"{}end\"\n", "0123456789".repeat(12));
    let proposal = crate::agent::data::Proposal { before: "x = 1\n".into(), after: long, ..three_hunks() };
    script.keys("d enter");
    script.calls(2, "e2", "edit_port", "{}");
    let proposal = crate::agent::data::Proposal { call_id: "e2".into(), ..proposal };
    let prepared = crate::tools::data::Prepared::Propose(proposal);
    script.chat(crate::app::pane::chat::Msg::Prepared { call_id: "e2".into(), prepared });
    let mut screen = Screen::new(SMALL);
    assert!(!screen.draw(&script).contains("end\""), "the line is longer than the screen");
    script.keys("l l l l l l l l");
    assert!(screen.draw(&script).contains("end\""));
}

#[test]
fn a_reason_being_written() {
    let mut script = with_proposal(SMALL);
    script.keys("d");
    script.type_text("there is a helper for this");
    insta::assert_snapshot!("reason_80x24", shown(&script, SMALL));
}

#[test]
fn a_countdown_with_a_queue_in_a_demo() {
    for (size, name) in [(SMALL, "countdown_80x24"), (LARGE, "countdown_200x60")] {
        let mut script = Script::ready(size, Provider::Endpoint);
        script.app.facts.demo =
            Some(DemoFacts { next: Some("send the message".into()), played: 1, total: 4 });
        script.type_text("port it");
        script.keys("enter");
        script.says(1, "I begin with the con");
        script.type_text("and the test");
        script.keys("enter");
        let kind = FailureKind::RateLimit { retry_after_ms: Some(7000) };
        let failure = StreamFailure { kind, text: "example.org answered 429: slow down".into(), hint: None };
        script.stream(1, StreamEvent::Failed { failure });
        insta::assert_snapshot!(name, shown(&script, size));
    }
}

#[test]
fn the_manual_provider_after_a_reply_that_could_not_be_read() {
    let mut script = Script::ready(SMALL, Provider::Manual);
    script.type_text("hi");
    script.keys("enter");
    insta::assert_snapshot!("manual_80x24", shown(&script, SMALL));
    script.give(crate::app::Msg::Paste("```tool\nno\n```".into()));
    script.keys("enter");
    insta::assert_snapshot!("manual_problem_80x24", shown(&script, SMALL));
}

#[test]
fn a_new_file_is_seen_while_the_model_writes_it() {
    for (size, name) in [(SMALL, "growing_80x24"), (LARGE, "growing_200x60")] {
        let mut script = Script::ready(size, Provider::Endpoint);
        script.type_text("port it");
        script.keys("enter");
        script.says(1, "I write the port.");
        let text: String = (1..=40).map(|n| format!("class L{n}(nn.Module):\n    x = \"{n}\"\n")).collect();
        let whole = serde_json::json!({"path": "mlx_lm/models/arcee.py", "text": text}).to_string();
        let mut screen = Screen::new(size);
        // It comes in pieces that cut escapes and is drawn after each.
        for piece in whole.as_bytes()[..whole.len() - 13].chunks(17) {
            let (id, call) = (Some("w1".to_string()), Some("write_port".to_string()));
            let arguments = String::from_utf8_lossy(piece).into_owned();
            let delta = crate::agent::data::ToolCallDelta { slot: 0, id, name: call, arguments };
            script.stream(1, StreamEvent::ToolCall { delta });
            screen.draw(&script);
        }
        let text = screen.draw(&script);
        assert_eq!(text.matches("I write the port.").count(), 1, "what is streamed stands once: {text}");
        let shown =
            text.lines().map(|line| line.chars().take(80).collect::<String>().trim_end().to_string() + "\n");
        insta::assert_snapshot!(name, shown.collect::<String>());
    }
}

#[test]
fn scrolling_up_stays_while_the_model_goes_on_and_the_end_is_one_key_away() {
    let mut script = Script::ready(SMALL, Provider::Endpoint);
    script.type_text("go");
    script.keys("enter");
    let paragraphs: String = (0..40).map(|n| format!("paragraph {n}\n\n")).collect();
    script.says(1, &paragraphs);
    let mut screen = Screen::new(SMALL);
    assert!(screen.draw(&script).contains("paragraph 39"));
    script.keys("pageup");
    let before = screen.draw(&script);
    assert!(!before.contains("paragraph 39") && before.contains("↓"), "{before}");
    script.says(1, "more\n\nand more");
    let rows = |text: &str| {
        text.lines().filter(|line| line.contains("paragraph")).map(str::to_string).collect::<Vec<_>>()
    };
    assert_eq!(rows(&screen.draw(&script)), rows(&before));
    script.keys("ctrl-end");
    assert!(screen.draw(&script).contains("and more"));
}

#[test]
fn drawing_costs_the_rows_in_view_and_not_the_session() {
    let mut script = Script::ready(SMALL, Provider::Endpoint);
    let message = |n: usize| crate::session::data::Entry::Chat {
        entry: Entry::Message { message: Message::assistant(format!("message {n}")) },
    };
    let earlier = Earlier { entries: (0..5000).map(message).collect(), ..Earlier::default() };
    script.chat(crate::app::pane::chat::Msg::Restored(Box::new(earlier)));
    let mut screen = Screen::new(SMALL);
    assert!(screen.draw(&script).contains("message 4999"));
    assert!(screen.view.chat.kept() <= 24, "{} items were laid out for one screen", screen.view.chat.kept());
    for _ in 0..400 {
        script.keys("pageup");
        screen.draw(&script);
    }
    assert!(screen.view.chat.kept() <= 700, "{} items are kept", screen.view.chat.kept());
}

#[test]
fn every_size_draws() {
    let mut script = with_proposal(SMALL);
    for size in [(40, 10), (41, 11), (60, 12), (110, 30), (160, 20), (20, 5), (300, 100)] {
        script.give(crate::app::Msg::Resize(size.0, size.1));
        Screen::new(size).draw(&script);
    }
}

#[test]
fn what_a_model_says_cannot_reach_the_terminal() {
    let mut script = Script::ready(SMALL, Provider::Endpoint);
    script.type_text("go");
    script.keys("enter");
    script.says(1, "a\x1b[31mb `\x07` \n\n```\n\x1b]0;x\n```\n");
    script.calls(1, "r\x1b", "read_\x1bsource", "{\"path\": \"\\u001b[2J\"}");
    let drawn = Screen::new(SMALL).draw(&script);
    assert!(drawn.contains("a␛[31mb"));
    assert!(!drawn.chars().any(|c| c.is_control() && c != '\n'), "{drawn:?}");
}
