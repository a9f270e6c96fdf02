//! Measures the program against the local Hub: the inventory of a repository of 400 shards from its headers alone, cold and
//! again, and discovery. Time from process start to exit; bytes as the server counted them, over both origins. Prints
//! figures; asserts nothing. Run with `cargo bench --bench hub`; `HUB_BENCH_MLXPORT=…` measures another build.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)]

#[allow(dead_code, unused_imports, reason = "the tests use the rest")]
#[path = "../tests/it/support/hub/mod.rs"]
mod hub;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use hub::{Hub, Origin};

const WIDE: &str = "north/glacier-671b";
const RUNS: usize = 5;

fn main() {
    let hub = Hub::fixtures();
    let start = Instant::now();
    hub.warm(WIDE);
    let size = hub.stored(WIDE);
    println!(
        "{WIDE}: 400 shards, {:.1} GB, made by the server in {:.1?}; server and program share this machine",
        size as f64 / 1e9,
        start.elapsed()
    );
    let mut cold = Vec::new();
    let home = (0..RUNS).fold(None, |_, _| {
        let home = tempfile::tempdir().unwrap();
        hub.forget();
        cold.extend(run(&hub, home.path(), &["inventory", WIDE, "--json"]));
        Some(home)
    });
    report("inventory, nothing cached", &mut cold);
    moved(&hub, size);
    let home = home.expect("a run");
    let mut again = Vec::new();
    for _ in 0..RUNS {
        hub.forget();
        again.extend(run(&hub, home.path(), &["inventory", WIDE, "--json"]));
    }
    report("inventory again, headers cached", &mut again);
    moved(&hub, size);
    let mut found = Vec::new();
    for _ in 0..RUNS {
        let home = tempfile::tempdir().unwrap();
        hub.forget();
        found.extend(run(&hub, home.path(), &["discover", "llama", "--json"]));
    }
    report("discover llama, nothing cached", &mut found);
    println!("    {} requests, {} bytes", hub.requests().len(), hub.sent());
}

/// Gives the time of a run, if it ended well.
fn run(hub: &Hub, home: &Path, args: &[&str]) -> Option<Duration> {
    let program =
        std::env::var("HUB_BENCH_MLXPORT").unwrap_or_else(|_| env!("CARGO_BIN_EXE_mlxport").to_string());
    let start = Instant::now();
    let output = Command::new(program)
        .args(args)
        .arg("--home")
        .arg(home)
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("HF_HOME", home.join("hf"))
        .env("HF_ENDPOINT", hub.endpoint())
        .output()
        .expect("the program starts");
    let took = start.elapsed();
    if output.status.success() {
        return Some(took);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    println!("{args:?} failed: {}", said.lines().last().unwrap_or_default());
    None
}

fn moved(hub: &Hub, size: u64) {
    let requests = hub.requests();
    let cdn = requests.iter().filter(|request| request.origin == Origin::Cdn).count();
    let sent = hub.sent();
    let share = sent as f64 / size as f64 * 100.0;
    println!(
        "    {} requests ({cdn} at the CDN), {sent} bytes: {share:.5} % of the checkpoint (bar: 0.1 %)",
        requests.len()
    );
}

fn report(name: &str, times: &mut [Duration]) {
    times.sort();
    let Some(last) = times.last() else { return println!("{name}: no run ended well") };
    let median = times[times.len() / 2];
    println!("{name}: median {median:.2?}, worst {last:.2?} of {} (bar: 2 s)", times.len());
}
