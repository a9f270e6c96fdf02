//! The pane's cells on the whole screen, at the two sizes of ux.md.

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::app::key::{Code, Key};
use crate::app::layout::Zoom;
use crate::app::pane::harness::Msg;
use crate::app::update::update;
use crate::app::{Msg as AppMsg, PaneId, PaneMsg, State};
use crate::harness::data::{CheckRecord, Event, RunResult};
use crate::theme::Theme;
use crate::ui::{ViewCache, draw};

const RUN: &str = include_str!("../../../../tests/fixtures/harness/run.json");

fn screen(app: &State) -> String {
    let mut terminal = Terminal::new(TestBackend::new(app.size.0, app.size.1)).expect("a test terminal");
    let theme = Theme::named("mono").expect("a theme");
    let mut view = ViewCache::default();
    terminal.draw(|frame| draw(frame, app, &mut view, &theme)).expect("a frame");
    let area = app.layout.as_ref().and_then(|layout| layout.inner(PaneId::Harness)).unwrap_or_default();
    let buffer = terminal.backend().buffer();
    let row = |y: u16| {
        (area.x..area.x + area.width)
            .filter_map(|x| buffer.cell((x, y)))
            .map(|cell| cell.symbol())
            .collect::<String>()
    };
    (area.y..area.y + area.height).map(|y| row(y).trim_end().to_string()).collect::<Vec<_>>().join("\n")
}

fn bench(width: u16, height: u16) -> State {
    let mut app = State { focus: PaneId::Harness, ..State::default() };
    app.facts.model_type = Some("arcee".into());
    update(&mut app, 0, AppMsg::Resize(width, height));
    post(&mut app, 0, Msg::WorkspaceReady);
    app
}

fn post(app: &mut State, now: u64, msg: Msg) {
    update(app, now, AppMsg::Post(PaneMsg::Harness(msg)));
}

/// A save at 1.00 s whose verdict comes at 1.12 s: the first draft of the demo, whose MLP has the wrong activation.
fn failed(app: &mut State) {
    let result: RunResult = serde_json::from_str(RUN).expect("a stored run");
    post(app, 1_000, Msg::PortSaved { at: 1_000 });
    started(app, &result);
    post(app, 1_120, Msg::Event(Box::new(Event::Finished { result: Box::new(result), seconds: 0.11 })));
}

fn started(app: &mut State, result: &RunResult) {
    let event = Event::Started {
        run_id: result.run_id.clone(),
        model_type: result.model_type.clone(),
        checks: crate::harness::data::plan::quick(),
        port_sha256: Some("ab12".into()),
    };
    post(app, 1_010, Msg::Event(Box::new(event)));
}

#[test]
fn an_empty_pane_says_what_it_is_for() {
    insta::assert_snapshot!("empty_80", screen(&bench(80, 24)));
}

#[test]
fn a_failed_run_at_80_columns() {
    let mut app = bench(80, 24);
    failed(&mut app);
    insta::assert_snapshot!("failed_80", screen(&app));
}

#[test]
fn a_failed_run_at_200_columns() {
    let mut app = bench(200, 60);
    failed(&mut app);
    insta::assert_snapshot!("failed_200", screen(&app));
}

#[test]
fn a_failed_run_zoomed_at_200_columns() {
    let mut app = bench(200, 60);
    failed(&mut app);
    app.choice.zoom = Zoom::On;
    app.relayout();
    insta::assert_snapshot!("zoomed_200", screen(&app));
}

#[test]
fn a_run_under_way_shows_what_is_done_and_what_is_not() {
    let mut app = bench(80, 24);
    let result: RunResult = serde_json::from_str(RUN).expect("a stored run");
    post(&mut app, 1_000, Msg::PortSaved { at: 1_000 });
    started(&mut app, &result);
    let check = Box::new(CheckRecord::clone(&result.checks[0]));
    post(&mut app, 1_060, Msg::Event(Box::new(Event::Check { check })));
    update(&mut app, 1_510, AppMsg::Tick);
    insta::assert_snapshot!("running_80", screen(&app));
}

#[test]
fn evidence_names_figures_places_and_the_run() {
    let mut app = bench(80, 24);
    failed(&mut app);
    update(&mut app, 1_200, AppMsg::Key(Key::plain(Code::Enter)));
    insta::assert_snapshot!("evidence_80", screen(&app));
}

#[test]
fn the_log_shows_its_end() {
    let mut app = bench(80, 24);
    failed(&mut app);
    update(&mut app, 1_200, AppMsg::Key(Key::char('l')));
    insta::assert_snapshot!("log_80", screen(&app));
}

#[test]
fn a_variant_that_the_last_run_left_out_stays_with_its_run() {
    for (width, height, name) in [(80, 24, "aside_80"), (200, 60, "aside_200")] {
        let mut app = bench(width, height);
        let mut result: RunResult = serde_json::from_str(RUN).expect("a stored run");
        result.checks.iter_mut().for_each(|check| check.variant = Some("AFM-4.5B".into()));
        result.variant = "AFM-4.5B, Base".into();
        started(&mut app, &result);
        let event = Event::Finished { result: Box::new(result), seconds: 0.11 };
        post(&mut app, 900, Msg::Event(Box::new(event)));
        let mut result: RunResult = serde_json::from_str(RUN).expect("a stored run");
        result.run_id = "20261124T000000-later1".into();
        for check in &mut result.checks {
            check.verdict = crate::harness::data::CheckVerdict::Pass;
            check.first_divergence = None;
        }
        started(&mut app, &result);
        let event = Event::Finished { result: Box::new(result), seconds: 0.11 };
        post(&mut app, 1_120, Msg::Event(Box::new(event)));
        insta::assert_snapshot!(name, screen(&app));
    }
}

#[test]
fn nothing_breaks_at_any_size() {
    for width in 38..90 {
        for height in [9, 10, 12, 24] {
            let mut app = bench(width, height);
            failed(&mut app);
            for key in [Key::char('j'), Key::plain(Code::Enter), Key::char('l'), Key::plain(Code::PageUp)] {
                screen(&app);
                update(&mut app, 2_000, AppMsg::Key(key));
            }
            screen(&app);
        }
    }
}

#[test]
fn a_comparison_says_what_is_worse_beyond_noise() {
    let mut app = bench(80, 24);
    failed(&mut app);
    update(&mut app, 1_200, AppMsg::Key(Key::char('p')));
    let mut result: RunResult = serde_json::from_str(RUN).expect("a stored run");
    result.run_id = "20261124T000000-later".into();
    for check in &mut result.checks {
        check.figure = Some(crate::harness::data::Figure::Number(1e-7));
        check.verdict = crate::harness::data::CheckVerdict::Pass;
    }
    post(&mut app, 2_000, Msg::Event(Box::new(Event::Finished { result: Box::new(result), seconds: 0.1 })));
    update(&mut app, 2_200, AppMsg::Key(Key::char('c')));
    insta::assert_snapshot!("compare_80", screen(&app));
}
