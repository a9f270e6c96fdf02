//! Discovery against a local Hub, as a person meets it on the command line: what is found and in which order, what is refused
//! and with which words, what is said while waiting, what is left when it is cancelled or offline.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mlxport::config::{Env, Flags, Settings};
use mlxport::hub::data::Wait;
use mlxport::hub::data::discover::{Found, Progress, Wanted, Weight};
use mlxport::hub::discover::{Library, Search, wanted};
use mlxport::hub::remote::{Hub as Client, Origin, Patience};
use mlxport::runtime::discover::{Sources, radar};
use mlxport::util::blame::Report;
use mlxport::util::process::{Command, Output};
use mlxport::util::sink::Sink;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::support::env::{runtime, test_workspace};
use crate::support::hub::{Fault, Hub, Options, Repo};
use crate::support::pty::Pty;

/// transformers, as far as discovery asks it.
struct Source;

impl Library for Source {
    fn named(&self, model_type: &str) -> Vec<(String, String)> {
        match model_type {
            "harbor" => vec![("acme/Harbor-8B".into(), "configuration_harbor.py".into())],
            _ => Vec::new(),
        }
    }

    fn type_of(&self, class: &str) -> Option<String> {
        (class == "HarborForCausalLM").then(|| "harbor".into())
    }
}

fn repo(id: &str, downloads: u64) -> Repo {
    of_type(id, "harbor", "HarborForCausalLM").downloads(downloads)
}

fn of_type(id: &str, model_type: &str, class: &str) -> Repo {
    let config = format!(
        r#"{{"model_type": "{model_type}", "architectures": ["{class}"], "torch_dtype": "bfloat16"}}"#
    );
    Repo::new(id).file("config.json", config)
}

fn family() -> Vec<Repo> {
    vec![
        repo("acme/Harbor-8B", 900).tag("conversational").base_model("acme/Harbor-8B-Base", "finetune"),
        repo("acme/Harbor-8B-Base", 300),
        repo("acme/Harbor-70B", 10).tag("conversational").gated("manual"),
        repo("acme/Harbor-8B-DPO", 40).base_model("acme/Harbor-8B", "finetune"),
        repo("acme/Harbor-Thinking-8B", 50).base_model("acme/Harbor-8B-Base", "finetune"),
        repo("tuner/Harbor-8B-med", 5_000).base_model("acme/Harbor-8B", "finetune"),
        repo("mlx-community/Harbor-8B-4bit", 70)
            .tag("mlx")
            .library(Some("mlx"))
            .base_model("acme/Harbor-8B", "quantized"),
        repo("packer/Harbor-8B-AWQ", 60).base_model("acme/Harbor-8B", "quantized"),
        // The tag alone is not the architecture.
        of_type("fan/harbor-pictures", "vit", "ViTModel").tag("harbor").downloads(9_999),
    ]
}

struct Person {
    events: Arc<Mutex<Vec<Found>>>,
    waits: Arc<Mutex<Vec<Wait>>>,
    cache: tempfile::TempDir,
    cancel: CancellationToken,
    offline: bool,
    limit: usize,
}

impl Person {
    fn new() -> Self {
        Self {
            events: Arc::default(),
            waits: Arc::default(),
            cache: tempfile::tempdir().unwrap(),
            cancel: CancellationToken::new(),
            offline: false,
            limit: 300,
        }
    }

    fn client(&self, endpoint: &str) -> Client {
        let patience = Patience { pause: Duration::from_millis(20), ..Patience::default() };
        let home = self.cache.path().display().to_string();
        let offline = if self.offline { "1" } else { "0" };
        let env = Env::of([("HF_ENDPOINT", endpoint), ("HF_HOME", &home), ("HF_HUB_OFFLINE", offline)]);
        let settings =
            Settings::load(Flags { home: Some(self.cache.path().into()), ..Flags::default() }, &env).unwrap();
        let origin = Origin::of(&settings).unwrap();
        let waits = self.waits.clone();
        let sink: Sink<Wait> = Arc::new(move |wait| waits.lock().unwrap().push(wait));
        Client::at(origin.patience(patience), sink).unwrap()
    }

