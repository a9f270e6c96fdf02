//! Downloads against the local Hub: resumed, verified, into the cache that huggingface_hub reads.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mlxport::config::{Env, Flags, Settings};
use mlxport::hub::data::{DownloadEvent, DownloadRequest, RepoId};
use mlxport::hub::download::{DownloadError, download, plan};
use mlxport::hub::remote::{Hub as Client, Origin as Place, Patience, RemoteError};
use tokio_util::sync::CancellationToken;

use crate::support::env::{runtime, shared};
use crate::support::hub::{Fault, Hub, MEMBER, Origin, Repo, STRANGER};

const CONFIG: &str = r#"{"architectures": ["LlamaForCausalLM"], "model_type": "llama"}"#;
const WEIGHTS: &str = "model.safetensors";

fn weights() -> Vec<u8> {
    (0..300_000_u32).map(|at| (at * 31 % 251) as u8).collect()
}

fn repo(id: &str) -> Repo {
    Repo::new(id)
        .file("config.json", CONFIG)
        .file("modeling_own.py", "raise SystemExit")
        .lfs(WEIGHTS, weights())
        .lfs("pytorch_model.bin", vec![1; 1000])
}

struct Asking {
    folder: tempfile::TempDir,
    client: Client,
    request: DownloadRequest,
    events: Arc<Mutex<Vec<DownloadEvent>>>,
}

impl Asking {
    fn new(hub: &Hub, id: &str, token: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = |path: &Path| path.display().to_string();
        let mut env =
            Env::of([("HF_ENDPOINT", hub.endpoint()), ("HF_HOME", &text(&folder.path().join("hf")))]);
        if !token.is_empty() {
            env = env.with("HF_TOKEN", token);
        }
        let flags = Flags { home: Some(folder.path().join("home")), ..Flags::default() };
        let settings = Settings::load(flags, &env).unwrap();
        let patience = Patience {
            idle: Duration::from_millis(400),
            pause: Duration::from_millis(5),
            attempts: 3,
            ..Patience::default()
        };
        let client = Client::at(Place::of(&settings).unwrap().patience(patience), Arc::new(|_| {})).unwrap();
        let request = DownloadRequest { repo: RepoId::parse(id).unwrap(), revision: None, local_dir: None };
        Self { folder, client, request, events: Arc::default() }
    }

    fn run(&self) -> Result<mlxport::hub::data::Downloaded, DownloadError> {
        self.run_until(CancellationToken::new())
    }

    fn run_until(&self, cancel: CancellationToken) -> Result<mlxport::hub::data::Downloaded, DownloadError> {
        let events = self.events.clone();
        let sink = Arc::new(move |event| events.lock().unwrap().push(event));
        runtime().block_on(async {
            let plan = plan(&self.client, &self.request, 0).await?;
            download(&self.client, &self.request, &plan, sink, cancel).await
        })
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("hf/hub")
    }

    fn saw(&self, wanted: impl Fn(&DownloadEvent) -> bool) -> usize {
        self.events.lock().unwrap().iter().filter(|event| wanted(event)).count()
    }
}

#[test]
fn a_checkpoint_lands_in_the_cache_that_huggingface_hub_reads_and_is_not_fetched_twice() {
    let hub = Hub::start(vec![repo("acme/harbor-1b").private()]);
    let place = Asking::new(&hub, "acme/harbor-1b", MEMBER);
    let done = place.run().unwrap();
    assert_eq!(std::fs::read(done.folder.join(WEIGHTS)).unwrap(), weights());
    assert!(!done.folder.join("modeling_own.py").exists(), "code is for the person to read first");
    assert!(!done.folder.join("pytorch_model.bin").exists());
    assert_eq!(hub.problems(), Vec::<String>::new(), "no token at the CDN");
    assert_eq!(done.total, 300_000 + CONFIG.len() as u64);
    let script = "import sys; from huggingface_hub import hf_hub_download as get; \
        print(get('acme/harbor-1b', 'model.safetensors', local_files_only=True))";
    let python = std::process::Command::new(&shared().python)
        .args(["-c", script])
        .env("HF_HOME", place.folder.path().join("hf"))
        .output()
        .unwrap();
    let path = String::from_utf8(python.stdout).unwrap();
    assert_eq!(
        Path::new(path.trim()),
        done.folder.join(WEIGHTS),
        "{}",
        String::from_utf8_lossy(&python.stderr)
    );
    hub.forget();
    let again = place.run().unwrap();
    assert_eq!(
        (again.folder.as_path(), hub.requests_of("acme/harbor-1b", WEIGHTS).len()),
        (done.folder.as_path(), 0)
    );
    assert_eq!(place.saw(|event| matches!(event, DownloadEvent::Kept { .. })), 2);
}

