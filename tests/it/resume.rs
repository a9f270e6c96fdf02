//! A session survives kill -9: drafts, focus and the conversation are back, and one session has one program.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::env::{runtime, test_workspace};
use crate::support::pty::Pty;
use crate::support::sse::{Play, Server};

/// Waits until the live state on the disk holds a text: it is written within a tenth of a second.
fn wait_kept(home: &Path, text: &str) {
    for _ in 0..600 {
        let kept = fs::read_dir(home.join("sessions")).into_iter().flatten().flatten().any(|entry| {
            fs::read_to_string(entry.path().join("state.json")).is_ok_and(|state| state.contains(text))
        });
        if kept {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("{text:?} never reached the disk");
}

#[test]
fn a_killed_session_comes_back_with_its_draft_and_focus() {
    let home = tempfile::tempdir().expect("a folder");
    let mut pty = Pty::mlxport(home.path(), &[], (100, 30));
    pty.wait_for("1 Chat");
    pty.send("half a thought about the router");
    pty.wait_for("half a thought");
    pty.send("\x1b4");
    pty.wait_for("●4 Configs");
    wait_kept(home.path(), "half a thought about the router");
    wait_kept(home.path(), "\"focus\":\"configs\"");
    pty.signal(Signal::SIGKILL);
    pty.wait_exit();
    let mut again = Pty::mlxport(home.path(), &["resume"], (100, 30));
    again.wait_for("●4 Configs");
    again.send("\x1b1");
    again.wait_for("half a thought about the router");
    again.send("\x11");
    assert_eq!(again.wait_exit(), 0);
    let output = String::from_utf8_lossy(&again.output()).into_owned();
    let after = output.rsplit("\x1b[?1049l").next().expect("the normal screen");
    assert!(after.contains("mlxport resume "), "{after:?}");
}

#[test]
fn the_conversation_is_on_the_screen_again() {
    let home = tempfile::tempdir().expect("a folder");
    let mut pty = Pty::mlxport(home.path(), &[], (100, 30));
    pty.wait_for("1 Chat");
    pty.send("\x11");
    assert_eq!(pty.wait_exit(), 0);
    let sessions = home.path().join("sessions");
    let folder = fs::read_dir(&sessions).expect("sessions").next().expect("one").expect("entry").path();
    let log = folder.join("log.jsonl");
    let mut text = fs::read_to_string(&log).expect("a log");
    let seq = text.lines().count();
    for (at, role, said) in [(0, "user", "why relu2?"), (1, "assistant", "The config says so.")] {
        let message = format!(r#"{{"role":"{role}","content":"{said}"}}"#);
        let entry = format!(r#"{{"kind":"message","message":{message}}}"#);
        let line = format!(
            r#"{{"v":1,"seq":{},"ts":"2026-11-23T00:00:00Z","kind":"chat","entry":{entry}}}"#,
            seq + at
        );
        text.push_str(&line);
        text.push('\n');
    }
    fs::write(&log, text).expect("the log");
    let again = Pty::mlxport(home.path(), &[], (100, 30));
    again.wait_for("why relu2?");
    again.wait_for("The config says so.");
}

#[test]
fn a_session_is_open_in_one_program_only() {
    let home = tempfile::tempdir().expect("a folder");
    let first = Pty::mlxport(home.path(), &[], (100, 30));
    first.wait_for("1 Chat");
    wait_kept(home.path(), "\"focus\"");
    let mut second = Pty::mlxport(home.path(), &["resume"], (100, 30));
    assert_eq!(second.wait_exit(), 2);
    let said = String::from_utf8_lossy(&second.output()).into_owned();
    assert!(said.contains("is open in another mlxport process"), "{said}");
}

/// The one session's folder.
fn session(home: &Path) -> PathBuf {
    let mut folders = fs::read_dir(home.join("sessions")).expect("sessions");
    folders.next().expect("one").expect("entry").path()
}

/// What is live in the one session's state on the disk.
fn live(home: &Path) -> Value {
    let text = fs::read_to_string(session(home).join("state.json")).expect("the state");
    serde_json::from_str::<Value>(&text).expect("JSON")["live"].clone()
}

/// Waits until the live state on the disk satisfies a condition.
#[track_caller]
fn wait_live(home: &Path, what: &str, condition: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..400 {
        let state = live(home);
        if condition(&state) {
            return state;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("waited for {what}: {:#}", live(home));
}

const PORT: &str = "# The port of arcee.\nimport mlx.core as mx\n";

/// The model's first answer: a whole port, as a proposal.
fn proposes() -> Play {
    let arguments = json!({"path": "mlx_lm/models/arcee.py", "text": PORT}).to_string();
    let call = json!({"index": 0, "id": "w1", "type": "function",
                      "function": {"name": "write_port", "arguments": arguments}});
    Play::deltas(&[json!({"content": "Here is the port."}), json!({"tool_calls": [call]})], "tool_calls")
}

fn says(text: &str) -> Play {
    Play::deltas(&[json!({"content": text})], "stop")
}

/// Writes a config of arcee into a folder of its own.
fn config(home: &Path, name: &str, rest: &Value) -> String {
    let folder = home.join(name);
    fs::create_dir_all(&folder).expect("a folder");
    let mut config = json!({"model_type": "arcee", "hidden_act": "relu2", "hidden_size": 2560});
    config.as_object_mut().expect("an object").extend(rest.as_object().expect("an object").clone());
    fs::write(folder.join("config.json"), config.to_string()).expect("a config");
    folder.to_string_lossy().into_owned()
}

#[test]
fn every_pane_comes_back_after_kill_9() {
    let workspace = test_workspace("arcee");
    let home = workspace.home();
    let home = home.root();
    let kept = serde_json::to_vec(&workspace.workspace).expect("JSON");
    fs::write(home.join("workspace.json"), kept).expect("the workspace");
    let io = runtime();
    let server = io.block_on(Server::start(None, vec![proposes(), says("And now the test.")]));
    let env = [("MLXPORT_BASE_URL", server.base_url.as_str()), ("MLXPORT_MODEL", "test-model")];
    let (one, two) =
        (config(home, "one", &json!({"head_dim": 128})), config(home, "two", &json!({"head_dim": 64})));
    let args = ["port", "arcee", "--config", &one, "--config", &two];
    let mut pty = Pty::mlxport_with(home, &args, (100, 30), &env);

    // Chat: a conversation, an undecided edit with half a refusal, a queued message, a draft.
    pty.wait_for("1 Chat");
    pty.send("/waive a test has no words of its own\r");
    pty.wait_for("Edits may be proposed");
    pty.send("port it\r");
    pty.wait_for("Here is the port.");
    pty.wait_for("Waiting for you");
    pty.send("i");
    pty.wait_for("judge the edit");
    pty.send("then write the test\r");
    pty.wait_for("⋯ then write the test");
    pty.send("half a thou");
    pty.wait_for("half a thou");
    // Source: a search in the reference, the cursor on its second match.
    pty.send("\x1b2");
    pty.wait_for("class ArceeMLP");
    pty.send("/down_proj\rn");
    wait_live(home, "the search", |live| live["panes"]["source"]["reference"]["query"] == "down_proj");
    // The pull request: half a commit message.
    pty.send("\x1b5");
    pty.wait_for("Accept an edit in Chat");
    pty.send("cAdd Arc");
    pty.wait_for("Add Arc");
    // Configs, where the focus stays: the third key that differs or is watched.
    pty.send("\x1b4");
    pty.wait_for("head_dim");
    pty.send("jj");
    let key = |live: &Value| live["panes"]["configs"]["matrix"]["key"].clone();
    wait_live(home, "a key", |live| key(live).is_string());
    pty.settle();
    let before = wait_live(home, "everything", |live| {
        live["panes"]["app"]["focus"] == "configs" && live["panes"]["chat"]["draft"] == "half a thou"
    });
    let config_line =
        line_at(&pty.screen(), before["panes"]["configs"]["matrix"]["key"].as_str().expect("a key"));
    pty.signal(Signal::SIGKILL);
    pty.wait_exit();
    assert_eq!(live(home), before, "nothing was on its way to the disk");

    let mut again = Pty::mlxport_with(home, &["resume"], (100, 30), &env);
    again.wait_for("●4 Configs");
    again.wait_for(&config_line);
    again.send("\x1b5");
    again.wait_for("Add Arc");
    again.send("\x1b2");
    again.wait_for("down_proj");
    again.send("\x1b1");
    again.wait_for("half a thou");
    again.wait_for("⋯ then write the test");
    again.wait_for("Here is the port.");
    again.wait_for("Waiting for you");
    again.send("\x1b4");
    again.settle();
    assert_eq!(live(home), before, "all that was live is as it was");

    // The fact sheet counts the earlier run, the edit can be accepted, and the queue goes out behind it.
    again.send("\x1b1\x14");
    again.wait_for("accept");
    std::thread::sleep(std::time::Duration::from_millis(400));
    again.send("a");
    again.wait_for("And now the test.");
    let port = workspace.workspace.port_file("arcee");
    assert_eq!(fs::read_to_string(port).expect("the port"), PORT);
    let asked = server.requests().last().expect("a request")["messages"].clone();
    assert!(asked.to_string().contains("then write the test"), "{asked}");
    assert_eq!(server.problems(), Vec::<String>::new());
    again.send("\x1b5");
    again.wait_for("test-model, 2 turns");
    again.send("\x11");
    again.wait_exit();
}

/// The line of a screen that holds a text, without what stands around the pane.
#[track_caller]
fn line_at(screen: &str, text: &str) -> String {
    let line = screen.lines().find(|line| line.contains(text)).unwrap_or_else(|| panic!("{text}\n{screen}"));
    line.trim().to_string()
}

#[test]
fn a_damaged_log_is_told_on_screen_and_stays_as_it_is() {
    let home = tempfile::tempdir().expect("a folder");
    let mut pty = Pty::mlxport(home.path(), &[], (120, 30));
    pty.wait_for("●Chat");
    pty.send("\x11");
    assert_eq!(pty.wait_exit(), 0);
    let log = session(home.path()).join("log.jsonl");
    let mut text = fs::read_to_string(&log).expect("a log");
    let number = text.lines().count() + 1;
    let message = json!({"role": "user", "content": "still here"});
    let entry = json!({"kind": "message", "message": message});
    let line = json!({"v": 1, "seq": 900, "ts": "2026-11-23T00:00:00Z", "kind": "chat", "entry": entry});
    text.push_str(&format!("this was a line once\n{line}\n"));
    fs::write(&log, &text).expect("the log");
    let mut again = Pty::mlxport(home.path(), &["resume"], (120, 30));
    again.wait_for("still here");
    again.wait_for("1 line of the session's log is damaged");
    again.wait_for(&format!("line {number} of"));
    again.wait_for("nothing was removed");
    again.send("\x11");
    assert_eq!(again.wait_exit(), 0);
    assert!(fs::read_to_string(&log).expect("a log").starts_with(&text));
}

#[test]
fn a_session_that_cannot_be_saved_says_so_while_it_runs() {
    let home = tempfile::tempdir().expect("a folder");
    let mut pty = Pty::mlxport(home.path(), &[], (120, 30));
    pty.wait_for("●Chat");
    wait_kept(home.path(), "\"focus\"");
    // A folder where the state belongs: it cannot be replaced.
    let state = session(home.path()).join("state.json");
    fs::remove_file(&state).expect("the state");
    fs::create_dir_all(state.join("in the way")).expect("a folder");
    pty.send("x");
    pty.wait_for("the session is not being saved");
    pty.wait_for("state.json");
    fs::remove_dir_all(&state).expect("the way is free");
    pty.send("y");
    pty.wait_for("the session is saved again");
    wait_kept(home.path(), "\"draft\":\"xy\"");
}

#[test]
fn configs_named_on_the_command_line_are_shown_and_win() {
    let home = tempfile::tempdir().expect("a folder");
    let (one, two) = (
        config(home.path(), "one", &json!({"only_in_one": 1})),
        config(home.path(), "two", &json!({"only_in_two": 2})),
    );
    for (args, shown) in [
        (vec!["--config", &one], "only_in_one"),
        (vec![], "only_in_one"),
        (vec!["--config", &two], "only_in_two"),
        (vec!["resume", "--config", &one], "only_in_one"),
        (vec!["resume"], "only_in_one"),
    ] {
        let mut pty = Pty::mlxport(home.path(), &args, (100, 30));
        pty.wait_for("1 Chat");
        pty.send("\x1b4");
        pty.wait_for(shown);
        pty.send("\x11");
        assert_eq!(pty.wait_exit(), 0, "{args:?}");
    }
    let mut pty = Pty::mlxport(home.path(), &["--config", &one, "doctor"], (100, 30));
    assert_eq!(pty.wait_exit(), 2);
    assert!(String::from_utf8_lossy(&pty.output()).contains("--config"));
}