    fn search(&self, endpoint: &str, model: &str) -> Result<Found, Report> {
        let client = self.client(endpoint);
        let events = self.events.clone();
        let sink: Sink<Found> = Arc::new(move |found| events.lock().unwrap().push(found));
        let search = Search {
            hub: &client,
            wanted: wanted(model).map_err(|error| Report::from(&error))?,
            limit: self.limit,
            library: &Source,
            kept: Some(self.cache.path().join("kept")),
            cancel: self.cancel.clone(),
        };
        runtime().block_on(search.run(&sink)).map_err(|error| Report::from(&error))
    }
}

/// Groups as lines: the title, the repositories in order, `*` for canonical ones.
fn shown(found: &Found) -> Vec<String> {
    let line = |group: &mlxport::hub::data::discover::Group| {
        let one = |one: &mlxport::hub::data::discover::Candidate| {
            format!("{}{}", one.id, if one.canonical { "*" } else { "" })
        };
        format!("{}: {}", group.title(), group.candidates.iter().map(one).collect::<Vec<_>>().join(" "))
    };
    found.groups.iter().map(line).collect()
}

fn notes(found: &Found) -> String {
    found
        .notes
        .iter()
        .map(|note| format!("{} {}\n", note.text, note.hint.clone().unwrap_or_default()))
        .collect()
}

const GROUPS: [&str; 8] = [
    "8B · base: acme/Harbor-8B-Base*",
    "8B · instruct: acme/Harbor-8B*",
    "8B · DPO: acme/Harbor-8B-DPO*",
    "8B · thinking: acme/Harbor-Thinking-8B*",
    "70B · instruct: acme/Harbor-70B*",
    "fine-tunes by others: tuner/Harbor-8B-med",
    "quantized, MLX: mlx-community/Harbor-8B-4bit",
    "quantized, AWQ: packer/Harbor-8B-AWQ",
];

#[test]
fn a_type_a_class_a_name_and_a_link_lead_to_the_same_groups() {
    let hub = Hub::start(family());
    let link = format!("{}/acme/Harbor-8B/tree/main", hub.endpoint());
    for model in ["harbor", "HarborForCausalLM", "acme/Harbor-8B", &link] {
        let found = Person::new().search(hub.endpoint(), model).unwrap();
        assert_eq!(shown(&found), GROUPS, "{model}");
        assert_eq!(found.model_type.as_deref(), Some("harbor"));
        assert_eq!(found.progress, Progress::Done);
        let why =
            "transformers' configuration_harbor.py names acme/Harbor-8B; 3 others build on its checkpoints";
        assert_eq!(found.officials[0].why, why);
        assert!(
            notes(&found).contains("1 repository is tagged so, but of another model_type"),
            "{}",
            notes(&found)
        );
    }
    assert!(hub.requests().iter().all(|one| !one.path.contains("safetensors")), "no weights are touched");
    assert_eq!(hub.problems(), Vec::<String>::new());
}

#[test]
fn what_is_known_is_told_while_the_rest_streams_in_and_the_makers_come_whole() {
    let mut repos = family();
    repos.extend((0..40).map(|at| {
        repo(&format!("many{at}/Harbor-8B-x{at}"), 10_000 - at).base_model("acme/Harbor-8B", "finetune")
    }));
    let hub = Hub::with(Options { page: 10, ..Options::default() }, repos);
    let person = Person { limit: 20, ..Person::new() };
    let found = person.search(hub.endpoint(), "harbor").unwrap();
    assert!(found.more, "the list goes on");
    let counts: Vec<usize> = person.events.lock().unwrap().iter().map(Found::count).collect();
    // One of the first ten is of another model_type.
    assert_eq!(counts[..3], [0, 9, 19], "page by page: {counts:?}");
    // The makers' checkpoints have few downloads: they are asked for by their name.
    assert_eq!(shown(&found)[..5], GROUPS[..5]);
    let last = person.events.lock().unwrap().last().cloned().unwrap();
    assert_eq!(last, found);
}