#[test]
fn a_cut_transfer_goes_on_where_it_was_cut() {
    let hub = Hub::start(vec![repo("acme/harbor-1b")]);
    let at = || Fault::file("acme/harbor-1b", WEIGHTS).at(Origin::Cdn);
    // Four cuts are more than the three attempts: each brought something, so none counts.
    hub.fault(at().times(4).cut_after(60_000));
    let place = Asking::new(&hub, "acme/harbor-1b", "");
    let done = place.run().unwrap();
    assert_eq!(std::fs::read(done.folder.join(WEIGHTS)).unwrap(), weights());
    let ranges: Vec<_> =
        hub.requests_of("acme/harbor-1b", WEIGHTS).into_iter().filter_map(|asked| asked.range).collect();
    assert!(ranges.len() >= 4, "{ranges:?}");
    assert!(done.moved < 300_000 + 20_000, "nothing is fetched twice: {}", done.moved);
}

#[test]
fn a_stopped_download_is_taken_up_again() {
    let hub = Hub::start(vec![repo("acme/harbor-1b")]);
    hub.fault(Fault::file("acme/harbor-1b", WEIGHTS).at(Origin::Cdn).times(1).slow(200_000));
    let place = Asking::new(&hub, "acme/harbor-1b", "");
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    let blobs = place.cache().join("models--acme--harbor-1b/blobs");
    let watcher = std::thread::spawn(move || {
        let part = || {
            std::fs::read_dir(&blobs).ok()?.flatten().find(|entry| {
                entry.path().extension().is_some_and(|end| end == "incomplete")
                    && entry.metadata().is_ok_and(|meta| meta.len() > 50_000)
            })
        };
        let since = Instant::now();
        while part().is_none() && since.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(5));
        }
        stop.cancel();
    });
    let stopped = place.run_until(cancel).unwrap_err();
    watcher.join().unwrap();
    assert!(matches!(stopped, DownloadError::Cancelled { kept } if kept > 50_000), "{stopped}");
    let done = place.run().unwrap();
    assert_eq!(std::fs::read(done.folder.join(WEIGHTS)).unwrap(), weights());
    assert_eq!(place.saw(|event| matches!(event, DownloadEvent::Resumed { from, .. } if *from > 50_000)), 1);
}

#[test]
fn what_is_not_what_the_hub_promised_is_fetched_once_more_and_then_refused() {
    let hub = Hub::start(vec![repo("acme/harbor-1b")]);
    hub.fault(Fault::file("acme/harbor-1b", WEIGHTS).at(Origin::Cdn).times(1).flip(1234));
    let place = Asking::new(&hub, "acme/harbor-1b", "");
    let done = place.run().unwrap();
    assert_eq!(std::fs::read(done.folder.join(WEIGHTS)).unwrap(), weights());
    assert_eq!(place.saw(|event| matches!(event, DownloadEvent::Damaged { .. })), 1);
    hub.fault(Fault::file("acme/harbor-1b", WEIGHTS).at(Origin::Cdn).times(9).flip(1234));
    let place = Asking::new(&hub, "acme/harbor-1b", "");
    let error = place.run().unwrap_err();
    assert!(matches!(&error, DownloadError::Damaged { path, .. } if path == WEIGHTS), "{error}");
    let snapshots = place.cache().join("models--acme--harbor-1b/snapshots");
    let linked = walk(&snapshots).into_iter().filter(|path| path.ends_with(WEIGHTS)).count();
    assert_eq!(linked, 0, "a broken file never enters the cache");
}

