//! The worker's handle against a worker that misbehaves in every way that one can. What the real worker computes is
//! tested through the command line, in `check.rs`.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mlxport::harness::data::{CheckVerdict, Event, Evidence, Kind, Limits, RunResult, Verdict, plan};
use mlxport::harness::{Harness, HarnessError, Site, Strategy, TwinRequest, store};
use mlxport::util::fs::write_atomic;
use mlxport::util::sink::Sink;
use tokio_util::sync::CancellationToken;

struct Lab {
    folder: tempfile::TempDir,
    harness: Harness,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Lab {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        let site = Site {
            program: env!("CARGO_BIN_EXE_mlxport").into(),
            python: crate::support::python3(),
            package: Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/fake_worker"),
            mlx_lm: at("mlx-lm"),
            results: at("results"),
            cache: at("cache"),
            strategy: Strategy::Fork,
            hidden: Vec::new(),
        };
        std::fs::create_dir_all(at("mlx-lm/mlx_lm/models")).expect("the checkout");
        std::fs::create_dir_all(at("cache/harness")).expect("the cache");
        Self { folder, harness: Harness::new(site), events: Arc::default() }
    }

    async fn check(&self, model_type: &str) -> Result<RunResult, HarnessError> {
        self.check_until(TwinRequest::new(model_type), CancellationToken::new()).await
    }

    async fn check_until(
        &self,
        request: TwinRequest,
        cancel: CancellationToken,
    ) -> Result<RunResult, HarnessError> {
        let events = Arc::clone(&self.events);
        let sink: Sink<Event> = Arc::new(move |event| events.lock().expect("events").push(event));
        self.harness.check_twin(request, sink, cancel).await
    }

    fn warmed(&self) -> usize {
        self.events.lock().expect("events").iter().filter(|event| **event == Event::Warming).count()
    }

    /// Whether the process that the stalling worker named is alive.
    fn stalled_is_alive(&self) -> Option<bool> {
        let text = std::fs::read_to_string(self.folder.path().join("cache/harness/stalled.pid")).ok()?;
        let pid = nix::unistd::Pid::from_raw(text.parse().ok()?);
        Some(nix::sys::signal::kill(pid, None).is_ok())
    }

