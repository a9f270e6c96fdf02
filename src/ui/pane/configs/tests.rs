//! The matrix as it looks and as keys drive it, small and large.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::app::effect::Job;
use crate::app::pane::configs::ledger::{Act, Msg as LedgerMsg};
use crate::app::pane::configs::matrix::{Job as MatrixJob, Msg as MatrixMsg};
use crate::app::pane::configs::{Job as ConfigsJob, Msg, Readers, Reads};
use crate::app::{Effect, Msg as AppMsg, PaneId, PaneMsg, State, update::update};
use crate::harness::data::StoredRun;
use crate::hub::data::{Alarm, Config, Json, Keys, Ledger, Matrix, Rejection, Rejections};
use crate::hub::{Account, Sides, from_source, ledger, literals, matrix, parse};
use crate::session::data::Live;
use crate::source::parse as parse_source;
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
        script.tell(Msg::Matrix(MatrixMsg::Loaded {
            matrix: Arc::new(variants()),
            class: Arc::default(),
            problems: Vec::new(),
        }));
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
    let keys = Keys::from([("head_dim".to_string(), Json::Number("128".into()))]);
    matrix(&configs, &from_source(keys, configs.len()))
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
    script.keys("w");
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
    script.keys("w g j enter");
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
        Effect::Start(_, Job::Configs(ConfigsJob::Matrix(MatrixJob { paths, .. }))) => Some(paths.clone()),
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
    script.tell(Msg::Matrix(MatrixMsg::Loaded {
        matrix: Arc::new(variants()),
        class: Arc::default(),
        problems: vec![problem],
    }));
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
        again.tell(Msg::Matrix(MatrixMsg::Loaded {
            matrix: Arc::default(),
            class: Arc::default(),
            problems: Vec::new(),
        }));
        assert_eq!(again.app.save()["configs"], kept);
        again.tell(Msg::Matrix(MatrixMsg::Loaded {
            matrix: Arc::new(variants()),
            class: Arc::default(),
            problems: Vec::new(),
        }));
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
        matches!(effect, Effect::Start(_, Job::Configs(ConfigsJob::Matrix(MatrixJob { paths, .. }))) if paths[..] == [PathBuf::from("b/config.json")])
    });
    assert!(read, "{:?}", again.effects);
}

