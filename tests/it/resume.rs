//! A session survives kill -9: drafts, focus and the conversation are back, and one session has one program.

use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;

use crate::support::pty::Pty;

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
