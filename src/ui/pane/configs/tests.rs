//! The matrix as it looks and as keys drive it, small and large.

use std::collections::BTreeSet;
use std::path::PathBuf;

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::app::effect::Job;
use crate::app::pane::configs::matrix::{Job as ConfigsJob, Msg as MatrixMsg};
use crate::app::pane::configs::{Msg, Readers, Reads};
use crate::app::{Effect, Msg as AppMsg, PaneId, PaneMsg, State, update::update};
use crate::hub::data::{Config, Defaults, Json, Matrix};
use crate::hub::{matrix, parse};
use crate::session::data::Live;
use crate::theme::Theme;
use crate::ui::{self, ViewCache};
use crate::util::blame::{Blame, Report};

const SMALL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (200, 60);

struct Script {
    app: State,
    effects: Vec<Effect>,
}

impl Script {
    fn empty(size: (u16, u16)) -> Self {
        let mut script = Self { app: State::default(), effects: Vec::new() };
        script.send(AppMsg::Resize(size.0, size.1));
        script.send(AppMsg::Post(PaneMsg::Focus(PaneId::Configs)));
        script
    }

    fn full(size: (u16, u16)) -> Self {
        let mut script = Self::empty(size);
        script.tell(Msg::Matrix(MatrixMsg::Loaded { matrix: variants(), problems: Vec::new() }));
        let keys = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<BTreeSet<_>>();
        script.tell(Msg::KeysRead(Reads {
            reference: keys(&[
                "rope_parameters.rope_theta",
                "rope_parameters.rope_type",
                "hidden_act",
                "hidden_size",
            ]),
            port: keys(&["rope_theta", "hidden_size", "hidden_act", "rope_scaling"]),
        }));
        script
    }

    fn send(&mut self, msg: AppMsg) {
        self.effects.extend(update(&mut self.app, 5_000, msg));
        // Toasts stand over the hints, which are not this pane's.
        self.app.facts.toast = None;
    }

    fn tell(&mut self, msg: Msg) {
        self.send(AppMsg::Post(PaneMsg::Configs(msg)));
    }

    fn keys(&mut self, keys: &str) {
        for key in keys.split(' ') {
            self.send(AppMsg::Key(key.parse().expect("a key")));
        }
    }

    fn key(&self) -> String {
        self.app.panes.configs.matrix.row().map(|row| row.path.clone()).unwrap_or_default()
    }

    fn shown(&self) -> String {
        let (width, height) = self.app.size;
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a test terminal");
        let theme = Theme::named("dark").expect("a theme");
        terminal.draw(|frame| ui::draw(frame, &self.app, &mut ViewCache::default(), &theme)).expect("drawn");
        let area = self.app.layout.as_ref().and_then(|layout| layout.of(PaneId::Configs)).expect("shown");
        let buffer = terminal.backend().buffer();
        let row = |y| (area.x..area.x + area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        (area.y..area.y + area.height).map(|y| row(y).trim_end().to_string() + "\n").collect()
    }
}

fn config(name: &str, text: &str) -> Config {
    let Ok(Json::Object(root)) = parse(text) else { panic!("{name} is a config") };
    Config { name: name.into(), path: name.into(), model_type: Some("arcee".into()), root }
}

fn variants() -> Matrix {
    let layers = ["\"sliding_attention\"", "\"sliding_attention\"", "\"full_attention\""];
    let layers = (0..30).map(|layer| layers[layer % 3]).collect::<Vec<_>>().join(", ");
    let configs = [
        config(
            "AFM-4.5B",
            &format!(
                r#"{{"rope_parameters": {{"rope_theta": 1e6, "rope_type": "yarn", "factor": 16.0}}, "hidden_act": "relu2",
                "hidden_size": 2560, "layer_types": [{layers}], "head_dim": null, "rms_norm_eps": 1e-5}}"#
            ),
        ),
        config(
            "AFM-4.5B-Base",
            r#"{"rope_parameters": {"rope_theta": 1e6, "rope_type": "yarn", "factor": 16.0}, "hidden_act": "relu2",
            "hidden_size": 2560, "rms_norm_eps": 1e-5}"#,
        ),
        config(
            "AFM-4.5B-Preview",
            r#"{"rope_parameters": {"rope_theta": 10000.0}, "hidden_act": "relu2", "hidden_size": 2560, "rms_norm_eps": 1e-6}"#,
        ),
    ];
    let defaults = Defaults::from([("head_dim".to_string(), Json::Number("128".into()))]);
    matrix(&configs, &defaults)
}

#[test]
fn an_empty_pane_says_what_fills_it() {
    insta::assert_snapshot!("empty_80x24", Script::empty(SMALL).shown());
}

#[test]
fn the_matrix_small_and_large() {
    insta::assert_snapshot!("matrix_80x24", Script::full(SMALL).shown());
    insta::assert_snapshot!("matrix_200x60", Script::full(LARGE).shown());
    let mut narrow = Script::full((40, 10));
    narrow.keys("l");
    insta::assert_snapshot!("matrix_40x10", narrow.shown());
}

