//! Discovery as it looks and as keys drive it, small and large.

use std::path::PathBuf;

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::app::effect::Job;
use crate::app::pane::configs::Job as ConfigsJob;
use crate::app::pane::configs::discover::{Job as DiscoverJob, Mark, Msg, Taken};
use crate::app::pane::configs::{Layer, Msg as PaneMessage};
use crate::app::{Effect, Msg as AppMsg, PaneId, PaneMsg, State, update::update};
use crate::hub::data::discover::{About, Finding, Fit, Found, Note, Progress, Seen, Wanted, Weight};
use crate::hub::data::{Gate, RepoId, RepoInfo, Wait};
use crate::hub::discover::{Entry, arrange};
use crate::session::data::Live;
use crate::theme::Theme;
use crate::ui::{self, ViewCache};
use crate::util::blame::{Blame, Report};

const SMALL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (200, 60);

struct Script {
    app: State,
    effects: Vec<Effect>,
    now: u64,
}

impl Script {
    fn new(size: (u16, u16)) -> Self {
        let mut script = Self { app: State::default(), effects: Vec::new(), now: 5_000 };
        script.app.facts.model_type = Some("harbor".into());
        script.send(AppMsg::Resize(size.0, size.1));
        script.send(AppMsg::Post(PaneMsg::Focus(PaneId::Configs)));
        script
    }

    fn found(size: (u16, u16)) -> Self {
        let mut script = Self::new(size);
        script.keys("D");
        script.tell(Msg::Found(Box::new(found(&entries(), Progress::Done))));
        script.tell(Msg::Radar(radar()));
        script
    }

    fn send(&mut self, msg: AppMsg) {
        self.effects.extend(update(&mut self.app, self.now, msg));
        self.app.facts.toast = None;
    }

    fn tell(&mut self, msg: Msg) {
        self.send(AppMsg::Post(PaneMsg::Configs(PaneMessage::Discover(msg))));
    }

    fn keys(&mut self, keys: &str) {
        for key in keys.split(' ') {
            self.send(AppMsg::Key(key.parse().expect("a key")));
        }
    }

    /// The configs that were asked for since the last time.
    fn looks(&mut self) -> Vec<String> {
        let look = |effect: Effect| match effect {
            Effect::Start(_, Job::Discover(DiscoverJob::Look { id })) => Some(id),
            _ => None,
        };
        std::mem::take(&mut self.effects).into_iter().filter_map(look).collect()
    }

    fn ready(&mut self, id: &str) {
        self.tell(Msg::Looked { id: id.into(), looked: Ok(taken(id)) });
    }

