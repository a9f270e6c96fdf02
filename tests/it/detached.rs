//! Long jobs outlast the screen, and end when told.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mlxport::config::Home;
use mlxport::util::blame::Blame;
use mlxport::util::detached::{
    Ending, Followed, JobDir, JobError, JobSpec, State, cancel, follow, list, start, state,
};
use mlxport::util::sink::Sink;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getsid};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn results(&self) -> PathBuf {
        Home::at(self.folder.path()).results()
    }

    fn spec(&self, kind: &str, args: Value) -> JobSpec {
        JobSpec { home: self.folder.path().into(), kind: kind.into(), args }
    }

    async fn start(&self, args: Value) -> JobDir {
        let exe = Path::new(env!("CARGO_BIN_EXE_mlxport"));
        start(&self.results(), exe, &self.spec("sleep", args)).await.expect("a started job")
    }

    /// A script that writes its own number once it runs, waits for the file `go`, and then says `done`.
    fn waits(&self) -> String {
        let (pid, go) = (self.path("script"), self.path("go"));
        format!(
            "echo $$ > {0}.part; mv {0}.part {0}; until [ -e {1} ]; do sleep 0.05; done; echo done",
            pid.display(),
            go.display()
        )
    }

    fn go(&self) {
        std::fs::write(self.path("go"), "").expect("a file");
    }
}

fn leader(dir: &JobDir) -> Pid {
    let text = std::fs::read_to_string(dir.path().join("pid")).expect("a pid file");
    let value: Value = serde_json::from_str(&text).expect("JSON");
    Pid::from_raw(value["pid"].as_i64().expect("a number") as i32)
}