const REFERENCE: &str = "\
class ArceeRotaryEmbedding(nn.Module):
    def __init__(self, config):
        base = config.rope_parameters[\"rope_theta\"]
        kind = self.config.rope_parameters[\"rope_type\"]

class ArceeMLP(nn.Module):
    def __init__(self, config):
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size)
        self.act_fn = ACT2FN[config.hidden_act]
        self.eps = config.rms_norm_eps
        self.drop = config.attention_dropout
";
const PORT: &str = "\
@dataclass
class ModelArgs(BaseModelArgs):
    model_type: str
    hidden_size: int
    intermediate_size: int
    rms_norm_eps: float = 1e-5
    rope_theta: float = 10000

class MLP(nn.Module):
    def __init__(self, args: ModelArgs):
        self.up_proj = nn.Linear(args.hidden_size, args.intermediate_size)
        self.eps = args.rms_norm_eps
        self.rope = nn.RoPE(8, base=args.rope_theta)
";

/// What the check `config` stores, of four keys.
fn run() -> StoredRun {
    let moved = |path: &str, mutation: &str, value: &str, outcome: &str, by: [f64; 3]| {
        serde_json::json!({"path": path, "mutation": mutation, "value": value, "outcome": outcome,
            "reference_moved": by[0], "port_moved": by[1], "error": by[2], "agree": outcome == "same", "text": ""})
    };
    let keys = [
        moved("hidden_act", "value", "\"gelu\"", "ignored", [0.21, 0.0, 0.22]),
        moved("hidden_act", "absent", "absent", "inert", [0.0, 0.0, 1e-6]),
        moved("rms_norm_eps", "value", "0.03", "same", [0.97, 0.97, 1e-6]),
        moved("rms_norm_eps", "absent", "absent", "port_only", [0.0, 0.4, 0.4]),
        moved("rope_theta", "value", "450000.0", "same", [0.58, 0.58, 1e-6]),
    ];
    let spelling = "With the config spelled as transformers 5 writes it the port is wrong.";
    serde_json::from_value(serde_json::json!({
        "asked": "2026-11-23T00:00:00Z", "seconds": 9.0, "port": null,
        "result": {"schema": 1, "run_id": "20261123T000000-a", "model_type": "arcee", "variant": "defaults",
            "verdict": "pass", "environment": {}, "checks": [
                {"id": "exact", "verdict": "pass", "findings":
                    [{"id": "rope_spelling", "text": spelling, "key": "rope_parameters.rope_theta"}]},
                {"id": "config", "verdict": "pass", "keys": keys, "not_tried": {"training only": ["attention_dropout"]}}]}
    }))
    .expect("a run")
}

fn ledger_of(run: Option<&StoredRun>, rejected: &Rejections) -> Ledger {
    let (reference, port) = (parse_source("modeling_arcee.py", REFERENCE), parse_source("arcee.py", PORT));
    let class = [("hidden_act", "\"relu2\""), ("rms_norm_eps", "1e-05"), ("attention_dropout", "0.0")];
    let sides = Sides { reference: &[&reference], port: &[&port] };
    let (matrix, class) = (variants(), literals(class));
    ledger(sides, Account { model_type: "arcee", matrix: &matrix, class: &class, run, rejected })
}

fn in_ledger(size: (u16, u16), rejected: &Rejections) -> Script {
    let mut script = Script::full(size);
    script.tell(Msg::Ledger(LedgerMsg::Loaded(Arc::new(ledger_of(Some(&run()), rejected)))));
    script.keys("2");
    script
}

#[test]
fn the_ledger_small_and_large() {
    insta::assert_snapshot!("ledger_empty_80x24", {
        let mut script = Script::empty(SMALL);
        script.keys("]");
        script.shown()
    });
    insta::assert_snapshot!("ledger_80x24", in_ledger(SMALL, &Rejections::new()).shown());
    insta::assert_snapshot!("ledger_200x60", in_ledger(LARGE, &Rejections::new()).shown());
    let mut evidence = in_ledger(SMALL, &Rejections::new());
    evidence.keys("enter");
    insta::assert_snapshot!("ledger_evidence_80x24", evidence.shown());
}

#[test]
fn what_a_check_saw_counts_for_more_than_what_a_source_seems_to_read() {
    let alarms = |ledger: &Ledger| -> Vec<(String, Alarm)> {
        let ringing = ledger.entries.iter().filter(|entry| entry.rings());
        ringing.filter_map(|entry| Some((entry.path.clone(), entry.alarm?))).collect()
    };
    let read = ledger_of(None, &Rejections::new());
    let own = [
        ("rope_parameters.rope_theta", Alarm::Unread),
        ("rope_parameters.rope_type", Alarm::Unread),
        ("hidden_act", Alarm::Unread),
    ];
    let named =
        |own: &[(&str, Alarm)]| own.iter().map(|(key, alarm)| (key.to_string(), *alarm)).collect::<Vec<_>>();
    assert_eq!(alarms(&read), named(&own));
    let judged = ledger_of(Some(&run()), &Rejections::new());
    let own = [
        ("rope_parameters.rope_theta", Alarm::Spelling),
        ("rope_parameters.rope_type", Alarm::Unread),
        ("hidden_act", Alarm::Ignored),
    ];
    assert_eq!(alarms(&judged), named(&own));
    // The port's own default is told beside the class's, and dropout is no alarm though the port has none.
    let eps = judged.entries.iter().find(|entry| entry.path == "rms_norm_eps").expect("eps");
    assert_eq!((eps.alarm, eps.port_default.as_deref()), (None, Some("1e-5")));
    let dropout = judged.entries.iter().find(|entry| entry.path == "attention_dropout").expect("dropout");
    assert_eq!((dropout.alarm, dropout.untried.as_deref()), (None, Some("training only")));
}

#[test]
fn an_alarm_is_rejected_with_a_reason_and_rings_again_when_that_is_taken_back() {
    let mut script = in_ledger(SMALL, &Rejections::new());
    assert!(script.shown().contains("3 alarms") || script.app.panes.configs.ledger.alarms() == 3);
    script.keys("x enter");
    let acts = |script: &Script| -> Vec<Act> {
        let jobs = script.effects.iter().filter_map(|effect| match effect {
            Effect::Start(_, Job::Configs(ConfigsJob::Ledger(job))) => Some(job.act.clone()),
            _ => None,
        });
        jobs.filter(|act| *act != Act::Show).collect()
    };
    assert_eq!(acts(&script), [], "no reason, no rejection");
    script.keys("x s i l u enter");
    let key = "rope_parameters.rope_theta".to_string();
    assert_eq!(acts(&script), [Act::Reject { key: key.clone(), reason: "silu".into() }]);
    let rejected = Rejections::from([(key.clone(), Rejection { reason: "silu".into(), at: "today".into() })]);
    let mut script = in_ledger(SMALL, &rejected);
    assert_eq!(script.app.panes.configs.ledger.alarms(), 2);
    script.keys("/ t h e t a enter");
    insta::assert_snapshot!("ledger_rejected_80x24", script.shown());
    script.keys("x");
    assert_eq!(acts(&script), [Act::Restore { key }]);
}

#[test]
fn evidence_goes_to_the_line_that_reads_the_key_and_the_check_starts_from_here() {
    let mut script = in_ledger(SMALL, &Rejections::new());
    script.keys("enter enter");
    assert_eq!(script.app.focus, PaneId::Source);
    assert!(
        script
            .app
            .panes
            .source
            .reference
            .path
            .as_ref()
            .is_some_and(|path| path.ends_with("modeling_arcee.py"))
    );
    script.send(AppMsg::Post(PaneMsg::Focus(PaneId::Configs)));
    script.keys("esc d G");
    assert_eq!(script.app.panes.configs.ledger.rows.len(), 3);
    script.app.facts.model_type = Some("arcee".into());
    script.send(AppMsg::Post(PaneMsg::Harness(crate::app::pane::harness::Msg::WorkspaceReady)));
    script.keys("c");
    let asked = script.effects.iter().find_map(|effect| match effect {
        Effect::Start(_, Job::Harness(crate::app::pane::harness::Job::Check { request })) => {
            Some(request.checks.clone())
        }
        _ => None,
    });
    let names: Vec<String> = asked.unwrap_or_default().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["exact", "config"]);
}

#[test]
fn rope_in_one_spelling_stands_beside_the_keys_until_only_those_are_wanted() {
    let mut script = Script::full(LARGE);
    assert!(script.shown().contains("rope≈ theta"));
    script.keys("w");
    assert!(!script.shown().contains("rope≈"));
    script.keys("w /");
    script.keys("n o r m a l enter");
    assert!(script.shown().contains("from rope_parameters.factor"), "{}", script.shown());
}