#[test]
fn what_the_reference_reads_and_the_port_does_not_is_an_alarm() {
    let script = Script::full(SMALL);
    let readers = |path| script.app.panes.configs.matrix.readers(path);
    // The old spelling in the port does not read the new one.
    assert_eq!(readers("rope_parameters.rope_theta"), Readers::ReferenceOnly);
    assert_eq!(readers("rope_theta"), Readers::Both);
    // transformers reads the old block into the new one.
    assert_eq!(readers("rope_scaling.factor"), Readers::Both);
    assert_eq!(readers("text_config.hidden_size"), Readers::Both);
    assert_eq!(readers("vocab_size"), Readers::Nobody);
    assert_eq!(Script::empty(SMALL).app.panes.configs.matrix.readers("hidden_size"), Readers::Unknown);
}

#[test]
fn keys_move_filter_and_search() {
    let mut script = Script::full(SMALL);
    assert_eq!(script.key(), "layer_types");
    script.keys("j j");
    assert_eq!(script.key(), "rope_parameters.factor");
    script.keys("d");
    assert_eq!(
        (script.key().as_str(), script.app.panes.configs.matrix.rows.len()),
        ("rope_parameters.factor", 6)
    );
    script.keys("d G");
    assert_eq!(script.key(), "hidden_size");
    script.keys("/ r o p e enter");
    assert_eq!(script.key(), "rope_parameters.factor");
    script.keys("n n n");
    assert_eq!(script.key(), "rope_parameters.factor");
    script.keys("N");
    assert_eq!(script.key(), "rope_parameters.rope_type");
    script.keys("l l l l");
    assert_eq!(script.app.panes.configs.matrix.column, 2);
    assert!(script.shown().contains("AFM-4.5B-Preview"));
}

#[test]
fn enter_shows_the_readers_in_the_source_pane() {
    let mut script = Script::full(SMALL);
    script.keys("j enter");
    assert_eq!(script.app.focus, PaneId::Source);
    assert!(script.app.panes.source.note.as_deref().is_some_and(|note| note.starts_with("rms_norm_eps: ")));
}

#[test]
fn a_typed_path_is_added_and_read() {
    let mut script = Script::empty(SMALL);
    script.keys("a / m / d / x");
    insta::assert_snapshot!("path_80x24", script.shown());
    script.keys("enter");
    let started = script.effects.iter().find_map(|effect| match effect {
        Effect::Start(_, Job::Configs(ConfigsJob::Load { paths, .. })) => Some(paths.clone()),
        _ => None,
    });
    assert_eq!(started, Some(vec![PathBuf::from("/m/d/x")]));
    script.keys("a esc");
    assert_eq!(script.app.facts.configs.len(), 1);
}

#[test]
fn a_bad_file_is_told_beside_the_good_ones() {
    let mut script = Script::full(SMALL);
    let problem =
        Report::new(Blame::User, "/m/config.json, line 3, column 1: a comma before the closing brace");
    script.tell(Msg::Matrix(MatrixMsg::Loaded { matrix: variants(), problems: vec![problem] }));
    insta::assert_snapshot!("problem_80x24", script.shown());
}

/// The program as it comes back after kill -9.
fn resumed(script: &Script, named: &[&str]) -> Script {
    let mut again = Script::empty(SMALL);
    again.app.facts.configs = named.iter().map(PathBuf::from).collect();
    let panes = script.app.save().into_iter().collect();
    again.send(AppMsg::Restore(Box::new(Live { panes, ..Live::default() })));
    again
}

#[test]
fn cursor_filter_search_and_a_half_typed_path_come_back() {
    for last in ["", "a x", "/ r o"] {
        let mut script = Script::full(SMALL);
        script.app.facts.configs = vec!["a/config.json".into()];
        script.keys("d j j l / r o p enter");
        let key = script.key();
        if !last.is_empty() {
            script.keys(last);
        }
        let kept = script.app.save()["configs"].clone();
        let mut again = resumed(&script, &[]);
        assert_eq!(again.app.save()["configs"], kept, "nothing is lost before the files are read");
        // Without the reference's defaults there is little to show yet.
        again.tell(Msg::Matrix(MatrixMsg::Loaded { matrix: Matrix::default(), problems: Vec::new() }));
        assert_eq!(again.app.save()["configs"], kept);
        again.tell(Msg::Matrix(MatrixMsg::Loaded { matrix: variants(), problems: Vec::new() }));
        assert_eq!((again.key(), &again.app.save()["configs"]), (script.key(), &kept), "{last:?}");
        assert!(last == "/ r o" || again.key() == key);
        assert_eq!(again.app.facts.configs, [PathBuf::from("a/config.json")]);
    }
}

#[test]
fn configs_named_on_the_command_line_win_over_those_of_the_last_run() {
    let mut script = Script::full(SMALL);
    script.app.facts.configs = vec!["a/config.json".into()];
    let again = resumed(&script, &["b/config.json"]);
    assert_eq!(again.app.facts.configs, [PathBuf::from("b/config.json")]);
    let read = again.effects.iter().any(|effect| {
        matches!(effect, Effect::Start(_, Job::Configs(ConfigsJob::Load { paths, .. })) if paths[..] == [PathBuf::from("b/config.json")])
    });
    assert!(read, "{:?}", again.effects);
}
