//! A real `mlx_lm.server` with SmolLM2, started by the program inside the sandbox: a conversation, a death, a return, and
//! nobody left behind.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mlxport::agent::client::{ChatClient, Endpoint};
use mlxport::agent::data::{FailureKind, Role as Who, StreamEvent};
use mlxport::agent::machine::{Input, Limits, Machine, Output, Provider, Setup, State};
use mlxport::config::{Env, Flags, Role, Settings};
use mlxport::runtime::models::{Answering, Models};
use mlxport::util::sink::Sink;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio_util::sync::CancellationToken;

use crate::families::{Lab, smollm2};
use crate::support::env::runtime;

/// Servers of one data folder, by their command line.
fn servers(home: &Path) -> Vec<i32> {
    let work = home.join("cache/mlx_lm_server").display().to_string();
    let numbers = std::fs::read_dir("/proc").expect("processes").flatten();
    let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let line = |pid: &i32| std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    numbers
        .filter(|pid| {
            let line = String::from_utf8_lossy(&line(pid)).replace('\0', " ");
            line.contains("mlxport_harness.chat") && line.contains(&work)
        })
        .collect()
}

fn wait_for_none(home: &Path) {
    for _ in 0..100 {
        if servers(home).is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("still there: {:?}", servers(home));
}

fn configured(lab: &Lab, checkpoint: &Path) -> PathBuf {
    let home = lab.path();
    let text = format!(
        "[profiles.small]\nprovider = \"mlx-lm\"\nname = \"{}\"\noutput = 24\n",
        checkpoint.display()
    );
    mlxport::util::fs::write_atomic(&home.join("config.toml"), text.as_bytes()).expect("a config");
    home
}

/// Carries a turn out with a real client.
async fn turn(machine: &mut Machine, answering: &Answering, text: &str) -> Vec<StreamEvent> {
    let outputs = machine.step(0, Input::User(text.into()));
    let mut seen = Vec::new();
    for output in outputs {
        if let Output::OpenStream { stream, request } = output {
            let events: Arc<Mutex<Vec<StreamEvent>>> = Arc::default();
            let to = events.clone();
            let sink = Arc::new(move |event| to.lock().expect("not poisoned").push(event));
            answering.client.stream(request, sink, CancellationToken::new()).await;
            seen.clone_from(&events.lock().expect("not poisoned"));
            for event in &seen {
                machine.step(0, Input::Stream { stream, event: event.clone() });
            }
        }
    }
    seen
}

#[test]
#[cfg(target_os = "linux")]
fn a_local_server_converses_dies_loudly_comes_back_and_leaves_nobody() {
    let lab = Lab::new();
    let home = configured(&lab, &smollm2());
    let flags = Flags { home: Some(home.clone()), profile: Some("small".into()), ..Flags::default() };
    let mut settings = Settings::load(flags, &Env::from_process()).expect("settings");
    settings.exe = PathBuf::from(env!("CARGO_BIN_EXE_mlxport"));
    let models = Models::new(settings);
    let said: Arc<Mutex<Vec<String>>> = Arc::default();
    let to = said.clone();
    let say: Sink<String> = Arc::new(move |text| to.lock().expect("not poisoned").push(text));
    runtime().block_on(async {
        let answering = models.answering(Role::Port, &say).await.expect("a server");
        assert_eq!(models.context(&answering).await, Some(8192), "as the checkpoint's config says");
        let setup = Setup {
            provider: Provider::Endpoint,
            model: answering.model.clone(),
            system: "You answer in one short sentence.".into(),
            tools: Vec::new(),
            limits: Limits { output: answering.profile.output.value, ..Limits::default() },
            ..Setup::default()
        };
        let mut machine = Machine::new(setup);
        turn(&mut machine, &answering, "What is the capital of France?").await;
        let first = machine.meter().tokens;
        turn(&mut machine, &answering, "And of Italy?").await;
        assert_eq!(machine.state(), &State::Idle);
        let roles: Vec<Who> = machine.messages().iter().map(|message| message.role).collect();
        assert_eq!(roles, [Who::User, Who::Assistant, Who::User, Who::Assistant]);
        let words: Vec<&str> = machine.messages().iter().map(|message| message.content.as_str()).collect();
        assert!(words[1].contains("Paris"), "{words:?}");
        assert!(!words[3].trim().is_empty(), "{words:?}");
        assert!(machine.meter().tokens > first, "the server counts, and the second turn is longer");
        // Another program of this machine has not the key.
        let stranger = Endpoint::new(&answering.client.endpoint().shown(), None).and_then(ChatClient::new);
        let refused = stranger.expect("a client").list_models().await.expect_err("no key");
        assert_eq!(refused.kind, FailureKind::Auth);
        assert_eq!(
            models.answering(Role::Port, &say).await.expect("the same").client.endpoint().shown(),
            answering.client.endpoint().shown()
        );

        let [pid] = servers(&home)[..] else { panic!("one server, not {:?}", servers(&home)) };
        let visible = std::fs::read(format!("/proc/{pid}/environ")).expect("its environment");
        assert!(!String::from_utf8_lossy(&visible).contains("MLXPORT"), "it inherits nothing");
        kill(Pid::from_raw(pid), Signal::SIGKILL).expect("killed");
        let events = turn(&mut machine, &answering, "And of Spain?").await;
        let Some(StreamEvent::Failed { failure }) = events.last() else { panic!("{events:?}") };
        assert!(matches!(failure.kind, FailureKind::Connect | FailureKind::Cut), "{failure:?}");
        let told = answering.local.as_ref().and_then(|server| server.obituary()).expect("it is dead");
        assert!(told.starts_with("mlx_lm.server ended with signal 9: ") && told.contains("log: "), "{told}");

        let again = models.answering(Role::Port, &say).await.expect("another server");
        assert_ne!(servers(&home), [pid]);
        assert!(again.client.list_models().await.is_ok());
    });
    let said = said.lock().expect("not poisoned").clone();
    let loads = said.iter().filter(|text| text.contains("has loaded")).count();
    assert!(loads == 2 && said.iter().any(|text| text.contains("is started again")), "{said:?}");
    drop(models);
    wait_for_none(&home);
}

#[test]
#[cfg(target_os = "linux")]
fn a_local_server_dies_with_its_parent_and_a_bad_checkpoint_is_told_with_its_last_words() {
    let lab = Lab::new();
    let checkpoint = smollm2();
    let home = configured(&lab, &checkpoint);
    let mut child = Command::new(env!("CARGO_BIN_EXE_mlxport"))
        .args(["model", "test", "small", "--home"])
        .arg(&home)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("mlxport");
    for _ in 0..400 {
        if !servers(&home).is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(servers(&home).len(), 1, "it was started");
    child.kill().expect("killed with SIGKILL");
    child.wait().expect("its end");
    wait_for_none(&home);

    let broken = home.join("broken");
    std::fs::create_dir_all(&broken).expect("a folder");
    mlxport::util::fs::write_atomic(&broken.join("config.json"), b"{\"model_type\": \"nosuchmodel\"}")
        .expect("config");
    mlxport::util::fs::write_atomic(&broken.join("model.safetensors"), b"").expect("weights");
    let (code, _, said) = lab.run(&["--profile", &format!("mlx-lm/{}", broken.display()), "model", "test"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("mlx_lm.server could not load") || said.contains("before it had loaded"), "{said}");
    assert!(said.contains("  | ") && said.contains("its whole log is"), "{said}");
    let (code, _, said) = lab.run(&["--profile", "mlx-lm//nowhere", "model", "test"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("/nowhere is not a checkpoint folder"), "{said}");
    wait_for_none(&home);
}
