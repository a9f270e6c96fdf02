//! The pane as it looks and as keys drive it, small and large.

use std::path::PathBuf;
use std::sync::Arc;

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::app::effect::Job;
use crate::app::facts::WorkspaceFacts;
use crate::app::pane::source::{Half, Job as SourceJob, Msg};
use crate::app::{Effect, Msg as AppMsg, PaneId, PaneMsg, State, update::update};
use crate::session::data::Live;
use crate::source::data::{LoadedSource, Near};
use crate::source::parse;
use crate::theme::Theme;
use crate::ui::{self, ViewCache};
use crate::util::blame::{Blame, Report};

const SMALL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (200, 60);

const MODELING: &str = include_str!("fixtures/modeling_arcee.py");
const MODULAR: &str = include_str!("fixtures/modular_arcee.py");
const PORT: &str = include_str!("fixtures/arcee.py");

/// The program driven by keys and messages.
struct Script {
    app: State,
    effects: Vec<Effect>,
    now: u64,
}

impl Script {
    fn empty(size: (u16, u16)) -> Self {
        let mut app = State::default();
        app.choice.left = 20;
        let mut script = Self { app, effects: Vec::new(), now: 0 };
        script.send(AppMsg::Resize(size.0, size.1));
        script.send(AppMsg::Post(PaneMsg::Focus(PaneId::Source)));
        script
    }

    fn ready(size: (u16, u16)) -> Self {
        let mut script = Self::empty(size);
        script.app.facts.workspace = Some(WorkspaceFacts {
            checkout: "/w/mlx-lm".into(),
            port: Some("/w/mlx-lm/mlx_lm/models/arcee.py".into()),
            references: vec!["/t/arcee/modeling_arcee.py".into(), "/t/arcee/modular_arcee.py".into()],
            ..WorkspaceFacts::default()
        });
        script.tell(Msg::WorkspaceReady);
        script
    }

    /// Both files and the nearest ports are there.
    fn full(size: (u16, u16)) -> Self {
        let mut script = Self::ready(size);
        script.load("/t/arcee/modeling_arcee.py", MODELING);
        script.load("/t/arcee/modular_arcee.py", MODULAR);
        script.load("/w/mlx-lm/mlx_lm/models/arcee.py", PORT);
        let near = |name: &str, score, reason: &str| Near {
            name: name.into(),
            path: format!("/w/mlx-lm/mlx_lm/models/{name}.py").into(),
            score,
            reasons: vec![reason.into()],
        };
        script.tell(Msg::Near(vec![
            near("nemotron", 0.91, "modular parent of ArceeMLP"),
            near("llama", 0.83, "the MLP: also gate_proj"),
        ]));
        script
    }

    fn send(&mut self, msg: AppMsg) {
        self.now += 10;
        self.effects.extend(update(&mut self.app, self.now, msg));
    }

    fn tell(&mut self, msg: Msg) {
        self.send(AppMsg::Post(PaneMsg::Source(msg)));
    }

    fn load(&mut self, path: &str, text: &str) {
        let source = LoadedSource { doc: Arc::new(parse(path, text)), digest: text.len().to_string() };
        self.tell(Msg::Loaded { path: path.into(), source });
    }

    /// Presses keys, written as in config.toml.
    fn keys(&mut self, keys: &str) {
        for key in keys.split(' ') {
            self.send(AppMsg::Key(key.parse().expect("a key")));
        }
    }

    fn diverge(&mut self, module: &str) {
        self.tell(Msg::GoTo { module: module.into(), reference: None, port: None });
    }

    fn lines(&self) -> (u32, u32) {
        (self.app.panes.source.reference.cursor, self.app.panes.source.port.cursor)
    }

    fn jobs(&mut self) -> Vec<SourceJob> {
        let effects = std::mem::take(&mut self.effects).into_iter();
        effects
            .filter_map(|effect| match effect {
                Effect::Start(_, Job::Source(job)) => Some(job),
                _ => None,
            })
            .collect()
    }