#[test]
fn cancelled_in_the_middle_it_keeps_what_came_and_asks_no_more() {
    let repos = (0..50).map(|at| repo(&format!("lab/Harbor-{}B", at + 1), 100 - at)).collect();
    let hub = Hub::with(Options { page: 5, ..Options::default() }, repos);
    hub.fault(Fault::api("/api/models*").after(2).hang());
    let person = Person::new();
    let cancel = person.cancel.clone();
    let events = person.events.clone();
    let watcher = std::thread::spawn(move || {
        while events.lock().unwrap().last().is_none_or(|found| found.count() < 10) {
            std::thread::sleep(Duration::from_millis(5));
        }
        cancel.cancel();
    });
    let begun = Instant::now();
    let found = person.search(hub.endpoint(), "harbor").unwrap();
    watcher.join().unwrap();
    assert_eq!((found.progress.clone(), found.count()), (Progress::Stopped, 10));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let asked = hub.requests().len();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(hub.requests().len(), asked, "nothing goes on behind");
}

#[test]
fn repositories_that_cannot_be_read_get_clear_words() {
    let mut repos = family();
    repos.push(repo("acme/Harbor-secret", 1).private());
    repos.push(repo("acme/Harbor-new-1B", 1).renamed_from("acme/Harbor-old-1B"));
    repos.push(
        of_type("art/pictures", "stable", "StableModel")
            .library(Some("diffusers"))
            .pipeline(Some("text-to-image")),
    );
    let vlm = r#"{"model_type": "harbor_vl", "architectures": ["HarborVLForConditionalGeneration"],
                  "text_config": {"model_type": "harbor"}, "vision_config": {}}"#;
    repos.push(Repo::new("acme/Harbor-VL").file("config.json", vlm).pipeline(Some("image-text-to-text")));
    let hub = Hub::start(repos);
    let refused = |model: &str| {
        let report = Person::new().search(hub.endpoint(), model).expect_err(model);
        format!("{} -> {}", report.text, report.hint.unwrap_or_default())
    };
    let secret = refused("acme/Harbor-secret");
    assert!(secret.contains("does not exist") && secret.contains("or is private"), "{secret}");
    let near = refused("acme/harbor-8");
    assert!(near.contains("did you mean") && near.contains("acme/Harbor-8B"), "{near}");
    let art = refused("art/pictures");
    assert!(art.contains("art/pictures is no language model: its class StableModel"), "{art}");
    let renamed = Person::new().search(hub.endpoint(), "acme/Harbor-old-1B").unwrap();
    assert!(
        notes(&renamed).contains("acme/Harbor-old-1B was renamed: it is acme/Harbor-new-1B now"),
        "{}",
        notes(&renamed)
    );
    let vision = Person::new().search(hub.endpoint(), "acme/Harbor-VL").unwrap();
    let warned = vision.notes.iter().find(|note| note.weight == Weight::Warn).expect("a warning");
    assert!(
        warned.text.contains("also sees or hears (harbor_vl)") && warned.text.contains("text_config, harbor"),
        "{warned:?}"
    );
    assert_eq!(vision.model_type.as_deref(), Some("harbor"));
    // A gated one shows what it is; only its files are refused.
    let gated = Person::new().search(hub.endpoint(), "acme/Harbor-70B").unwrap();
    let one = gated.candidates().find(|one| one.id == "acme/Harbor-70B").unwrap();
    assert_eq!(one.access(), Some("gated, by hand"));
}

#[test]
fn a_hub_that_limits_requests_is_waited_for_with_a_countdown() {
    let hub = Hub::start(family());
    hub.fault(Fault::api("/api/models*").times(1).rate_limited(1));
    let person = Person::new();
    let found = person.search(hub.endpoint(), "harbor").unwrap();
    assert_eq!(shown(&found), GROUPS);
    let waits = person.waits.lock().unwrap().clone();
    assert_eq!(waits.len(), 1);
    assert_eq!((waits[0].attempt, waits[0].seconds), (2, 1.0), "as Retry-After says");
    assert!(waits[0].why.contains("limits requests"), "{waits:?}");
}

