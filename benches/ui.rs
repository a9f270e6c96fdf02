//! Measures the screen of the built program in a real pseudo-terminal at 200×60: first paint, keypress to bytes, bytes per
//! key and per full repaint, idle bytes, memory. Prints figures; asserts nothing. Run with `cargo bench --bench ui`.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)]

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/it/support/pty.rs"]
mod pty;

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/it/support/sse.rs"]
mod sse;

#[path = "ui/configs.rs"]
mod configs;

#[path = "ui/live.rs"]
mod live;

#[path = "ui/stream.rs"]
mod stream;

use std::path::Path;
use std::time::{Duration, Instant};

use pty::Pty;

const SIZE: (u16, u16) = (200, 60);

fn main() {
    let home = tempfile::tempdir().expect("a folder");
    println!("screen {}x{}, release build, pseudo-terminal; milliseconds unless said", SIZE.0, SIZE.1);
    first_paint(home.path());
    let mut pty = ready(home.path());
    idle(&pty);
    keys(&mut pty, "typed character", &["a", "b", "c", "d"]);
    keys(&mut pty, "next pane", &["\t"]);
    keys(&mut pty, "open and close help", &["\x1bOP", "\x1b[27u"]);
    repaint(&mut pty);
    println!("memory: {:.0} MB resident", resident(pty.pid()));
    configs::run();
    stream::run();
    live::run();
}

fn ready(home: &Path) -> Pty {
    let mut pty = Pty::mlxport(home, &[], SIZE);
    pty.wait_for("mlxport");
    pty.settle();
    pty.send("\x1b[27u");
    pty.settle();
    pty
}

fn first_paint(home: &Path) {
    let mut times = Vec::new();
    for _ in 0..20 {
        let start = Instant::now();
        let pty = Pty::mlxport(home, &[], SIZE);
        while !contains(&pty.output(), b"\x1b[?2026l") {
            std::thread::sleep(Duration::from_micros(200));
        }
        times.push(start.elapsed());
    }
    report("first paint, process start included", &mut times, "goal: 50");
}

fn idle(pty: &Pty) {
    let before = pty.settle();
    std::thread::sleep(Duration::from_secs(3));
    println!("idle for 3 s: {} bytes (goal: 0)", pty.output().len() - before);
}

fn keys(pty: &mut Pty, name: &str, keys: &[&str]) {
    pty.settle();
    let (mut times, mut bytes) = (Vec::new(), Vec::new());
    for index in 0..200 {
        let before = pty.output().len();
        let start = Instant::now();
        pty.send(keys[index % keys.len()]);
        while pty.output().len() == before && start.elapsed() < Duration::from_secs(2) {
            std::thread::sleep(Duration::from_micros(100));
        }
        times.push(start.elapsed());
        std::thread::sleep(Duration::from_millis(15));
        bytes.push(pty.output().len() - before);
    }
    report(&format!("{name}: key to bytes"), &mut times, "goal: p99 16");
    bytes.sort_unstable();
    println!(
        "{name}: {} bytes a key at the median, {} at most",
        bytes[bytes.len() / 2],
        bytes[bytes.len() - 1]
    );
}

fn repaint(pty: &mut Pty) {
    let before = pty.settle();
    pty.send("\x0c");
    let after = pty.settle();
    println!("full repaint: {} bytes in truecolor (goal: 20,000)", after - before);
}

fn report(name: &str, times: &mut [Duration], goal: &str) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)].as_secs_f64() * 1e3;
    println!("{name}: p50 {:.1}, p99 {:.1} ({goal}; n = {})", at(50), at(99), times.len());
}

fn contains(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

fn resident(pid: i32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("VmRSS")).unwrap_or("");
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<f64>().ok()).unwrap_or(0.0) / 1e3
}
