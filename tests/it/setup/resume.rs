//! A setup that was killed, cancelled or left goes on.

use std::process::Command;

use mlxport::util::fs::FileLock;

use super::world::{Ran, World, wait};

/// The steps in order, by the moment at which the stand-ins can hold them.
const MOMENTS: [(&str, &str); 8] = [
    ("preflight", "Check disk, folders and git"),
    ("uv", "Find or install uv"),
    ("python", "Make a Python environment"),
    ("packages", "Install the locked packages"),
    ("compile", "Compile the packages"),
    ("checkout", "Check out mlx-lm"),
    ("branch", "Make the branch"),
    ("probe", "Run mlx, torch and transformers once"),
];

/// The steps whose result is kept, so that a rerun skips them.
const KEPT: [&str; 5] = ["python", "packages", "compile", "checkout", "branch"];

/// A half-filled environment is made again: a package that was being linked looks installed.
fn remade(before: &str, moment: &str) -> bool {
    before == "python" && moment == "packages"
}

fn has(ran: &Ran, sign: &str, label: &str) -> bool {
    ran.err.lines().any(|line| line.starts_with(&format!("[{sign}] {label}:")))
}

/// Says whether any job wrote this; ids of one second have no order.
fn says(world: &World, word: &str) -> bool {
    let texts =
        world.jobs().into_iter().filter_map(|job| std::fs::read_to_string(job.join("events.jsonl")).ok());
    texts.into_iter().any(|text| text.contains(word))
}

#[test]
fn a_setup_killed_in_any_step_goes_on_from_there() {
    for (at, (moment, _)) in MOMENTS.iter().enumerate() {
        let world = World::new();
        world.hold(moment);
        let follower = world.start(&["setup", "arcee", "--mlx-lm", &world.url()]);
        world.wait_held();
        world.kill_job();
        let ran: Ran = follower.wait_with_output().expect("the follower").into();
        assert_eq!(ran.code, Some(2), "{moment}: {}", ran.err);
        assert!(ran.err.contains("the setup's process died"), "{moment}: {}", ran.err);
        assert!(!world.home.join("workspace.json").exists(), "{moment}");
        world.release(moment);

        let again = world.setup();
        assert_eq!(again.code, Some(0), "{moment}: {}", again.err);
        for (before, label) in &MOMENTS[..at] {
            if KEPT.contains(before) && !remade(before, moment) {
                assert!(
                    has(&again, "skip", label),
                    "killed in {moment}, {before} was done again: {}",
                    again.err
                );
            }
        }
        assert!(world.home.join("workspace.json").exists(), "{moment}");
        let left: Vec<String> = std::fs::read_dir(world.home.join("checkouts"))
            .expect("the folder of checkouts")
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| name.contains("partial"))
            .collect();
        assert_eq!(left, Vec::<String>::new(), "{moment}");
    }
}

#[test]
fn what_a_killed_setup_left_running_is_waited_for() {
    let world = World::new();
    world.hold("packages");
    let follower = world.start(&["setup", "--mlx-lm", &world.url()]);
    world.wait_held();
    world.kill_job();
    follower.wait_with_output().expect("the follower");
    // Its uv is still at work in the environment that the next setup would clear.
    let again = world.start(&["setup", "--mlx-lm", &world.url()]);
    wait("the word that it waits", || says(&world, "\"waiting\""));
    world.release("packages");
    let again: Ran = again.wait_with_output().expect("the program").into();
    assert_eq!(again.code, Some(0), "{}", again.err);
}

#[test]
fn a_second_run_has_nothing_to_do() {
    let world = World::new();
    assert_eq!(world.setup().code, Some(0));
    let again = world.setup();
    assert_eq!(again.code, Some(0));
    let worked: Vec<&str> = again.err.lines().filter(|line| line.starts_with("[done]")).collect();
    assert_eq!(worked.len(), 1, "only the preflight looks again: {worked:?}");
}

#[test]
fn a_second_setup_follows_the_first_and_ctrl_c_leaves_it_running() {
    let world = World::new();
    world.hold("packages");
    let args = ["setup", "arcee", "--mlx-lm", &world.url()];
    let first = world.start(&args);
    world.wait_held();
    let second = world.start(&args);
    let interrupted = Command::new("kill").args(["-INT", &first.id().to_string()]).status().expect("kill");
    assert!(interrupted.success());
    let first: Ran = first.wait_with_output().expect("the first").into();
    assert_eq!(first.code, Some(130), "{}", first.err);
    assert!(first.err.contains("goes on by itself"), "{}", first.err);
    // A held stand-in fails when it is let go; what matters is that the job lived and told its second follower.
    world.release("packages");
    let second: Ran = second.wait_with_output().expect("the second").into();
    assert!(second.err.contains("Install the locked packages failed"), "{}", second.err);
    assert_eq!(world.jobs().len(), 1, "one job, two followers");
}

#[test]
fn cancel_stops_the_setup_and_says_when_there_is_none() {
    let world = World::new();
    let none = world.run(&["setup", "--cancel"]);
    assert_eq!((none.code, none.out.as_str()), (Some(2), "[setup] no setup is running\n"));
    world.hold("packages");
    let follower = world.start(&["setup", "--mlx-lm", &world.url()]);
    world.wait_held();
    let cancelled = world.run(&["setup", "--cancel"]);
    assert_eq!(cancelled.code, Some(0), "{}", cancelled.err);
    let follower: Ran = follower.wait_with_output().expect("the follower").into();
    assert_eq!(follower.code, Some(2));
    assert!(follower.err.contains("the setup was cancelled"), "{}", follower.err);
    world.release("packages");
    assert_eq!(world.setup().code, Some(0));
}

#[test]
fn a_second_process_waits_for_the_lock() {
    let world = World::new();
    let lock = FileLock::try_now(&world.home.join("env/setup.lock")).expect("a free lock");
    let waiting = world.start(&["setup", "--mlx-lm", &world.url()]);
    wait("the word that it waits", || says(&world, "\"waiting\""));
    drop(lock);
    let ran: Ran = waiting.wait_with_output().expect("the program").into();
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("[wait] another mlxport process is setting up"), "{}", ran.err);
}