#[test]
fn a_hub_that_fails_half_way_leaves_what_came() {
    let hub = Hub::with(Options { page: 4, ..Options::default() }, family());
    hub.fault(Fault::api("/api/models*").after(1).status(500));
    let found = Person::new().search(hub.endpoint(), "harbor").unwrap();
    assert_eq!(found.count(), 3, "the first page, without the picture model");
    let Progress::Failed(report) = &found.progress else { panic!("{:?}", found.progress) };
    assert!(report.text.contains("answered 500"), "{report:?}");
}

#[test]
fn offline_the_cache_and_the_last_listing_answer_and_say_how_old_they_are() {
    let hub = Hub::start(family());
    let mut person = Person::new();
    let nothing = Person { offline: true, ..Person::new() }.search(hub.endpoint(), "harbor").unwrap();
    assert_eq!(nothing.count(), 0);
    assert!(notes(&nothing).contains("no earlier listing is kept"), "{}", notes(&nothing));

    cache(
        &person.cache.path().join("hub"),
        "acme/Harbor-8B",
        r#"{"model_type": "harbor", "architectures": ["HarborForCausalLM"]}"#,
    );
    cache(&person.cache.path().join("hub"), "other/thing", r#"{"model_type": "llama"}"#);
    person.offline = true;
    let cached = person.search(hub.endpoint(), "acme/Harbor-8B").unwrap();
    assert_eq!(shown(&cached), ["8B · base: acme/Harbor-8B*"]);
    assert!(
        notes(&cached).contains("1 from this machine's Hub cache, the newest less than a minute old"),
        "{}",
        notes(&cached)
    );
    assert_eq!(hub.requests().len(), 0, "offline asks nobody");

    person.offline = false;
    person.search(hub.endpoint(), "harbor").unwrap();
    let asked = hub.requests().len();
    person.offline = true;
    let kept = person.search(hub.endpoint(), "harbor").unwrap();
    assert_eq!(shown(&kept), GROUPS);
    assert!(notes(&kept).contains("from a listing less than a minute old"), "{}", notes(&kept));
    assert_eq!(hub.requests().len(), asked);
}

/// Puts a config into a Hub cache, as a download does.
fn cache(root: &Path, id: &str, config: &str) {
    let folder = root.join(format!("models--{}", id.replace('/', "--")));
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let write = |path: PathBuf, text: &str| {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(folder.join("refs/main"), commit);
    write(folder.join("blobs/abc"), config);
    let snapshot = folder.join("snapshots").join(commit);
    std::fs::create_dir_all(&snapshot).unwrap();
    std::os::unix::fs::symlink("../../blobs/abc", snapshot.join("config.json")).unwrap();
}

fn program(home: &Path, endpoint: &str, args: &[&str]) -> Output {
    let command = Command::new(env!("CARGO_BIN_EXE_mlxport"))
        .args(args)
        .clear_env()
        .env("HOME", home)
        .env("MLXPORT_HOME", home.join("data"))
        .env("HF_HOME", home.join("hf"))
        .env("HF_ENDPOINT", endpoint)
        .env("MLXPORT_GITHUB_API", endpoint)
        .timeout(Duration::from_secs(60))
        .any_exit();
    runtime().block_on(command.run()).unwrap()
}

#[test]
fn the_command_prints_groups_writes_json_and_a_manifest_and_refuses_by_name() {
    let hub = Hub::start(family());
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("manifest.yaml");
    let out = program(home.path(), hub.endpoint(), &["discover", "harbor"]);
    let text = out.text();
    assert!(out.status.success(), "{text}");
    for wanted in [
        "8B · base (1)",
        "★  acme/Harbor-8B-Base",
        "70B · instruct (1)",
        "★! acme/Harbor-70B",
        "quantized, AWQ (1)",
        "not searched",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    let out = program(home.path(), hub.endpoint(), &["discover", "harbor", "--json", "--no-radar"]);
    let json: Value = serde_json::from_str(&out.text()).unwrap();
    assert_eq!(
        (json["schema"].clone(), json["model_type"].clone(), json["count"].clone()),
        (1.into(), "harbor".into(), 8.into())
    );
    assert_eq!(json["groups"][0]["kind"], "base");
    assert_eq!(json["groups"][0]["candidates"][0]["id"], "acme/Harbor-8B-Base");

    let path = file.display().to_string();
    let picks = ["--pick", "acme/Harbor-8B-Base", "--pick", "acme/Harbor-8B-DPO"];
    let args = [&["discover", "harbor", "--no-radar", "--manifest", &path][..], &picks].concat();
    let out = program(home.path(), hub.endpoint(), &args);
    assert!(out.status.success(), "{}", out.text());
    let manifest = std::fs::read_to_string(&file).unwrap();
    let wanted = "version: 1\npr:\n  number: 0\n  repo: ml-explore/mlx-lm\n  branch: add-harbor\nmodel_type: harbor\nvariants:\n  - repo_id: \
                  acme/Harbor-8B-Base\n    type: base\n    memory_gb: 16\n    expected_dtype: bfloat16\n  - repo_id: \
                  acme/Harbor-8B-DPO\n    type: instruct\n    memory_gb: 16\n    expected_dtype: bfloat16\nquantize: true\n";
    assert_eq!(manifest, wanted);
    let config = home.path().join("hf/hub/models--acme--Harbor-8B-DPO/snapshots");
    assert!(config.is_dir(), "its config is in the standard Hub cache");

    let out = program(
        home.path(),
        hub.endpoint(),
        &["discover", "harbor", "--manifest", &path, "--pick", "acme/none"],
    );
    assert_eq!(out.status.code(), Some(2));
    let out = program(home.path(), hub.endpoint(), &["discover", "no such"]);
    assert_eq!(out.status.code(), Some(2));
}

#[test]
fn what_a_person_types_is_read_before_anything_is_asked() {
    assert_eq!(wanted("harbor").unwrap(), Wanted::ModelType("harbor".into()));
    assert!(wanted("https://huggingface.co/spaces/a/b").is_err());
}

#[test]
fn the_fixtures_make_sense_to_it() {
    let hub = Hub::fixtures();
    let types: Vec<String> = {
        let root = crate::support::hub::fixtures();
        let mut found = std::collections::BTreeSet::new();
        for repo in crate::support::hub::read_folder(&root) {
            found.extend(repo.config().and_then(|config| config["model_type"].as_str()).map(str::to_string));
        }
        found.into_iter().collect()
    };
    assert!(types.len() > 10);
    for model_type in types {
        let found = Person::new().search(hub.endpoint(), &model_type).unwrap();
        assert_eq!(found.progress, Progress::Done, "{model_type}");
        assert!(found.count() > 0, "{model_type}");
        let refused = found.notes.iter().any(|note| note.weight == Weight::Refuse);
        assert_eq!(
            refused,
            ["bert", "siglip"].contains(&model_type.as_str()),
            "{model_type}: {:?}",
            found.notes
        );
        let outer = found.candidates().any(|one| one.canonical);
        assert_eq!(outer, !refused, "{model_type}: {:#?}", shown(&found));
    }
}

#[test]
fn on_the_screen_it_counts_down_fills_and_takes_variants_into_the_matrix() {
    let hub = Hub::start(family());
    hub.fault(Fault::api("/api/models*").times(1).rate_limited(2));
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("hf").display().to_string();
    let env = [
        ("HF_ENDPOINT", hub.endpoint()),
        ("HF_HOME", folder.as_str()),
        ("MLXPORT_GITHUB_API", hub.endpoint()),
    ];
    let mut pty = Pty::mlxport_with(home.path(), &[], (80, 24), &env);
    pty.wait_for("mlxport");
    pty.send("\x1b4");
    pty.wait_for("3 Discover");
    pty.send("D");
    pty.wait_for("owner/name or link:");
    pty.send("HarborForCausalLM\r");
    pty.wait_for("limits requests: attempt 2 of 5 in");
    pty.wait_for("[ ] ★ acme/Harbor-8B-Base");
    pty.send("c");
    pty.wait_until("the gated one refused, the rest marked", |screen| {
        screen.contains("[✗] ★ acme/Harbor-70B") && screen.matches("[x] ★").count() == 4
    });
    pty.send("\r");
    pty.wait_until("the matrix over the taken variants", |screen| {
        screen.contains("torch_dtype") && screen.contains("key")
    });
    pty.send("\x11");
    assert_eq!(pty.wait_exit(), 0);
    assert!(hub.requests().iter().all(|one| !one.path.contains("safetensors")), "configs alone are fetched");
}

#[test]
fn ports_that_exist_already_are_found_in_the_checkout_its_branches_and_open_pull_requests() {
    let hub = Hub::start(Vec::new());
    let answer = r#"{"total_count": 1, "items": [{"number": 12, "title": "Add\nHarbor", "html_url": "https://github.com/ml-explore/mlx-lm/pull/12",
                     "user": {"login": "them"}, "updated_at": "2026-02-01T10:00:00Z"}]}"#;
    hub.fault(Fault::api("/search/issues*").answer(200, &[("content-type", "application/json")], answer));
    let mut ours = test_workspace("harbor");
    ours.settings.github_api.value = Some(hub.endpoint().into());
    let checkout = ours.workspace.checkout.clone();
    let git = |args: &[&str]| {
        let command = Command::new("git").arg("-C").arg(&checkout).args(args);
        runtime().block_on(command.run()).unwrap();
    };
    // Somebody's branch with the module, beside the person's own.
    git(&["checkout", "--quiet", "-b", "try-harbor"]);
    std::fs::write(checkout.join("mlx_lm/models/harbor.py"), "x = 1\n").unwrap();
    git(&["add", "mlx_lm/models/harbor.py"]);
    git(&["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "Try harbor"]);
    git(&["checkout", "--quiet", "add-harbor"]);
    let sources = Sources::of(&ours.settings);
    let found = |model_type: &str| -> Vec<String> {
        let findings = runtime().block_on(radar(&ours.settings, &sources, model_type));
        findings.iter().map(|finding| format!("{:?}: {}", finding.about, finding.note.text)).collect()
    };
    let harbor = found("harbor");
    assert!(
        harbor.iter().any(|text| text.starts_with("Branch: branch try-harbor has this module")
            && text.ends_with("Try harbor")),
        "{harbor:?}"
    );
    assert!(
        harbor.contains(
            &"PullRequest: open pull request #12 by them: Add ⏎ Harbor (updated 2026-02-01)".to_string()
        ),
        "{harbor:?}"
    );
    assert!(
        !harbor.iter().any(|text| text.contains("add-harbor")),
        "the person's own branch is no duplicate: {harbor:?}"
    );
    let query = hub.requests().iter().find(|one| one.path == "/search/issues").map(|one| one.subject.clone());
    assert!(query.is_some(), "{:?}", hub.requests());

    let mistral = found("mistral");
    assert!(
        mistral.iter().any(|text| text.starts_with("Alias: mlx_lm/utils.py:")
            && text.ends_with("sends mistral to the module llama")),
        "{mistral:?}"
    );
    let llama = found("llama");
    assert!(
        llama.iter().any(|text| text.starts_with("Module: mlx-lm has mlx_lm/models/llama.py already")),
        "{llama:?}"
    );

    hub.heal();
    hub.fault(Fault::api("/search/issues*").status(403));
    let limited = found("harbor");
    assert!(
        limited.iter().any(|text| text.starts_with("Unsearched") && text.contains("limits searches")),
        "{limited:?}"
    );
}