    /// The pane's own cells.
    fn shown(&self) -> String {
        let (width, height) = self.app.size;
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a test terminal");
        let theme = Theme::named("dark").expect("a theme");
        terminal.draw(|frame| ui::draw(frame, &self.app, &mut ViewCache::default(), &theme)).expect("drawn");
        let area = self.app.layout.as_ref().and_then(|layout| layout.of(PaneId::Source)).expect("shown");
        let buffer = terminal.backend().buffer();
        let row = |y| (area.x..area.x + area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        (area.y..area.y + area.height).map(|y| row(y).trim_end().to_string() + "\n").collect()
    }
}

#[test]
fn an_empty_pane_says_what_fills_it() {
    insta::assert_snapshot!("empty_80x24", Script::empty(SMALL).shown());
}

#[test]
fn a_port_that_is_not_there_yet_is_no_error() {
    let mut script = Script::ready(LARGE);
    script.load("/t/arcee/modeling_arcee.py", MODELING);
    let report = Report::new(Blame::User, "cannot read arcee.py");
    script.tell(Msg::Missing { path: "/w/mlx-lm/mlx_lm/models/arcee.py".into(), report });
    insta::assert_snapshot!("no_port_200x60", script.shown());
}

#[test]
fn the_workspace_starts_the_watch_and_the_ranking() {
    let mut script = Script::ready(SMALL);
    let jobs = script.jobs();
    let [SourceJob::Watch { paths }, SourceJob::Nearest { references, models }] = &jobs[..] else {
        panic!("{jobs:?}");
    };
    assert_eq!(paths.len(), 3);
    assert_eq!(references.len(), 2);
    assert_eq!(models, &PathBuf::from("/w/mlx-lm/mlx_lm/models"));
}

#[test]
fn a_divergence_moves_both_sides_and_marks_the_lines() {
    for (name, size) in [("divergence_80x24", SMALL), ("divergence_200x60", LARGE)] {
        let mut script = Script::full(size);
        script.diverge("model.layers.0.mlp");
        assert_eq!(script.lines(), (10, 22));
        insta::assert_snapshot!(name, script.shown());
    }
}

#[test]
fn the_harness_own_file_and_line_count_more_than_the_path() {
    let mut script = Script::full(LARGE);
    script.tell(Msg::GoTo {
        module: "model.layers.0.mlp".into(),
        reference: Some("modeling_arcee.py:7".into()),
        port: Some("other.py:3".into()),
    });
    assert_eq!(script.lines(), (7, 22));
    script.diverge("model.nothing");
    assert_eq!(
        script.app.panes.source.note.as_deref(),
        Some("first divergence: model.nothing; found in neither file")
    );
    script.tell(Msg::NoDivergence);
    assert_eq!(script.app.panes.source.divergence, None);
}

#[test]
fn a_check_that_ends_marks_without_moving() {
    let mut script = Script::full(SMALL);
    let module = "model.layers.0.mlp".to_string();
    script.tell(Msg::Diverges { module, reference: None, port: None });
    assert_eq!(script.lines(), (1, 16));
    assert!(script.shown().contains("▶ 10     def forward(self, x):"));
    script.keys("d");
    assert_eq!(script.lines(), (10, 22));
}

#[test]
fn a_divergence_that_comes_before_the_files_is_kept() {
    let mut script = Script::ready(LARGE);
    script.diverge("model.layers.0.mlp");
    script.load("/t/arcee/modeling_arcee.py", MODELING);
    script.load("/w/mlx-lm/mlx_lm/models/arcee.py", PORT);
    script.keys("d");
    assert_eq!(script.lines(), (10, 22));
}

#[test]
fn the_other_side_follows_the_pair_until_told_not_to() {
    let mut script = Script::full(LARGE);
    script.keys("s M L P . f o r enter");
    assert_eq!(script.lines(), (10, 22));
    script.keys("j");
    assert_eq!(script.lines(), (11, 23));
    script.keys("f k k k k");
    assert_eq!(script.lines(), (7, 23));
    script.keys("p");
    assert_eq!(script.app.panes.source.active, Half::Port);
    assert_eq!(script.lines(), (7, 20));
    script.keys("ctrl-o");
    assert_eq!((script.app.panes.source.active, script.lines().0), (Half::Reference, 7));
}

#[test]
fn outline_jump_and_files_are_lists() {
    for (name, keys) in [("outline", "o"), ("jump", "s a t t n"), ("files", "b")] {
        for (end, size) in [("80x24", SMALL), ("200x60", LARGE)] {
            let mut script = Script::full(size);
            script.keys(keys);
            insta::assert_snapshot!(format!("{name}_{end}"), script.shown());
        }
    }
    let mut script = Script::full(SMALL);
    script.keys("o m l p down enter");
    assert_eq!(script.lines().0, 4);
    script.keys("s z z z enter");
    assert_eq!(script.lines().0, 4);
    script.keys("s esc j");
    assert_eq!(script.lines().0, 5);
}

#[test]
fn a_nearest_port_opens_on_the_left_when_it_is_read() {
    let mut script = Script::full(LARGE);
    script.jobs();
    script.keys("b n e m o enter");
    let [SourceJob::Load { path }] = &script.jobs()[..] else { panic!("one load") };
    assert_eq!(path, &PathBuf::from("/w/mlx-lm/mlx_lm/models/nemotron.py"));
    script.load("/w/mlx-lm/mlx_lm/models/nemotron.py", PORT);
    assert_eq!(
        script.app.panes.source.reference.doc.as_ref().map(|doc| doc.name()),
        Some("nemotron.py".into())
    );
    script.keys("ctrl-o");
    assert_eq!(
        script.app.panes.source.reference.doc.as_ref().map(|doc| doc.name()),
        Some("modeling_arcee.py".into())
    );
}

#[test]
fn a_modular_class_shows_what_it_inherits_and_leads_there() {
    let mut script = Script::full(LARGE);
    let base = crate::source::data::Inherited {
        class: "ArceeMLP".into(),
        line: 4,
        base: "NemotronMLP".into(),
        model: "nemotron".into(),
        file: "/t/nemotron/modeling_nemotron.py".into(),
        base_line: 9,
        children: vec!["up_proj".into(), "down_proj".into()],
        overrides: Vec::new(),
        empty: true,
    };
    script.tell(Msg::Inherited { path: "/t/arcee/modular_arcee.py".into(), classes: vec![base] });
    script.keys("b m o d u l a r enter");
    assert!(script.shown().contains("class ArceeMLP(NemotronMLP):  ↳ nemotron:9 up_proj, down_proj"));
    script.jobs();
    script.keys("enter");
    let [SourceJob::Load { path }] = &script.jobs()[..] else { panic!("one load") };
    assert_eq!(path, &PathBuf::from("/t/nemotron/modeling_nemotron.py"));
}

#[test]
fn search_goes_while_typing_round_the_end_and_back_on_escape() {
    let mut script = Script::full(SMALL);
    script.keys("/ P r o j");
    assert_eq!(script.lines().0, 1);
    script.keys("esc / p r o j");
    insta::assert_snapshot!("search_80x24", script.shown());
    script.keys("enter n");
    assert_eq!(script.lines().0, 7);
    script.keys("N N");
    assert_eq!(script.lines().0, 22);
    script.keys("/ c l a s s");
    assert_eq!(script.lines().0, 28);
    script.keys("esc");
    assert_eq!(script.lines().0, 22);
}

#[test]
fn a_config_key_is_shown_where_it_is_read() {
    let mut script = Script::full(LARGE);
    script.tell(Msg::FindKey { key: "hidden_act".into() });
    assert_eq!(script.lines(), (8, 5));
    let note = script.app.panes.source.note.clone();
    assert_eq!(
        note.as_deref(),
        Some("hidden_act: 1 × in modeling_arcee.py, 1 × in arcee.py. n goes to the next")
    );
}

#[test]
fn a_changed_port_is_checked_once_and_its_marks_move_with_it() {
    let mut script = Script::full(LARGE);
    script.diverge("model.layers.0.mlp");
    script.load("/w/mlx-lm/mlx_lm/models/arcee.py", &format!("\n\n{PORT}"));
    let spot = script.app.panes.source.divergence.as_ref().and_then(|found| found.port.clone());
    assert_eq!(spot.map(|spot| spot.line), Some(24));
    // The cursor stays in its function, and the mark with it.
    assert_eq!(script.lines(), (10, 24));
}

#[test]
fn scrolling_keeps_the_cursor_in_view_and_inside_the_file() {
    let mut script = Script::full(SMALL);
    script.keys("G");
    let last = script.app.panes.source.reference.doc.as_ref().map_or(0, |doc| doc.line_count());
    assert_eq!(script.lines().0, last);
    script.keys("j pagedown pageup ctrl-u ctrl-d g k");
    assert_eq!(script.lines().0, 1);
    assert!(script.shown().contains("  1›class ArceeMLP"));
}

#[test]
fn only_the_port_is_opened_in_the_editor() {
    let mut script = Script::full(SMALL);
    script.keys("e l e");
    let opened: Vec<_> =
        script.effects.iter().filter(|effect| matches!(effect, Effect::Edit { .. })).collect();
    let [Effect::Edit { path, line: 16 }] = &opened[..] else { panic!("{opened:?}") };
    assert!(path.ends_with("arcee.py"));
}

/// The program as it comes back after kill -9: the workspace is there again, files are not read yet.
fn resumed(script: &Script) -> Script {
    let mut again = Script::empty(LARGE);
    let panes = script.app.save().into_iter().collect();
    again.send(AppMsg::Restore(Box::new(Live { panes, ..Live::default() })));
    assert_eq!(again.app.save()["source"], script.app.save()["source"], "before the workspace is there");
    again.app.facts.workspace.clone_from(&script.app.facts.workspace);
    again.tell(Msg::WorkspaceReady);
    assert_eq!(again.app.save()["source"], script.app.save()["source"], "before the files are read");
    again
}

fn read_again(again: &mut Script) {
    again.load("/t/arcee/modeling_arcee.py", MODELING);
    again.load("/t/arcee/modular_arcee.py", MODULAR);
    again.load("/w/mlx-lm/mlx_lm/models/arcee.py", PORT);
}

#[test]
fn open_file_places_search_and_divergence_come_back() {
    let scenes = [
        "j j j",
        // The other half alone moves.
        "f l G",
        // A search being typed, and one that was accepted.
        "/ c l a s s",
        "/ c l a s s enter n",
        // The modular file by the list, then the list again with a word in it.
        "b down enter",
        "o M",
        "g",
    ];
    for keys in scenes {
        let mut script = Script::full(LARGE);
        let (reference, port) = (Some("modeling_arcee.py:5".into()), None);
        script.tell(Msg::GoTo { module: "model.layers.0.mlp".into(), reference, port });
        script.keys(keys);
        let kept = script.app.save()["source"].clone();
        let mut again = resumed(&script);
        read_again(&mut again);
        assert_eq!(again.app.save()["source"], kept, "{keys}");
        let (pane, before) = (&again.app.panes.source, &script.app.panes.source);
        assert_eq!(pane.divergence, before.divergence, "{keys}: marked again");
        assert_eq!(pane.reference.search.hits, before.reference.search.hits, "{keys}");
        assert_eq!(pane.list, before.list, "{keys}");
    }
}

#[test]
fn a_file_beside_the_references_is_read_again_or_gives_way() {
    let mut script = Script::full(LARGE);
    let other = std::path::PathBuf::from("/w/mlx-lm/mlx_lm/models/llama.py");
    script.tell(Msg::Open { path: other.clone(), line: 1 });
    script.load("/w/mlx-lm/mlx_lm/models/llama.py", PORT);
    script.keys("j j");
    let mut again = resumed(&script);
    let asked = |effect: &Effect| matches!(effect, Effect::Start(_, Job::Source(SourceJob::Load { path })) if *path == other);
    assert!(again.effects.iter().any(asked));
    read_again(&mut again);
    let report = Report::new(Blame::Environment, "gone");
    again.tell(Msg::Missing { path: other, report });
    assert_eq!(again.app.panes.source.reference.path, Some("/t/arcee/modeling_arcee.py".into()));
    assert!(again.app.panes.source.reference.doc.is_some());
}

#[test]
fn the_gutter_says_who_wrote_each_line_with_a_legend() {
    use crate::agent::data::provenance::Applied;
    for (size, name) in [(SMALL, "writers_80x24"), (LARGE, "writers_200x60")] {
        let mut script = Script::ready(size);
        let path = "mlx_lm/models/arcee.py";
        let lines = PORT.split_inclusive('\n').count();
        let copied: Vec<bool> = (0..lines).map(|line| (5..13).contains(&line)).collect();
        let ledger = &mut script.app.facts.provenance;
        ledger.edited(&Applied { path, before: "", proposed: PORT, written: PORT });
        ledger.copied(path, PORT, &copied, "llama.py");
        // The person saves: one line changed, one added. The source pane tells the chat, which keeps the ledger.
        let mine = PORT.replace("    hidden_size: int\n", "    hidden_size: int = 1\n    mine: int = 2\n");
        assert_ne!(mine, PORT);
        script.load("/w/mlx-lm/mlx_lm/models/arcee.py", &mine);
        script.keys("l w g");
        insta::assert_snapshot!(name, script.shown());
        script.keys("w");
        assert!(!script.shown().contains("changed by you"));
    }
}
