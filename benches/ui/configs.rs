//! The matrix and the ledger with 40 variants of 120 keys and more, drawn at 200×60 into memory: update and frame of each
//! key of a walk through all of them. The configs are those of the local Hub's fixtures.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlxport::app::pane::configs::{Msg, Reads, ledger as ledger_pane, matrix as matrix_pane};
use mlxport::app::update::update;
use mlxport::app::{Msg as AppMsg, PaneId, PaneMsg, State};
use mlxport::hub::data::{Defaults, Json, Keys, Ledger, Member, Rejections};
use mlxport::hub::{self, Account, Sides};
use mlxport::theme::Theme;
use mlxport::ui::{self, ViewCache};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

/// Keys that each config must have; smaller ones are filled up.
const KEYS: usize = 120;

pub fn run() {
    let mut paths = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/hub"), &mut paths);
    paths.sort();
    let mut configs: Vec<_> = paths.iter().filter_map(|path| hub::read(path).ok()).collect();
    configs.truncate(40);
    for (at, config) in configs.iter_mut().enumerate() {
        for key in config.root.len()..KEYS {
            let value = Json::Number((at * key % 7).to_string());
            config.root.push(Member { key: format!("filled_up_key_{key}"), value, line: 0 });
        }
    }
    let began = Instant::now();
    let matrix = Arc::new(hub::matrix(&configs, &Defaults::default()));
    println!(
        "matrix of {} variants × {} keys made in {:.1} ms",
        matrix.variants.len(),
        matrix.rows.len(),
        began.elapsed().as_secs_f64() * 1e3
    );
    let (class, rejected) = (Keys::new(), Rejections::new());
    let account =
        Account { model_type: "bench", matrix: &matrix, class: &class, run: None, rejected: &rejected };
    let ledger: Arc<Ledger> = Arc::new(hub::ledger(Sides::default(), account));
    for size in [(200, 60), (80, 24)] {
        let mut app = State::default();
        let tell = |app: &mut State, msg| drop(update(app, 0, msg));
        tell(&mut app, AppMsg::Resize(size.0, size.1));
        tell(&mut app, AppMsg::Post(PaneMsg::Focus(PaneId::Configs)));
        let loaded = matrix_pane::Msg::Loaded {
            matrix: Arc::clone(&matrix),
            class: Arc::default(),
            problems: Vec::new(),
        };
        tell(&mut app, AppMsg::Post(PaneMsg::Configs(Msg::KeysRead(Reads::default()))));
        tell(&mut app, AppMsg::Post(PaneMsg::Configs(Msg::Matrix(loaded))));
        let loaded = ledger_pane::Msg::Loaded(Arc::clone(&ledger));
        tell(&mut app, AppMsg::Post(PaneMsg::Configs(Msg::Ledger(loaded))));
        tell(&mut app, AppMsg::Key("z".parse().expect("a key")));
        walk_through(
            &mut app,
            &format!("matrix {}x{}", size.0, size.1),
            size,
            &["j", "j", "l", "j", "h", "pagedown", "d"],
        );
        tell(&mut app, AppMsg::Key("2".parse().expect("a key")));
        walk_through(&mut app, &format!("ledger {}x{}", size.0, size.1), size, &["j", "j", "pagedown", "k"]);
    }
}

fn walk_through(app: &mut State, name: &str, size: (u16, u16), keys: &[&str]) {
    let theme = Theme::named("dark").expect("a theme");
    let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).expect("a terminal");
    let mut view = ViewCache::default();
    let (mut frames, mut updates) = (Vec::new(), Vec::new());
    for at in 0..1_000 {
        let key = keys[at % keys.len()].parse().expect("a key");
        let began = Instant::now();
        update(app, at as u64, AppMsg::Key(key));
        updates.push(began.elapsed());
        let began = Instant::now();
        terminal.draw(|frame| ui::draw(frame, app, &mut view, &theme)).expect("drawn");
        frames.push(began.elapsed());
    }
    print(&format!("{name}: update"), &mut updates, "goal with the frame: p50 2, p99 5");
    print(&format!("{name}: frame"), &mut frames, "goal: p50 2, p99 5");
}

pub fn print(name: &str, times: &mut [Duration], goal: &str) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)].as_secs_f64() * 1e3;
    println!("{name}: p50 {:.2}, p99 {:.2} ms ({goal}; n = {})", at(50), at(99), times.len());
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the fixtures").filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.ends_with("config.json") {
            found.push(path);
        }
    }
}
