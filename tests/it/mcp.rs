//! The tools over MCP, with the client library from PyPI on the other side, on a real port and the real harness; and the
//! bytes that no library sends.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::env::{TestWorkspace, shared, test_workspace};

const CLIENT: &str = "mcp==2.3.0";

/// The client library, installed once into the tests' own folder.
fn client() -> &'static Path {
    static CLIENT_DIR: OnceLock<PathBuf> = OnceLock::new();
    CLIENT_DIR.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mcp-client");
        if !folder.join("done").is_file() {
            let workspace = shared();
            let installed = Command::new(workspace.uv.clone().unwrap_or_else(|| "uv".into()))
                .args(["pip", "install", "--quiet", "--python"])
                .arg(&workspace.python)
                .arg("--target")
                .arg(&folder)
                .arg(CLIENT)
                .status()
                .expect("uv starts");
            assert!(installed.success(), "{CLIENT} cannot be installed");
            std::fs::write(folder.join("done"), CLIENT).unwrap();
        }
        folder
    })
}

/// Plays requests against `mlxport mcp` and gives the answer of `initialize` and of each.
fn play(place: &TestWorkspace, args: &[&str], requests: Value) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/mcp_client.py");
    let output = Command::new(&shared().python)
        .arg(script)
        .arg(requests.to_string())
        .arg(env!("CARGO_BIN_EXE_mlxport"))
        .arg("mcp")
        .args(args)
        .arg("--home")
        .arg(&place.workspace.home)
        .env("PYTHONPATH", client())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("python starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// Runs another command on the same data folder and gives its JSON.
fn mlxport(place: &TestWorkspace, args: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mlxport"));
    let output = command.args(args).arg("--home").arg(&place.workspace.home).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

fn call(name: &str, arguments: Value) -> Value {
    json!({"do": "call", "name": name, "arguments": arguments})
}

fn text(answer: &Value) -> &str {
    answer["answer"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text: {answer}"))
}

fn is_error(answer: &Value) -> bool {
    answer["answer"]["isError"] == true
}

fn tree(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().map(Result::unwrap);
    let files = files.filter(|entry| entry.file_type().is_file());
    files.map(|entry| (entry.path().to_path_buf(), std::fs::read(entry.path()).unwrap())).collect()
}

#[test]
fn another_agent_reads_checks_and_is_refused_edits() {
    let place = test_workspace("llama");
    let before = tree(&place.workspace.checkout.join("mlx_lm"));
    let requests = json!([
        {"do": "tools"},
        call("read_source", json!({"path": "mlx_lm/models/llama.py", "start": 1, "end": 3})),
        call("check_twin", json!({"checks": ["exact", "cache"]})),
        call("edit_port", json!({"path": "mlx_lm/models/llama.py", "edits": [{"search": "rope", "replace": "x"}]})),
        call("edit_shared", json!({"path": "mlx_lm/models/base.py", "reason": "r", "edits": [{"search": "a", "replace": "b"}]})),
        call("read_source", json!({"path": "../../workspace.json"})),
        call("read_source", json!({"path": "/etc/passwd"})),
        call("read_source", json!({})),
        call("commit", json!({})),
        call("check_twin", json!({"checks": ["exakt"]})),
        {"do": "prompts"},
        {"do": "prompt", "name": "rope"},
        {"do": "prompt", "name": "../system"},
        call("write_golden", json!({})),
        call("check_golden", json!({"pack": "llama.gold"})),
        call("check_golden", json!({"pack": "../../workspace.json"})),
    ]);
    let said = play(&place, &["llama"], requests);
    assert_eq!(said[0]["serverInfo"]["name"], "mlxport");
    assert!(said[0]["instructions"].as_str().unwrap().contains("Never write a pull-request title"));
    let tools = said[1]["tools"].as_array().unwrap();
    let names: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"check_twin") && names.contains(&"config_ledger"), "{names:?}");
    // A golden pack is written in the data folder.
    let writes = |name: &&str| name.contains("edit") || name.contains("write") && *name != "write_golden";
    assert!(!names.iter().any(writes), "{names:?}");
    for tool in tools {
        assert_eq!(tool["inputSchema"]["type"], "object", "{tool}");
        assert_eq!(tool["annotations"]["readOnlyHint"], tool["name"] != "write_golden", "{tool}");
        assert_eq!(tool["annotations"]["destructiveHint"], false, "{tool}");
        assert!(tool["description"].as_str().unwrap().len() > 60, "{tool}");
    }
    assert!(text(&said[2]).starts_with("mlx_lm/models/llama.py, lines 1-3 of "), "{}", said[2]);
    assert!(text(&said[3]).starts_with("verdict: pass (run "), "{}", text(&said[3]));
    let result = &said[3]["answer"]["structuredContent"];
    assert_eq!((&result["verdict"], &result["model_type"]), (&json!("pass"), &json!("llama")));
    assert!(result["checks"].as_array().unwrap().len() >= 2, "{result}");
    let steps: Vec<f64> =
        said[3]["progress"].as_array().unwrap().iter().map(|step| step[0].as_f64().unwrap()).collect();
    assert!(steps.len() >= 2 && steps.windows(2).all(|pair| pair[0] < pair[1]), "{steps:?}");
    for (at, why) in [
        (4, "`edit_port` is not offered: this server reads and checks only"),
        (5, "`edit_shared` is never offered over MCP"),
        (6, "must be relative, without `.` or `..`"),
        (7, "/etc/passwd"),
        (8, "missing field `path`"),
        (10, "no check is named `exakt`"),
    ] {
        assert!(is_error(&said[at]) && text(&said[at]).contains(why), "{at}: {}", said[at]);
    }
    assert!(!text(&said[7]).contains("root:"));
    assert!(said[9]["error"].as_str().unwrap().contains("there is no tool named `commit`"), "{}", said[9]);
    let prompts: Vec<&str> = said[11]["prompts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|prompt| prompt["name"].as_str().unwrap())
        .collect();
    assert!(prompts.contains(&"port") && prompts.contains(&"rope"), "{prompts:?}");
    assert!(said[12]["messages"][0]["content"]["text"].as_str().unwrap().contains("rope_parameters"));
    assert!(said[13]["error"].as_str().unwrap().contains("no prompt named"));
    for (at, end) in
        [(14, "golden: pass, twin twin, arrays written"), (15, "golden: pass, twin twin, relative")]
    {
        assert!(!is_error(&said[at]) && text(&said[at]).contains(end), "{at}: {}", said[at]);
    }
    assert!(is_error(&said[16]) && text(&said[16]).contains("there are llama.gold"), "{}", said[16]);
    assert!(place.home().results().join("golden/llama.gold").is_file());
    assert_eq!(tree(&place.workspace.checkout.join("mlx_lm")), before, "a server that reads writes nothing");
    // The run is stored as any other.
    let run = result["run_id"].as_str().unwrap();
    assert!(place.home().results().join(run).join("run.json").is_file());
}

#[test]
fn with_edits_the_port_and_its_test_alone_are_written_and_a_call_can_be_left() {
    let place = test_workspace("mcpport");
    let checkout = &place.workspace.checkout;
    let base = std::fs::read(checkout.join("mlx_lm/models/base.py")).unwrap();
    let typed = |mut arguments: Value| {
        arguments["model_type"] = "mcpport".into();
        arguments
    };
    let leave = json!({"do": "call", "name": "check_twin", "leave_after": 0.3,
        "arguments": {"model_type": "qwen3", "checks": "full"}});
    let requests = json!([
        call("write_port", typed(json!({"path": "mlx_lm/models/mcpport.py", "text": "x  =  1"}))),
        call("format_port", typed(json!({}))),
        call(
            "edit_port",
            typed(
                json!({"path": "mlx_lm/models/mcpport.py", "edits": [{"search": "x = 1", "replace": "x = 2"}]})
            )
        ),
        call("edit_test", typed(json!({"config": {"vocab_size": 100, "num_hidden_layers": 2}}))),
        call("write_port", typed(json!({"path": "mlx_lm/models/base.py", "text": "x"}))),
        call(
            "edit_shared",
            typed(
                json!({"path": "mlx_lm/models/base.py", "reason": "r", "edits": [{"search": "import", "replace": "b"}]})
            )
        ),
        call("add_lesson", typed(json!({"title": "t", "text": "x"}))),
        call("list_checks", json!({})),
        call("write_port", json!({"model_type": "../x", "path": "mlx_lm/models/../x.py", "text": "x"})),
        leave,
        call("list_checks", typed(json!({}))),
    ]);
    let begun = Instant::now();
    let said = play(&place, &["--allow-edits"], requests);
    assert!(begun.elapsed() < Duration::from_secs(120), "the left check was not stopped");
    for answer in &said[1..=4] {
        assert!(!is_error(answer) && text(answer).starts_with("Applied: "), "{answer}");
    }
    for (at, why) in [
        (5, "may not be changed; only mlx_lm/models/mcpport.py and tests/test_models.py may"),
        (6, "never offered over MCP"),
        (7, "never offered over MCP"),
        (8, "`model_type` is missing"),
        (9, "letters, digits, `_` and `-` only"),
    ] {
        assert!(is_error(&said[at]) && text(&said[at]).contains(why), "{at}: {}", said[at]);
    }
    assert_eq!(said[10]["answer"], Value::Null, "the client left before there was an answer");
    assert!(
        !is_error(&said[11]) && text(&said[11]).contains("exact (fast"),
        "the server lives on: {}",
        said[11]
    );
    assert_eq!(std::fs::read_to_string(checkout.join("mlx_lm/models/mcpport.py")).unwrap(), "x = 2\n");
    let tests = std::fs::read_to_string(checkout.join("tests/test_models.py")).unwrap();
    assert!(
        tests.contains("\"model_type\": \"mcpport\",\n                \"vocab_size\": 100,\n"),
        "the row"
    );
    assert_eq!(std::fs::read(checkout.join("mlx_lm/models/base.py")).unwrap(), base);
    assert!(!place.home().root().join("lessons.md").exists());
    let rows = mlxport(&place, &["checkpoints", "mcp", "--json"]);
    let rows = rows["checkpoints"].as_array().expect("rows");
    let words: Vec<&str> = rows.iter().map(|row| row["words"].as_str().unwrap()).collect();
    assert_eq!(words.len(), 4, "each edit can be taken back: {words:?}");
    assert!(words.contains(&"edit of mlx_lm/models/mcpport.py"), "{words:?}");
    let first = rows[3]["number"].to_string();
    let back = mlxport(&place, &["rewind", &first, "--session", "mcp", "--json"]);
    assert_eq!(back["rewound"]["removed"], json!(["mlx_lm/models/mcpport.py"]), "{back}");
    assert!(!checkout.join("mlx_lm/models/mcpport.py").exists());
    assert!(!std::fs::read_to_string(checkout.join("tests/test_models.py")).unwrap().contains("mcpport"));
    assert!(
        !place.home().root().join("results").read_dir().unwrap().any(|_| true),
        "a left check leaves no run"
    );
}

/// A server spoken to byte by byte.
struct Raw {
    child: Child,
    lines: std::sync::mpsc::Receiver<String>,
}

impl Raw {
    fn start(home: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mlxport"))
            .args(["mcp", "llama", "--home"])
            .arg(home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("mlxport starts");
        let out = BufReader::new(child.stdout.take().unwrap());
        let (to, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| to.send(line)));
        Self { child, lines }
    }

    fn send(&mut self, bytes: &[u8]) {
        let input = self.child.stdin.as_mut().unwrap();
        input.write_all(bytes).and_then(|()| input.write_all(b"\n")).and_then(|()| input.flush()).unwrap();
    }

    /// Waits for the answer to an id; every line on the way must be JSON-RPC.
    fn answer(&self, id: u64) -> Value {
        loop {
            let line = self.lines.recv_timeout(Duration::from_secs(60)).expect("an answer");
            let value: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not protocol: {line}"));
            assert_eq!(value["jsonrpc"], "2.0", "{line}");
            if value["id"] == id {
                return value;
            }
        }
    }
}

#[test]
fn what_is_no_message_is_passed_over_and_without_a_workspace_the_error_says_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let mut server = Raw::start(home.path());
    let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18",
        "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}});
    server.send(hello.to_string().as_bytes());
    assert_eq!(server.answer(1)["result"]["serverInfo"]["name"], "mlxport");
    server.send(br#"{"jsonrpc": "2.0", "method": "notifications/initialized"}"#);
    server.send(b"{\"jsonrpc\": \"2.0\", \"id\": 2, \"method\": ");
    server.send(&[0xff, 0xfe, 0x00]);
    server.send("[".repeat(200_000).as_bytes());
    server.send(b"{}");
    server.send(&vec![b'x'; 9 << 20]);
    server.send(br#"{"jsonrpc": "2.0", "id": 3, "method": "tools/list"}"#);
    let tools = server.answer(3);
    assert!(tools["result"]["tools"].as_array().unwrap().len() > 10, "{tools}");
    server.send(br#"{"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": {"name": "list_sources", "arguments": {}}}"#);
    let said = server.answer(4);
    assert_eq!(said["result"]["isError"], true, "{said}");
    let text = said["result"]["content"][0]["text"].as_str().unwrap();
    assert!(
        text.contains("there is no workspace in ") && text.contains("next: the person runs `mlxport setup`"),
        "{text}"
    );
    assert_eq!(said["result"]["structuredContent"]["error"]["fault"], "environment");
    server.send(br#"{"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": "list_sources", "arguments": [1]}}"#);
    server.send(br#"{"jsonrpc": "2.0", "id": 6, "method": "prompts/list"}"#);
    assert!(server.answer(6)["result"]["prompts"].is_array());
    // The end of its input is its end.
    drop(server.child.stdin.take());
    let begun = Instant::now();
    while server.child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the server outlives its client");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(server.child.wait().unwrap().success());
}

#[test]
fn a_model_type_that_is_none_is_refused_at_once() {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_mlxport"))
        .args(["mcp", "../x", "--home"])
        .arg(home.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("a model type has letters, digits") && output.stdout.is_empty(), "{said}");
}
