//! The terminal's bars: given back clean on every way out, nothing written when idle, one bracketed write a frame, small
//! answers to keys, legible at every size.

use nix::sys::signal::Signal;
use nix::sys::termios::{LocalFlags, Termios};

use crate::support::pty::Pty;

const ENDS: [&str; 8] = [
    "\x1b[?1006l",
    "\x1b[?1002l",
    "\x1b[?1004l",
    "\x1b[?2004l",
    "\x1b[?25h",
    "\x1b[?1049l",
    "\x1b[?2026l",
    "\x1b[m",
];

fn started(home: &std::path::Path, args: &[&str], size: (u16, u16)) -> (Pty, Termios) {
    let command_home = home.to_path_buf();
    let pty = Pty::mlxport(&command_home, args, size);
    let before = pty.termios();
    pty.wait_for("mlxport");
    (pty, before)
}

/// The flags that a shell needs back.
fn cooked(termios: &Termios) -> bool {
    termios.local_flags.contains(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG)
}

#[track_caller]
fn assert_given_back(pty: &Pty) {
    let output = pty.output();
    let text = String::from_utf8_lossy(&output);
    let from = text.rfind("\x1b[?1049h").expect("the alternate screen was entered");
    for end in ENDS {
        assert!(text[from..].contains(end), "{end:?} was not emitted");
    }
    let (enter, leave) = (text.rfind("\x1b[?1049h"), text.rfind("\x1b[?1049l"));
    assert!(leave > enter, "the alternate screen was entered again after it was left");
    assert!(cooked(&pty.termios()), "the terminal is still raw");
}

#[test]
fn the_terminal_is_given_back_on_quit_signals_and_panic() {
    let home = tempfile::tempdir().expect("a folder");
    type End = fn(&mut Pty);
    let ends: [(&str, End); 6] = [
        ("Ctrl-Q", |pty| pty.send("\x11")),
        ("Ctrl-C twice", |pty| pty.send("\x03\x03")),
        ("SIGTERM", |pty| pty.signal(Signal::SIGTERM)),
        ("SIGHUP", |pty| pty.signal(Signal::SIGHUP)),
        ("SIGQUIT", |pty| pty.signal(Signal::SIGQUIT)),
        ("a panic in a job", |_| {}),
    ];
    for (name, end) in ends {
        let args: &[&str] = if name.starts_with("a panic") { &["__panic"] } else { &[] };
        let (mut pty, before) = started(home.path(), args, (100, 30));
        assert!(cooked(&before) || !before.local_flags.contains(LocalFlags::ICANON));
        end(&mut pty);
        let code = pty.wait_exit();
        assert_eq!(code == 0, !name.starts_with("a panic"), "{name}: exit {code}");
        assert_given_back(&pty);
    }
}

#[test]
fn suspend_gives_the_terminal_to_the_shell_and_continue_takes_it_back() {
    let home = tempfile::tempdir().expect("a folder");
    let (mut pty, _) = started(home.path(), &[], (100, 30));
    pty.settle();
    assert!(!cooked(&pty.termios()), "raw while it runs");
    pty.send("\x1a");
    wait_state(pty.pid(), 'T');
    assert_given_back(&pty);
    pty.signal(Signal::SIGCONT);
    pty.wait_until("the screen is back", |screen| screen.contains("mlxport"));
    pty.settle();
    assert!(!cooked(&pty.termios()), "raw again");
    pty.send("\x11");
    assert_eq!(pty.wait_exit(), 0);
    assert_given_back(&pty);
}

fn wait_state(pid: i32, state: char) {
    for _ in 0..500 {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process");
        if stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with(state)) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("the process never reached state {state}");
}

#[test]
fn idle_writes_nothing_and_a_typed_character_little() {
    let home = tempfile::tempdir().expect("a folder");
    let (mut pty, _) = started(home.path(), &[], (200, 60));
    pty.send("\x1b");
    let before = pty.settle();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert_eq!(pty.output().len(), before, "bytes were written while idle");
    pty.send("\x1b1");
    let before = pty.settle();
    pty.send("a");
    let after = pty.settle();
    assert!(after > before, "the character does not show");
    assert!(after - before <= 80, "{} bytes for one character", after - before);
}

#[test]
fn every_frame_stands_in_synchronised_update_brackets() {
    let home = tempfile::tempdir().expect("a folder");
    let (mut pty, _) = started(home.path(), &[], (120, 40));
    for keys in ["\t", "\x1b2", "?", "\x1b", "\x10", "\x1b", "\x1b5", "\x1b1"] {
        pty.send(keys);
        pty.settle();
    }
    let output = pty.output();
    let text = String::from_utf8_lossy(&output);
    let body = text.split_once("\x1b[2J\x1b[H").expect("entered").1;
    let mut rest = body;
    let mut frames = 0;
    while let Some((outside, inside)) = rest.split_once("\x1b[?2026h") {
        assert_eq!(outside, "", "bytes outside a frame");
        let (_, after) = inside.split_once("\x1b[?2026l").expect("the frame is closed");
        rest = after;
        frames += 1;
    }
    assert_eq!(rest, "");
    assert!(frames >= 8, "{frames} frames");
}

#[test]
fn every_size_is_legible() {
    let home = tempfile::tempdir().expect("a folder");
    let (mut pty, _) = started(home.path(), &[], (80, 24));
    pty.send("\x1b");
    pty.wait_for("1 Chat");
    for (size, text) in
        [((20, 5), "needs"), ((40, 10), "mlxport"), ((200, 60), "Harness"), ((80, 24), "5 PR")]
    {
        pty.resize(size);
        pty.wait_for(text);
    }
}
