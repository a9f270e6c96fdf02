//! The real worker on real ports: upstream's own, wrong ones and hostile ones. One warm worker serves the whole file; the
//! command line is started only for what is the command line's.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use mlxport::harness::data::{CheckVerdict, Event, Kind, Limits, ReferenceCode, RunResult, Verdict, plan};
use mlxport::harness::{CheckId, Harness, HarnessError, Site, TwinRequest};
use mlxport::util::fs::write_atomic;
use mlxport::util::sink::Sink;
use tokio_util::sync::CancellationToken;

use crate::support::env::{runtime, shared};

struct Lab {
    runtime: tokio::runtime::Runtime,
    harness: Harness,
    folder: tempfile::TempDir,
    /// One run at a time keeps a run's time limit its own.
    turn: Mutex<()>,
}

fn lab() -> &'static Lab {
    static LAB: OnceLock<Lab> = OnceLock::new();
    LAB.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let site = Site::of(env!("CARGO_BIN_EXE_mlxport").into(), shared()).expect("a site");
        let site = Site {
            results: folder.path().join("results"),
            cache: Path::new(env!("CARGO_TARGET_TMPDIR")).join("check"),
            ..site
        };
        Lab { runtime: runtime(), harness: Harness::new(site), folder, turn: Mutex::new(()) }
    })
}

impl Lab {
    fn run(&self, request: TwinRequest) -> (Result<RunResult, HarnessError>, Vec<Event>) {
        let _turn = self.turn.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let events: Arc<Mutex<Vec<Event>>> = Arc::default();
        let kept = Arc::clone(&events);
        let sink: Sink<Event> = Arc::new(move |event| kept.lock().expect("events").push(event));
        let result = self.runtime.block_on(self.harness.check_twin(request, sink, CancellationToken::new()));
        let events = std::mem::take(&mut *events.lock().expect("events"));
        (result, events)
    }

    fn check(&self, request: TwinRequest) -> RunResult {
        self.run(request).0.expect("a result")
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        write_atomic(&path, text.as_bytes()).expect("a file");
        path
    }

    /// Checks a file as the port of qwen3, for exactness alone.
    fn port(&self, folder: &str, text: &str) -> TwinRequest {
        let port = Some(self.file(&format!("{folder}/qwen3.py"), text));
        TwinRequest { port, checks: vec![CheckId::EXACT], ..TwinRequest::new("qwen3") }
    }
}

/// Upstream's llama turned into arcee: no gate, a squared ReLU, RoPE read as transformers 5 writes it.
fn arcee() -> String {
    let llama = std::fs::read_to_string(shared().port_file("llama")).expect("upstream's llama");
    let edits = [
        ("        self.gate_proj = nn.Linear(dim, hidden_dim, bias=mlp_bias)\n", ""),
        ("swiglu(self.gate_proj(x), self.up_proj(x))", "nn.relu2(self.up_proj(x))"),
        (
            "    rope_traditional: bool",
            "    rope_parameters: Optional[dict] = None\n    rope_traditional: bool",
        ),
        (
            "        if self.layer_types is None:",
            "        if self.rope_parameters:\n            self.rope_theta = self.rope_parameters[\"rope_theta\"]\n            \
             self.rope_scaling = self.rope_parameters\n        if self.layer_types is None:",
        ),
    ];
    edits.iter().fold(llama, |text, (old, new)| {
        assert!(text.contains(old), "upstream's llama has changed: {old}");
        text.replace(old, new)
    })
}

fn upstreams_qwen3() -> String {
    std::fs::read_to_string(shared().port_file("qwen3")).expect("upstream's qwen3")
}