#[test]
fn a_server_that_does_not_resume_is_read_from_the_start() {
    let hub = Hub::start(vec![repo("acme/harbor-1b")]);
    let at = || Fault::file("acme/harbor-1b", WEIGHTS).at(Origin::Cdn);
    hub.fault(at().times(1).cut_after(100_000));
    hub.fault(at().times(1).ignore_range());
    let place = Asking::new(&hub, "acme/harbor-1b", "");
    let done = place.run().unwrap();
    assert_eq!(std::fs::read(done.folder.join(WEIGHTS)).unwrap(), weights());
}

#[test]
fn a_folder_takes_what_the_cache_has_and_carries_huggingface_hubs_notes() {
    let hub = Hub::start(vec![repo("acme/harbor-1b")]);
    let mut place = Asking::new(&hub, "acme/harbor-1b", "");
    place.run().unwrap();
    hub.forget();
    let folder = place.folder.path().join("mine");
    place.request.local_dir = Some(folder.clone());
    let done = place.run().unwrap();
    assert_eq!(
        (done.folder.as_path(), std::fs::read(folder.join(WEIGHTS)).unwrap()),
        (folder.as_path(), weights())
    );
    assert_eq!(hub.requests_of("acme/harbor-1b", WEIGHTS).len(), 0);
    let note = std::fs::read_to_string(folder.join(".cache/huggingface/download/model.safetensors.metadata"))
        .unwrap();
    assert_eq!(note.lines().next(), Some(done.sha.as_str()));
}

#[test]
fn no_room_and_no_access_are_told_before_a_byte_is_fetched() {
    let hub = Hub::start(vec![repo("acme/harbor-1b"), repo("acme/gated").gated("manual")]);
    let place = Asking::new(&hub, "acme/harbor-1b", "");
    let error = runtime().block_on(async {
        let mut plan = plan(&place.client, &place.request, 1000).await.unwrap();
        assert!(plan.warning().unwrap().contains("not loaded whole"));
        plan.free = Some(1 << 20);
        hub.forget();
        download(&place.client, &place.request, &plan, Arc::new(|_| {}), CancellationToken::new())
            .await
            .unwrap_err()
    });
    assert!(matches!(error, DownloadError::NoRoom { .. }), "{error}");
    assert_eq!(hub.requests().len(), 0);
    for (token, words) in [("", "gated and no token is set"), (STRANGER, "this token has no access")] {
        let error = Asking::new(&hub, "acme/gated", token).run().unwrap_err();
        assert!(matches!(&error, DownloadError::Remote(RemoteError::Gated { .. })), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn the_command_downloads_in_a_process_of_its_own() {
    let hub = Hub::start(vec![repo("acme/harbor-1b")]);
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        std::process::Command::new(env!("CARGO_BIN_EXE_mlxport"))
            .args(args)
            .env("MLXPORT_HOME", folder.path().join("home"))
            .env("HF_HOME", folder.path().join("hf"))
            .env("HF_ENDPOINT", hub.endpoint())
            .env("NO_PROXY", "127.0.0.1")
            .output()
            .unwrap()
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let planned = run(&["download", "acme/harbor-1b", "--plan"]);
    assert!(
        text(&planned.stdout).contains("[skip] modeling_own.py: code of the repository"),
        "{}",
        text(&planned.stdout)
    );
    let done = run(&["download", "acme/harbor-1b", "--json"]);
    let found: serde_json::Value =
        serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{}", text(&done.stderr)));
    assert_eq!(std::fs::read(Path::new(found["folder"].as_str().unwrap()).join(WEIGHTS)).unwrap(), weights());
    assert!(text(&done.stderr).contains("hash verified"), "{}", text(&done.stderr));
    let wrong = run(&["download", "acme/none"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("acme/none does not exist"), "{}", text(&wrong.stderr));
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries
        .flatten()
        .flat_map(|entry| if entry.path().is_dir() { walk(&entry.path()) } else { vec![entry.path()] })
        .collect()
}