/// Waits for a file; the deadline only turns a hang into a failure.
async fn number_in(path: &Path) -> Pid {
    for _ in 0..1000 {
        if let Ok(text) = std::fs::read_to_string(path) {
            return Pid::from_raw(text.trim().parse().expect("a number"));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{} does not appear", path.display());
}

async fn ends(pid: Pid) -> bool {
    for _ in 0..500 {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let zombie = stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'));
        if kill(pid, None).is_err() || zombie {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

fn collector() -> (Sink<Value>, Arc<Mutex<Vec<Value>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = seen.clone();
    (Arc::new(move |value| kept.lock().expect("a lock").push(value)), seen)
}

async fn followed(dir: &JobDir) -> (Followed, Vec<Value>) {
    let (sink, seen) = collector();
    let how = follow(dir, sink, CancellationToken::new()).await.expect("followed");
    let seen = seen.lock().expect("a lock").clone();
    (how, seen)
}

#[tokio::test]
async fn every_follower_sees_every_event_and_the_ending() {
    let place = Place::new();
    let job = place.start(json!({"lines": [{"step": 1}, {"step": 2}], "script": place.waits()})).await;
    assert_eq!(state(&job).expect("a state"), State::Running);
    assert_eq!(getsid(Some(leader(&job))), Ok(leader(&job)), "a session of its own");
    place.go();
    let expected = (
        Followed::Ended(Ending::Done { value: json!("done") }),
        vec![json!({"step": 1}), json!({"step": 2})],
    );
    assert_eq!(followed(&job).await, expected);
    assert_eq!(followed(&job).await, expected, "and again, after its end");
    let all = list(&place.results());
    let spec = place.spec("sleep", json!({"lines": [{"step": 1}, {"step": 2}], "script": place.waits()}));
    assert_eq!(all, [(job, spec, State::Ended(Ending::Done { value: json!("done") }))]);
}

#[tokio::test]
async fn a_follower_that_leaves_does_not_end_the_job() {
    let place = Place::new();
    let job = place.start(json!({"lines": [1], "script": place.waits()})).await;
    let (sink, seen) = collector();
    let leave = CancellationToken::new();
    leave.cancel();
    assert_eq!(follow(&job, sink, leave).await.expect("followed"), Followed::Left);
    assert_eq!(*seen.lock().expect("a lock"), [json!(1)]);
    assert_eq!(state(&job).expect("a state"), State::Running);
    place.go();
    assert_eq!(followed(&job).await.0, Followed::Ended(Ending::Done { value: json!("done") }));
}

/// Kills the screen's whole process group and its terminal session the hard way.
#[tokio::test]
async fn killing_the_screen_does_not_end_the_job() {
    let place = Place::new();
    let job = JobDir::of(&place.results(), "by-hand");
    std::fs::create_dir_all(job.path()).expect("a folder");
    let spec = place.spec("sleep", json!({"script": place.waits()}));
    std::fs::write(job.path().join("job.json"), serde_json::to_vec(&spec).expect("JSON")).expect("a spec");
    let screen = r#"
import os, signal, subprocess, sys, time
subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
while not os.path.exists(sys.argv[1]): time.sleep(0.01)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
os.killpg(0, signal.SIGHUP)
os.killpg(0, signal.SIGKILL)
"#;
    let exe = env!("CARGO_BIN_EXE_mlxport");
    let command = mlxport::util::process::Command::new("/usr/bin/python3").args(["-c", screen]);
    let command = command.arg(job.path().join("pid")).arg(exe).arg("--home").arg(place.folder.path());
    let output = command.args(["__job", "by-hand"]).any_exit().run().await.expect("a screen");
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&output.status), Some(9));
    assert_eq!(state(&job).expect("a state"), State::Running);
    place.go();
    assert_eq!(followed(&job).await.0, Followed::Ended(Ending::Done { value: json!("done") }));
}

#[tokio::test]
async fn a_killed_job_is_reported_as_died_with_its_events() {
    let place = Place::new();
    let job = place.start(json!({"lines": ["kept"], "script": place.waits()})).await;
    let script = number_in(&place.path("script")).await;
    kill(leader(&job), Signal::SIGKILL).expect("killed");
    let died = Ending::Died { last_words: String::new() };
    assert_eq!(followed(&job).await, (Followed::Ended(died.clone()), vec![json!("kept")]));
    assert_eq!(state(&job).expect("a state"), State::Ended(died));
    cancel(&job).await.expect("nothing to do");
    kill(script, Signal::SIGKILL).expect("tidied");
}

/// The shell ignores SIGTERM, and its child has a process group of its own.
#[tokio::test]
async fn cancel_ends_all_that_the_job_started() {
    let place = Place::new();
    let child = place.path("child");
    let script = format!(
        "trap '' TERM; set -m; sh -c 'echo $$ > {0}; sleep 600' & {1}",
        child.display(),
        place.waits()
    );
    let job = place.start(json!({"script": script})).await;
    let (script, child) = (number_in(&place.path("script")).await, number_in(&child).await);
    cancel(&job).await.expect("cancelled");
    assert!(ends(script).await && ends(child).await && ends(leader(&job)).await);
    assert_eq!(state(&job).expect("a state"), State::Ended(Ending::Cancelled));
    assert_eq!(followed(&job).await.0, Followed::Ended(Ending::Cancelled));
}

/// A number written long ago may be another process by now.
#[tokio::test]
async fn cancel_never_signals_a_process_that_only_has_the_number() {
    let place = Place::new();
    let job = place.start(json!({"script": place.waits()})).await;
    let number = leader(&job).as_raw();
    let other = json!({"pid": number, "started": "another boot 1"});
    std::fs::write(job.path().join("pid"), other.to_string()).expect("a pid file");
    cancel(&job).await.expect("nothing to do");
    assert_eq!(state(&job).expect("a state"), State::Running);
    place.go();
    assert_eq!(followed(&job).await.0, Followed::Ended(Ending::Done { value: json!("done") }));
}

#[tokio::test]
async fn failures_are_named_on_both_sides() {
    let place = Place::new();
    let job = place.start(json!({"script": "echo why >&2; exit 3"})).await;
    let Followed::Ended(Ending::Failed { report }) = followed(&job).await.0 else { panic!("it failed") };
    assert_eq!((report.blame, report.detail.as_deref()), (Blame::Environment, Some("why")));

    let exe = Path::new("/no/such/mlxport");
    let error = start(&place.results(), exe, &place.spec("sleep", json!({}))).await.expect_err("no program");
    assert!(matches!(error, JobError::Start { .. }));
    let error = start(&place.results(), Path::new("/bin/false"), &place.spec("sleep", json!({}))).await;
    assert!(matches!(error, Err(JobError::Stillborn { .. })));
    let error = state(&JobDir::of(&place.results(), "none")).expect_err("no folder");
    assert_eq!(error.to_string(), format!("there is no job in {}", place.results().join("none").display()));
}