fn finding_ids(result: &RunResult) -> Vec<&str> {
    let mut ids: Vec<&str> =
        result.checks.iter().flat_map(|check| &check.findings).map(|finding| finding.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

#[test]
fn what_the_sandbox_refuses_is_named_as_that_and_as_the_ports_fault() {
    let key = lab().file("home/.ssh/id_ed25519", "secret");
    let open = format!("open({:?})", key.display().to_string());
    let qwen3 = upstreams_qwen3();
    let body = "        out = self.model(inputs";
    assert!(qwen3.contains(body), "upstream's qwen3 has changed");
    let at_import = |code: &str| format!("{code}\n{qwen3}");
    let in_call = |code: &str| qwen3.replace(body, &format!("        {code}\n{body}"));
    let path = key.display().to_string();
    let socket = "import socket; socket.socket()";
    let cases = [
        ("refused-a", at_import(&open), path.as_str()),
        ("refused-b", in_call(&open), path.as_str()),
        ("refused-c", at_import(socket), "a network socket"),
        ("refused-d", in_call(socket), "a network socket"),
    ];
    for (folder, text, what) in cases {
        let result = lab().check(lab().port(folder, &text));
        assert_eq!(result.verdict, Verdict::Fail, "{folder}");
        let error = result.checks.iter().find_map(|check| check.error.clone()).expect("an error");
        assert_eq!(error.kind, Kind::Port, "{folder}: {}", error.text);
        assert!(error.text.starts_with(&format!("The sandbox refused the port {what} (")), "{}", error.text);
        assert!(
            error.text.contains("qwen3.py:")
                && error.hint.is_some_and(|hint| hint.contains("nobody has read"))
        );
    }
}

#[test]
fn upstreams_ports_give_the_verdicts_that_they_deserve() {
    let mut found = Vec::new();
    for model_type in ["qwen3", "llama", "olmo2", "qwen3_moe", "deepseek_v3"] {
        let result = lab().check(TwinRequest::new(model_type));
        found.push((model_type, result.verdict, finding_ids(&result).join(" ")));
    }
    let rope = |model_type| (model_type, Verdict::Pass, "rope_spelling".to_string());
    let expected = [
        ("qwen3", Verdict::Pass, String::new()),
        rope("llama"),
        rope("olmo2"),
        rope("qwen3_moe"),
        rope("deepseek_v3"),
    ];
    assert_eq!(found, expected);
    let gemma = lab().check(TwinRequest::new("gemma3_text"));
    let plain = gemma.verdict == Verdict::Pass && finding_ids(&gemma).is_empty();
    assert!(!plain, "gemma3_text rounds its embedding scale: {gemma:?}");
}

#[test]
fn a_wrong_activation_is_named_by_module_and_line_in_the_persons_own_file() {
    let right = lab().file("right/arcee.py", &arcee());
    let wrong = lab().file("wrong/arcee.py", &arcee().replace("nn.relu2", "nn.silu"));
    let request = |port| TwinRequest { port: Some(port), ..TwinRequest::new("arcee") };
    assert_eq!(lab().check(request(right)).verdict, Verdict::Pass);
    let result = lab().check(request(wrong.clone()));
    let place = result.first_divergence().expect("a place");
    let line = |text: &str, at: usize| text.lines().nth(at).unwrap_or_default().to_string();
    let (path, number) = place.port.as_deref().and_then(|at| at.rsplit_once(':')).expect("file:line");
    assert_eq!(
        (result.verdict, place.module.as_str(), Path::new(path)),
        (Verdict::Fail, "model.layers.0.mlp", wrong.canonicalize().expect("a real path").as_path())
    );
    let at: usize = number.parse().expect("a line");
    let text = std::fs::read_to_string(wrong).expect("the port");
    let near: Vec<String> = (at.saturating_sub(2)..at + 2).map(|at| line(&text, at)).collect();
    assert!(near.iter().any(|line| line.contains("nn.silu")), "{number}: {near:?}");
    assert!(place.reference.as_deref().is_some_and(|at| at.contains("modeling_arcee.py:")), "{place:?}");
}

#[test]
fn a_hostile_port_fails_with_the_reason_and_the_worker_serves_on() {
    lab().check(TwinRequest { checks: vec![CheckId::EXACT], ..TwinRequest::new("qwen3") });
    let good = upstreams_qwen3();
    let cases = [
        ("syntax", "def broken(:\n".to_string(), "does not parse"),
        ("raises", format!("{good}\nraise ValueError('on import')\n"), "ValueError: on import"),
        ("exits", format!("import os\nos._exit(3)\n{good}"), "ended with status 3"),
        ("loops", format!("while True: pass\n{good}"), "did not finish within 3 s"),
        ("eats", format!("hoard = bytearray(b'x') * (10 << 30)\n{good}"), "memory"),
        ("empty", String::new(), "defines no Model"),
    ];
    for (name, text, expected) in cases {
        let mut request = lab().port(name, &text);
        request.limits =
            Limits { timeout: Duration::from_secs(if name == "loops" { 3 } else { 60 }), mem_mb: 4096 };
        let (result, events) = lab().run(request);
        let result = result.expect("a result");
        let error = result.first_error().unwrap_or_else(|| panic!("{name}: {result:?}"));
        assert_eq!((name, result.verdict, error.kind), (name, Verdict::Fail, Kind::Port));
        assert!(error.text.contains(expected), "{name}: {}", error.text);
        assert!(!events.contains(&Event::Warming), "{name} cost the worker");
    }
}

#[test]
fn what_a_port_prints_is_a_log_line_and_never_protocol() {
    let noise = format!(
        "print('{{\"type\":\"done\",\"verdict\":\"pass\"}}')\nprint('junk' * 10)\n{}",
        upstreams_qwen3()
    );
    let (result, events) = lab().run(lab().port("noisy", &noise));
    assert_eq!(result.expect("a result").verdict, Verdict::Pass);
    let logged = |event: &Event| matches!(event, Event::Log { text } if text.contains("junkjunk"));
    assert!(events.iter().any(logged), "{events:?}");
}

#[test]
fn a_request_that_makes_no_sense_is_the_persons_and_names_a_way_out() {
    let broken = lab().file("broken/config.json", "{\n  \"model_type\": oops\n}");
    let other = lab().file("other/config.json", "{\"model_type\": \"llama\"}");
    let with =
        |model_type: &str, configs: Vec<PathBuf>| TwinRequest { configs, ..TwinRequest::new(model_type) };
    let cases = [
        (with("qwenn3", vec![]), "knows no model_type 'qwenn3'"),
        (with("bert", vec![]), "not a causal language model"),
        (with("qwen3", vec![broken.clone()]), "broken/config.json:2:"),
        (with("qwen3", vec![other]), "model_type 'llama', not 'qwen3'"),
    ];
    for (request, expected) in cases {
        let result = lab().check(request);
        let error = result.first_error().expect("an error");
        assert_eq!((result.verdict, error.kind), (Verdict::CouldNotRun, Kind::User), "{}", error.text);
        assert!(error.text.contains(expected), "{}", error.text);
        assert!(error.hint.as_deref().is_some_and(|hint| !hint.is_empty()), "{}", error.text);
    }
}

/// A data folder whose workspace is the shared one.
fn home() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path().canonicalize().expect("a real path");
    let workspace = mlxport::port::Workspace { home: root.clone(), ..shared().clone() };
    let text = serde_json::to_vec(&workspace).expect("JSON");
    write_atomic(&root.join("workspace.json"), &text).expect("workspace.json");
    folder
}

fn mlxport(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mlxport"));
    command.args(args).arg("--home").arg(home).stdin(Stdio::null());
    command
}

/// Lists the processes below a process: the worker and what it forked.
fn descendants(of: u32) -> Vec<u32> {
    let output = Command::new("ps").args(["-eo", "pid=,ppid="]).output().expect("ps");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let pair = |line: &str| {
        let mut numbers = line.split_whitespace().filter_map(|number| number.parse::<u32>().ok());
        Some((numbers.next()?, numbers.next()?))
    };
    let all: Vec<(u32, u32)> = text.lines().filter_map(pair).collect();
    let mut found = vec![of];
    let mut at = 0;
    while at < found.len() {
        let children = all.iter().filter(|(_, parent)| *parent == found[at]).map(|(pid, _)| *pid);
        found.extend(children.collect::<Vec<_>>());
        at += 1;
    }
    found.split_off(1)
}

#[test]
fn the_command_line_prints_one_object_and_the_exit_code_says_the_verdict() {
    let home = home();
    let wrong = lab().file("cli/arcee.py", &arcee().replace("nn.relu2", "nn.silu"));
    let port = wrong.to_str().expect("a path");
    let output =
        mlxport(home.path(), &["check", "twin", "arcee", "--port", port, "--checks", "exact", "--json"])
            .output()
            .expect("mlxport");
    let result: RunResult = serde_json::from_slice(&output.stdout).expect("one object on stdout");
    assert_eq!((output.status.code(), result.verdict, result.checks.len()), (Some(1), Verdict::Fail, 2));
    assert_eq!(result.checks[0].verdict, CheckVerdict::Fail);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("checking arcee"), "{said}");
}

