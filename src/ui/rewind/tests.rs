//! The layer as it looks, small and large.

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::app::pane::chat::tests::Script;
use crate::app::rewind::Msg;
use crate::app::rewind::tests::{preview, rows, say, script};
use crate::theme::Theme;
use crate::ui::{self, ViewCache};

fn shown(script: &Script, size: (u16, u16)) -> String {
    let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).expect("a test terminal");
    let theme = Theme::named("dark").expect("a theme");
    let mut view = ViewCache::default();
    terminal.draw(|frame| ui::draw(frame, &script.app, &mut view, &theme)).expect("drawn");
    let text = terminal.backend().to_string();
    text.lines().map(|line| line.trim_matches('"').trim_end()).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_list_and_what_one_row_would_change() {
    for (size, name) in [((80, 24), "80x24"), ((200, 60), "200x60")] {
        let mut script = script(size);
        script.keys("f6");
        say(&mut script, Msg::Rows(rows()));
        script.keys("down");
        insta::assert_snapshot!(format!("list_{name}"), shown(&script, size));
        script.keys("enter");
        say(&mut script, Msg::Preview(Box::new(preview())));
        insta::assert_snapshot!(format!("preview_{name}"), shown(&script, size));
    }
}

#[test]
fn nothing_to_go_back_to() {
    let mut script = script((80, 24));
    script.keys("f6");
    say(&mut script, Msg::Rows(Vec::new()));
    insta::assert_snapshot!("nothing_80x24", shown(&script, (80, 24)));
}