    fn on(&self) -> String {
        self.app.panes.configs.discover.candidate().map(|one| one.id.clone()).unwrap_or_default()
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

fn taken(id: &str) -> Taken {
    let config = PathBuf::from(format!("/cache/{id}/config.json"));
    Taken {
        id: id.into(),
        config,
        dtype: Some("bfloat16 by torch_dtype".into()),
        custom_code: false,
        fit: Fit::Language,
    }
}

fn entry(id: &str, downloads: u64, tags: &[&str]) -> Entry {
    let info = RepoInfo {
        id: RepoId::parse(id).ok(),
        downloads: Some(downloads),
        modified: Some("2026-02-20T12:00:00.000Z".into()),
        architectures: vec!["HarborForCausalLM".into()],
        tags: tags.iter().map(ToString::to_string).collect(),
        ..RepoInfo::default()
    };
    Entry { info, seen: Seen::Hub, config: None }
}

fn entries() -> Vec<Entry> {
    let mut all = vec![
        entry("acme/Harbor-8B", 912_345, &["conversational", "base_model:finetune:acme/Harbor-8B-Base"]),
        entry("acme/Harbor-8B-Base", 31_000, &[]),
        entry("acme/Harbor-8B-DPO", 40, &["base_model:finetune:acme/Harbor-8B"]),
        entry("acme/Harbor-70B", 1_200_000, &["conversational"]),
        entry("tuner/Harbor-8B-medicine-and-more", 5_000, &["base_model:finetune:acme/Harbor-8B"]),
        entry("mlx-community/Harbor-8B-4bit", 70, &["mlx", "base_model:quantized:acme/Harbor-8B"]),
        entry("packer/Harbor-8B-AWQ", 60, &["base_model:quantized:acme/Harbor-8B"]),
    ];
    all[3].info.gated = Gate::Manual;
    all[1].seen = Seen::Kept { age: 260_000 };
    all
}

fn found(entries: &[Entry], progress: Progress) -> Found {
    let (officials, groups) = arrange(entries, &[]);
    Found {
        wanted: Wanted::ModelType("harbor".into()),
        model_type: Some("harbor".into()),
        officials,
        groups,
        notes: vec![Note::say(
            Weight::Say,
            "3 repositories are tagged so, but of another model_type by config: left out",
        )],
        more: true,
        progress,
    }
}

fn radar() -> Vec<Finding> {
    let finding =
        |about, weight, text: &str, hint: &str| Finding { about, note: Note::say(weight, text).hint(hint) };
    vec![
        finding(
            About::Alias,
            Weight::Refuse,
            "mlx_lm/utils.py:49 sends harbor to the module llama",
            "it needs no port",
        ),
        finding(
            About::PullRequest,
            Weight::Warn,
            "open pull request #12 by them: Add Harbor (updated 2026-02-01)",
            "read it first",
        ),
        finding(About::Alike, Weight::Say, "llama is 97 % alike", "compare first"),
    ]
}

#[test]
fn the_list_looks_so() {
    for (name, size) in [("discover_80x24", SMALL), ("discover_200x60", LARGE)] {
        let mut script = Script::found(size);
        script.keys("space");
        script.looks();
        script.ready("acme/Harbor-8B-Base");
        insta::assert_snapshot!(name, script.shown());
    }
}

#[test]
fn the_cursor_stays_on_its_checkpoint_while_the_list_fills() {
    let mut script = Script::new(SMALL);
    script.keys("D");
    let all = entries();
    script.tell(Msg::Found(Box::new(found(
        &all[..1],
        Progress::Asking { what: "checkpoints of harbor".into() },
    ))));
    assert!(script.shown().contains("asking for checkpoints of harbor · Esc stops"), "{}", script.shown());
    assert_eq!(script.on(), "acme/Harbor-8B", "before anybody moves it stands on the first checkpoint");
    script.keys("k j");
    script.tell(Msg::Found(Box::new(found(&all, Progress::Done))));
    script.tell(Msg::Radar(radar()));
    assert_eq!(script.on(), "acme/Harbor-8B");
    assert!(script.shown().contains("Before you port"));
}

#[test]
fn marked_variants_are_fetched_and_taken_into_the_matrix_and_given_back() {
    let mut script = Script::found(SMALL);
    script.effects.clear();
    script.app.facts.configs = vec!["/named/by/hand".into()];
    script.keys("space");
    assert_eq!(script.looks(), ["acme/Harbor-8B-Base"]);
    script.keys("c");
    assert_eq!(
        script.looks(),
        ["acme/Harbor-8B", "acme/Harbor-8B-DPO", "acme/Harbor-70B"],
        "the marked one is not asked again"
    );
    script.keys("enter");
    assert_eq!(script.app.facts.configs.len(), 1, "not before all are there");
    for id in ["acme/Harbor-8B", "acme/Harbor-8B-DPO", "acme/Harbor-8B-Base"] {
        script.ready(id);
    }
    let refusal = Report::new(Blame::User, "acme/Harbor-70B is gated and no token is set")
        .hint("accept its conditions");
    script.tell(Msg::Looked { id: "acme/Harbor-70B".into(), looked: Err(refusal) });
    let paths = |script: &Script| {
        script.app.facts.configs.iter().map(|path| path.display().to_string()).collect::<Vec<_>>()
    };
    let own = |id: &str| format!("/cache/{id}/config.json");
    let wanted = [
        "/named/by/hand".to_string(),
        own("acme/Harbor-8B-Base"),
        own("acme/Harbor-8B"),
        own("acme/Harbor-8B-DPO"),
    ];
    assert_eq!(paths(&script), wanted, "by size and kind");
    assert_eq!(script.app.panes.configs.layer, Layer::Matrix);
    let loads = script
        .effects
        .iter()
        .filter(|effect| matches!(effect, Effect::Start(_, Job::Configs(ConfigsJob::Matrix(_)))));
    assert_eq!(loads.count(), 1);

    script.keys("3");
    assert!(script.shown().contains("[✗]"), "{}", script.shown());
    script.keys("/ b a s e enter space esc");
    assert!(!script.app.panes.configs.discover.marks.has("acme/Harbor-8B-Base"), "{}", script.shown());
    script.keys("enter");
    assert_eq!(
        paths(&script),
        [wanted[0].clone(), wanted[2].clone(), wanted[3].clone()],
        "unmarked, it leaves"
    );
}

#[test]
fn a_gated_one_says_why_and_what_to_do() {
    let mut script = Script::found(LARGE);
    script.keys("/ 7 0 enter space");
    assert_eq!(script.looks(), ["acme/Harbor-70B"]);
    let refusal = Report::new(Blame::User, "acme/Harbor-70B is gated and no token is set")
        .hint("accept its conditions, then set HF_TOKEN");
    script.tell(Msg::Looked { id: "acme/Harbor-70B".into(), looked: Err(refusal) });
    let shown = script.shown();
    assert!(shown.contains("[✗]") && shown.contains("gated, by hand"), "{shown}");
    assert!(
        shown.contains("is gated and no token is set") && shown.contains("then set HF_TOKEN)"),
        "{shown}"
    );
    script.keys("esc");
    assert!(script.shown().contains("Harbor-8B-DPO"), "Esc clears the filter first");
}

#[test]
fn escape_stops_the_stream_and_what_it_still_says_is_dropped() {
    let mut script = Script::new(SMALL);
    script.keys("D");
    let id = script.effects.iter().find_map(|effect| match effect {
        Effect::Start(id, Job::Discover(DiscoverJob::Search { .. })) => Some(*id),
        _ => None,
    });
    let id = id.expect("a search");
    let all = entries();
    let part = found(&all[..2], Progress::Asking { what: "checkpoints of harbor".into() });
    script.send(AppMsg::Job(id, PaneMsg::Configs(PaneMessage::Discover(Msg::Found(Box::new(part))))));
    script.keys("esc");
    assert!(script.effects.iter().any(|effect| matches!(effect, Effect::Cancel(one) if *one == id)));
    let late = found(&all, Progress::Done);
    script.send(AppMsg::Job(id, PaneMsg::Configs(PaneMessage::Discover(Msg::Found(Box::new(late))))));
    let pane = &script.app.panes.configs.discover;
    assert_eq!(
        pane.found.as_ref().map(|found| (found.count(), found.progress.clone())),
        Some((2, Progress::Stopped))
    );
    assert!(script.shown().contains("stopped"), "{}", script.shown());
}

#[test]
fn a_pause_counts_down() {
    let mut script = Script::new(SMALL);
    script.keys("D");
    let wait = Wait {
        what: "the list".into(),
        why: "hub.local limits requests".into(),
        attempt: 2,
        of: 5,
        seconds: 3.0,
    };
    script.tell(Msg::Wait(wait));
    assert!(
        script.effects.iter().any(|effect| matches!(effect, Effect::Wake(6_000))),
        "{:?}",
        script.effects
    );
    assert!(
        script.shown().contains("hub.local limits requests: attempt 2 of 5 in 3 s · Esc stops"),
        "{}",
        script.shown()
    );
    script.now = 6_000;
    script.send(AppMsg::Tick);
    assert!(script.shown().contains("in 2 s"), "{}", script.shown());
    script.now = 8_000;
    script.send(AppMsg::Tick);
    assert!(!script.shown().contains("attempt"), "{}", script.shown());
}

#[test]
fn groups_that_stand_apart_are_shut_until_opened_and_a_filter_looks_inside() {
    let mut script = Script::found(LARGE);
    assert!(!script.shown().contains("mlx-community"));
    script.keys("/ m l x enter");
    assert!(script.shown().contains("mlx-community/Harbor-8B-4bit"), "{}", script.shown());
    script.keys("esc G k k k k k enter");
    let shown = script.shown();
    assert!(shown.contains("▾ quantized") || shown.contains("▾ fine-tunes"), "{shown}");
}

#[test]
fn a_repository_typed_where_files_are_added_is_fetched_and_taken() {
    let mut script = Script::new(SMALL);
    script.keys("a");
    script.send(AppMsg::Paste("acme/Harbor-8B".into()));
    script.keys("enter");
    assert_eq!(script.looks(), ["acme/Harbor-8B"]);
    script.ready("acme/Harbor-8B");
    assert_eq!(script.app.facts.configs, [PathBuf::from("/cache/acme/Harbor-8B/config.json")]);
    script.keys("a");
    script.send(AppMsg::Paste("./some/folder".into()));
    script.keys("enter");
    assert_eq!(script.looks(), [] as [String; 0], "a path is read, not fetched");
}

#[test]
fn a_session_keeps_what_was_chosen() {
    let mut script = Script::found(SMALL);
    script.keys("space");
    script.ready("acme/Harbor-8B-Base");
    script.keys("enter 3 space");
    let saved = script.app.save();
    let mut again = Script::new(SMALL);
    let live = Live { panes: saved.into_iter().collect(), ..Live::default() };
    again.send(AppMsg::Restore(Box::new(live)));
    let pane = &again.app.panes.configs;
    assert_eq!(pane.layer, Layer::Discover);
    assert_eq!(
        pane.discover.marks.all.get("acme/Harbor-8B-Base"),
        Some(&Mark::Ready(taken("acme/Harbor-8B-Base")))
    );
    assert_eq!(again.app.facts.configs, [PathBuf::from("/cache/acme/Harbor-8B-Base/config.json")]);
    assert_eq!(again.looks(), ["acme/Harbor-8B"], "what was being fetched is fetched again");
}