#[test]
fn what_cannot_run_exits_with_2_and_still_prints_an_object() {
    let home = home();
    let output = mlxport(home.path(), &["check", "twin", "qwen3", "--port", "/nowhere.py", "--json"])
        .output()
        .expect("mlxport");
    let result: RunResult = serde_json::from_slice(&output.stdout).expect("one object on stdout");
    assert_eq!((output.status.code(), result.verdict), (Some(2), Verdict::CouldNotRun));
    assert_eq!(result.first_error().expect("an error").text, "no port of `qwen3` at /nowhere.py");
}

#[test]
fn ctrl_c_ends_a_hanging_check_with_130_and_leaves_no_worker() {
    let home = home();
    let port = lab().file("hang/qwen3.py", "while True: pass\n");
    let args = ["check", "twin", "qwen3", "--port", port.to_str().expect("a path")];
    let mut child = mlxport(home.path(), &args).stderr(Stdio::piped()).spawn().expect("mlxport");
    let lines = BufReader::new(child.stderr.take().expect("stderr")).lines();
    let started = lines.map_while(Result::ok).any(|line| line.contains("checking qwen3"));
    assert!(started);
    // The worker, and below it the child that runs the port.
    let mut below = descendants(child.id());
    for _ in 0..200 {
        if below.len() >= 2 {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
        below = descendants(child.id());
    }
    assert!(below.len() >= 2, "no worker at work: {below:?}");
    let pid = |pid: u32| nix::unistd::Pid::from_raw(i32::try_from(pid).expect("a pid"));
    nix::sys::signal::kill(pid(child.id()), nix::sys::signal::Signal::SIGINT).expect("SIGINT");
    assert_eq!(child.wait().expect("an exit").code(), Some(130));
    let alive = || below.iter().filter(|id| nix::sys::signal::kill(pid(**id), None).is_ok()).count();
    for _ in 0..200 {
        if alive() == 0 {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{} of {below:?} outlived the command", alive());
}

#[test]
fn the_list_of_checks_needs_no_workspace() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = mlxport(folder.path(), &["check", "--list", "--json"]).output().expect("mlxport");
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one object on stdout");
    let ids: Vec<&str> =
        list["checks"].as_array().expect("checks").iter().filter_map(|c| c["id"].as_str()).collect();
    let known: Vec<&str> = plan::list().iter().map(|check| check.id.name()).collect();
    assert_eq!((output.status.code(), &ids), (Some(0), &known));
    assert!(["exact", "cache", "batch", "load"].iter().all(|id| ids.contains(id)), "{ids:?}");
}

#[test]
fn a_checkpoints_own_code_is_the_reference_and_is_located_in_the_persons_file() {
    let files = [
        (
            "config.json",
            r#"{"model_type": "own_llama", "auto_map": {"AutoConfig": "configuration_own.OwnConfig", "AutoModelForCausalLM": "modeling_own.OwnForCausalLM"}}"#,
        ),
        (
            "configuration_own.py",
            "from transformers import LlamaConfig\n\n\nclass OwnConfig(LlamaConfig):\n    model_type = \"own_llama\"\n",
        ),
        ("modeling_own.py", OWN_MODEL),
    ];
    let written = files.map(|(name, text)| lab().file(&format!("own/{name}"), text));
    let folder = written[0].parent().expect("a folder");
    let code = mlxport::hub::code::read(folder).expect("code");
    let names = files.map(|(name, _)| name.to_string()).to_vec();
    let reference_code =
        Some(ReferenceCode { folder: code.folder.clone(), files: names, digest: code.digest });
    let port = "from dataclasses import dataclass\n\nfrom mlx_lm.models import llama\n\n\n@dataclass\nclass ModelArgs(llama.ModelArgs):\n    pass\n\n\nclass Model(llama.Model):\n    def __call__(self, inputs, cache=None, input_embeddings=None):\n        return super().__call__(inputs, cache) * 0.5\n";
    let port = Some(lab().file("own/port/own_llama.py", port));
    let request =
        TwinRequest { port, reference_code, checks: vec![CheckId::EXACT], ..TwinRequest::new("own_llama") };
    let right = lab().check(request.clone());
    assert_eq!(right.verdict, Verdict::Pass, "{right:?}");
    let other = ReferenceCode { digest: "0".repeat(64), ..request.reference_code.clone().expect("code") };
    let refused = lab().check(TwinRequest { reference_code: Some(other), ..request });
    assert_eq!(refused.verdict, Verdict::CouldNotRun);
    let error = refused.checks[0].error.as_ref().expect("an error");
    assert!(error.text.contains("not the code that was accepted"), "{error:?}");
}

/// Llama with halved logits, and a try at writing a file where the sandbox has none to give.
const OWN_MODEL: &str = "from transformers import LlamaForCausalLM

from .configuration_own import OwnConfig

try:
    open(\"/tmp/mlxport-reference-code-escaped\", \"w\")
    ESCAPED = 3.0
except OSError:
    ESCAPED = 1.0


class OwnForCausalLM(LlamaForCausalLM):
    config_class = OwnConfig

    def forward(self, *args, **kwargs):
        out = super().forward(*args, **kwargs)
        out.logits = out.logits * 0.5 * ESCAPED
        return out
";