    async fn wait_for_stall(&self) {
        for _ in 0..2000 {
            if self.stalled_is_alive().is_some() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the worker did not stall");
    }

    async fn wait_for_death(&self) {
        for _ in 0..500 {
            if self.stalled_is_alive() == Some(false) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the stalled worker is still alive");
    }
}

fn brief(seconds: f64) -> Limits {
    Limits { timeout: Duration::from_secs_f64(seconds), ..Limits::default() }
}

#[tokio::test]
async fn a_run_gives_events_a_result_and_a_stored_run() {
    let lab = Lab::new();
    let port = lab.folder.path().join("good.py");
    write_atomic(&port, b"x = 1\n").expect("the port");
    let request = TwinRequest { port: Some(port.clone()), ..TwinRequest::new("good") };
    let result = lab.check_until(request, CancellationToken::new()).await.expect("a result");
    assert_eq!((result.verdict, result.variant.as_str(), result.checks.len()), (Verdict::Pass, "tiny", 1));
    assert_eq!(result.checks[0].findings[0].text, "learnt later");

    let events = lab.events.lock().expect("events").clone();
    let kinds: Vec<String> = events
        .iter()
        .map(|event| serde_json::to_value(event).expect("JSON")["event"].as_str().expect("a tag").to_string())
        .collect();
    assert_eq!(kinds, ["warming", "started", "progress", "metric", "check", "finished"]);

    let results = &lab.harness.site().results;
    let stored = store::load(results, &result.run_id).expect("the stored run");
    assert_eq!(stored.result, result);
    assert_eq!(store::evidence(&stored), Evidence::Current);
    let copy = std::fs::read_to_string(results.join(&result.run_id).join("port.py")).expect("the copy");
    assert_eq!(copy, "x = 1\n");
    let log = std::fs::read_to_string(results.join(&result.run_id).join("events.jsonl")).expect("events");
    assert_eq!(log.lines().count(), 4);
}

#[tokio::test]
async fn one_worker_serves_run_after_run() {
    let lab = Lab::new();
    for _ in 0..3 {
        lab.check("good").await.expect("a result");
    }
    assert_eq!(lab.warmed(), 1);
}

#[tokio::test]
async fn a_pass_over_a_failed_check_is_not_believed() {
    let result = Lab::new().check("lying").await.expect("a result");
    assert_eq!(result.verdict, Verdict::Fail);
}

#[tokio::test]
async fn a_port_that_raises_fails_every_check_with_kind_port() {
    let result = Lab::new().check("raising").await.expect("a result");
    assert_eq!(result.verdict, Verdict::Fail);
    let errors: Vec<_> = result.checks.iter().filter_map(|check| check.error.as_ref()).collect();
    assert_eq!(errors.len(), plan::quick().len());
    assert!(errors.iter().all(|error| error.kind == Kind::Port && error.text == "raised ValueError"));
}

#[tokio::test]
async fn a_worker_lost_half_way_keeps_what_it_finished_and_the_next_run_gets_another() {
    let lab = Lab::new();
    for (kind, said) in [("half", "ended with"), ("half-garbage", "not protocol: garbage")] {
        let result = lab.check(kind).await.expect("a result");
        assert_eq!(result.verdict, Verdict::CouldNotRun, "{kind}");
        let verdicts: Vec<CheckVerdict> = result.checks.iter().map(|check| check.verdict).collect();
        assert_eq!(verdicts[0], CheckVerdict::Pass, "{kind}");
        assert!(verdicts[1..].iter().all(|verdict| *verdict == CheckVerdict::Error), "{kind}: {verdicts:?}");
        assert_eq!(result.checks.len(), plan::quick().len());
        assert!(result.first_error().expect("an error").text.contains(said), "{result:?}");
        let stored = store::load(&lab.harness.site().results, &result.run_id).expect("the stored run");
        assert_eq!(stored.result, result);
    }
    assert_eq!(lab.check("good").await.expect("a result").verdict, Verdict::Pass);
}

#[tokio::test]
async fn a_stray_line_is_reported_and_the_next_run_gets_a_new_worker() {
    let lab = Lab::new();
    let error = lab.check("stray").await.expect_err("no verdict");
    assert!(matches!(&error, HarnessError::Protocol { line, .. } if line == "Loading weights..."), "{error}");
    lab.check("good").await.expect("a result from a new worker");
    assert_eq!(lab.warmed(), 2);
}

#[tokio::test]
async fn a_line_without_end_is_cut_off() {
    let error = Lab::new().check("huge").await.expect_err("no verdict");
    assert!(matches!(error, HarnessError::LineTooLong { .. }), "{error}");
}

#[tokio::test]
async fn a_crash_shows_its_last_words_and_three_in_a_row_are_enough() {
    let lab = Lab::new();
    for _ in 0..3 {
        let error = lab.check("crash").await.expect_err("no verdict");
        let HarnessError::Died { status, tail } = error else { panic!("{error}") };
        assert_eq!((status.as_str(), tail.as_str()), ("exit code 7", "Segmentation fault somewhere"));
    }
    let error = lab.check("crash").await.expect_err("no verdict");
    assert!(matches!(error, HarnessError::Backoff { times: 3, .. }), "{error}");
}

#[tokio::test]
async fn a_worker_that_left_while_idle_is_replaced_in_silence() {
    let lab = Lab::new();
    for _ in 0..3 {
        lab.check("retire").await.expect("a result");
    }
}

#[tokio::test]
async fn a_run_over_its_time_is_a_failed_port_and_its_process_is_gone() {
    let lab = Lab::new();
    let request = TwinRequest { limits: brief(0.2), ..TwinRequest::new("stall") };
    let result = lab.check_until(request, CancellationToken::new()).await.expect("a result");
    assert_eq!((result.verdict, result.checks[0].verdict), (Verdict::Fail, CheckVerdict::Error));
    assert_eq!(result.first_error().map(|error| error.kind), Some(Kind::Port));
    lab.wait_for_death().await;
}

#[tokio::test]
async fn a_cancelled_worker_that_does_not_answer_is_killed() {
    let lab = Lab::new();
    let cancel = CancellationToken::new();
    let stop = async {
        lab.wait_for_stall().await;
        cancel.cancel();
    };
    let run = lab.check_until(TwinRequest::new("stall"), cancel.clone());
    let (ended, ()) = tokio::join!(run, stop);
    assert!(matches!(ended, Err(HarnessError::Cancelled)));
    lab.wait_for_death().await;
}

#[tokio::test]
async fn a_cancelled_worker_that_answers_stays_warm() {
    let lab = Lab::new();
    lab.check("good").await.expect("a warm worker");
    let cancel = CancellationToken::new();
    cancel.cancel();
    let ended = lab.check_until(TwinRequest::new("patient"), cancel).await;
    assert!(matches!(ended, Err(HarnessError::Cancelled)));
    lab.check("good").await.expect("a result");
    assert_eq!(lab.warmed(), 1);
}

#[tokio::test]
async fn a_dropped_run_leaves_no_process_behind() {
    let lab = Lab::new();
    let run = lab.check("stall");
    tokio::select! {
        _ = run => panic!("it stalls"),
        () = lab.wait_for_stall() => {}
    }
    lab.wait_for_death().await;
}

#[tokio::test]
async fn another_protocol_is_refused_by_name() {
    let lab = Lab::new();
    write_atomic(&lab.folder.path().join("cache/harness/old"), b"").expect("the switch");
    let error = lab.check("good").await.expect_err("no verdict");
    assert_eq!(error.to_string(), "the harness worker speaks protocol 99, this program speaks 1");
}

#[tokio::test]
async fn what_was_given_wrongly_is_named_before_a_worker_starts() {
    let lab = Lab::new();
    let port = TwinRequest { port: Some("/nowhere/x.py".into()), ..TwinRequest::new("good") };
    let config = TwinRequest { configs: vec!["/nowhere".into()], ..TwinRequest::new("good") };
    let mut said = Vec::new();
    for request in [port, config, TwinRequest::new("../../etc/passwd")] {
        let error = lab.check_until(request, CancellationToken::new()).await.expect_err("wrong");
        said.push(error.to_string());
    }
    let expected = [
        "no port of `good` at /nowhere/x.py",
        "no config file at /nowhere",
        "`../../etc/passwd` is not a model type: small letters, digits, `_`, `-` and `.` only",
    ];
    assert_eq!(said, expected);
    assert_eq!(lab.warmed(), 0);
}
