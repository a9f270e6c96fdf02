use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::app::State;
use crate::app::pane::pr::Msg;
use crate::app::pane::pr::fixture::{bare, press, say, state};
use crate::pr::data::{HandOver, Outcome, Plan};
use crate::theme::Theme;
use crate::ui::ViewCache;

fn screen(state: &State) -> String {
    let (width, height) = state.size;
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    let theme = Theme::named("dark").expect("a theme");
    let mut view = ViewCache::default();
    terminal.draw(|frame| crate::ui::draw(frame, state, &mut view, &theme)).expect("drawn");
    let buffer = terminal.backend().buffer().clone();
    let row = |y: u16| {
        let mut out = String::new();
        let mut x = 0;
        while x < width {
            let symbol = buffer[(x, y)].symbol();
            out.push_str(symbol);
            x += u16::try_from(unicode_width::UnicodeWidthStr::width(symbol)).unwrap_or(1).max(1);
        }
        out.trim_end().to_string()
    };
    (0..height).map(row).collect::<Vec<_>>().join("\n")
}

fn plan() -> Plan {
    Plan {
        branch: "add-arcee".into(),
        commit: "1a2b3c4d5e6f".into(),
        url: "https://github.com/person/mlx-lm".into(),
        commands: vec!["git push fork add-arcee".into()],
    }
}

#[test]
fn an_unread_branch_says_what_the_pane_is_for() {
    insta::assert_snapshot!("empty_80", screen(&bare(80, 24)));
}

#[test]
fn at_80_columns_one_section_is_shown() {
    let mut state = state(80, 24);
    insta::assert_snapshot!("files_80", screen(&state));
    press(&mut state, "\nj");
    insta::assert_snapshot!("diff_80", screen(&state));
    press(&mut state, "l");
    insta::assert_snapshot!("voice_80", screen(&state));
    press(&mut state, "l");
    insta::assert_snapshot!("gates_80", screen(&state));
}

#[test]
fn at_200_columns_everything_stands_side_by_side() {
    let mut state = state(200, 60);
    press(&mut state, "\naj<right>j\nI read every line.\nA model drafted the MLP; I rewrote it.<esc>o\n");
    insta::assert_snapshot!("wide_200", screen(&state));
}

#[test]
fn at_120_columns_the_fields_take_the_diffs_place() {
    let mut state = state(120, 30);
    insta::assert_snapshot!("diff_120", screen(&state));
    press(&mut state, "iAdd arcee");
    insta::assert_snapshot!("voice_120", screen(&state));
}

#[test]
fn a_push_is_confirmed_by_typing_and_ends_in_the_hand_over() {
    let mut state = state(80, 24);
    say(&mut state, Msg::Planned(plan()));
    press(&mut state, "add-ar");
    insta::assert_snapshot!("push_80", screen(&state));
    say(&mut state, Msg::Pushed(HandOver { plan: plan(), outcome: Outcome::Pushed }));
    insta::assert_snapshot!("hand_over_80", screen(&state));
}

#[test]
fn hostile_text_and_tiny_screens_draw() {
    let mut hostile = crate::app::pane::pr::fixture::loaded();
    for row in hostile.snapshot.files[0].hunks.iter_mut().flat_map(|hunk| &mut hunk.rows) {
        row.text = format!("\u{1b}[31m\u{202e}{}日本語\t\r", row.text);
    }
    hostile.snapshot.files[0].path = "\u{1b}]0;x\u{7}/".repeat(40);
    for (width, height) in [(40, 10), (41, 11), (60, 12), (80, 24), (110, 10), (140, 10), (200, 60)] {
        let mut state = bare(width, height);
        say(&mut state, Msg::Loaded(Box::new(hostile.clone())));
        for keys in ["", "\n", "G", "l", "\nword<esc>", "G\n", "<esc>", "l", "G\n", "<esc>"] {
            press(&mut state, keys);
            let text = screen(&state);
            assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{width}×{height} after {keys:?}");
        }
        say(&mut state, Msg::Planned(plan()));
        screen(&state);
        say(&mut state, Msg::Pushed(HandOver { plan: plan(), outcome: Outcome::Yours }));
        screen(&state);
    }
}
