//! The main job, whole: the recorded session with the real tools, the real harness and a real push to a bare fork.

use std::process::Command;

use crate::support::env::{git, test_home};
use crate::support::pty::Pty;

#[test]
fn the_demo_ports_arcee_and_pushes_it() {
    let home = test_home();
    let nobody = tempfile::tempdir().expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_mlxport"))
        .args(["demo", "--auto", "--plain", "--home"])
        .arg(home.root())
        // A fresh machine: nobody has told git who they are.
        .env("HOME", nobody.path())
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{}\n{said}\n{words}", output.status);
    let at = |text: &str| said.find(text).unwrap_or_else(|| panic!("{text:?} is not in\n{said}"));
    assert!(said.starts_with("[demo] This is a recorded session"), "{said}");
    // The failing check, the module it names, the fix, the passing check, the push: in this order.
    let order =
        [at("[verdict] verdict: fail"), at("+    return nn.relu(x).square()"), at("[verdict] verdict: pass")];
    assert!(order.is_sorted(), "{order:?}\n{said}");
    assert!(said[..order[0]].contains("first divergence: model.layers.0.mlp"), "{said}");
    let last = said.rfind("exact   defaults std 1.0").expect("exactness");
    let figure = said[last..].split_whitespace().nth(4).and_then(|text| text.parse::<f64>().ok());
    assert!(figure.is_some_and(|figure| figure <= 1e-5), "{figure:?}\n{said}");
    assert!(said.trim_end().ends_with("exit: 0"), "{said}");
    let (_, commit) = said.split_once("[demo] commit ").expect("a commit");
    let commit = commit.split_whitespace().next().expect("a commit");
    let mut demos = std::fs::read_dir(home.root().join("demo"))
        .expect("demos")
        .map(|entry| entry.expect("a folder").path())
        .collect::<Vec<_>>();
    demos.sort();
    let on_fork = demos.iter().any(|demo| {
        let fork = demo.join("checkouts/fork.git");
        fork.is_dir()
            && git(&fork, &["for-each-ref", "--format=%(objectname) %(subject)"])
                .lines()
                .any(|line| line.starts_with(commit) && line.ends_with("Add Arcee model"))
    });
    assert!(on_fork, "{commit} is on no fork below {demos:?}");
}

/// Plays a recording that the program brings, without a screen.
fn replay(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_mlxport"))
        .arg("demo")
        .args(arguments)
        .args(["--auto", "--plain", "--home"])
        .arg(test_home().root())
        .output()
        .expect("the program starts");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn the_port_of_cwm_is_done_again_as_it_is_recorded() {
    let (good, said) = replay(&["cwm"]);
    assert!(good, "{said}");
    // A re-export of llama reads one spelling of RoPE and not the other; a file of its own reads both.
    assert!(said.contains("✗ exact   defaults std 1.0"), "{said}");
    assert!(said.contains("✓ exact   spelled-as-v4 std 1.0"), "{said}");
    assert!(said.trim_end().ends_with("exit: 0"), "{said}");
}

#[test]
fn the_port_of_vaultgemma_is_done_again_as_it_is_recorded() {
    let (good, said) = replay(&["vaultgemma"]);
    assert!(good, "{said}");
    // Gemma 2's port has one mask for all layers, and none that fits a batch of grouped heads.
    let first = said.split("[verdict]").next().expect("the first verdict");
    assert!(first.contains("✗ batch   defaults std 1.0"), "{said}");
    assert!(first.contains("first divergence: model.layers.0.self_attn"), "{said}");
    assert!(said.trim_end().ends_with("exit: 0"), "{said}");
}

#[test]
fn the_port_of_axk1_is_done_again_as_it_is_recorded() {
    let (good, said) = replay(&["axk1"]);
    assert!(good, "{said}");
    // A bias that sanitize makes up is refused, one that no layer has is left out.
    assert!(said.contains("✗ sanitize"), "{said}");
    assert!(said.trim_end().ends_with("exit: 0"), "{said}");
}

#[test]
fn a_replay_that_differs_from_its_recording_fails_and_says_where() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = std::fs::read_to_string("recordings/arcee.jsonl").expect("a recording");
    // As if another file had been written then, and as if the person went on with what never came.
    let sha = "cfcb509e3443642cf95f3c20477123bbc21d829a3ccbb938d1f9d5dca2b664bd";
    let cut = text.lines().take(22).collect::<Vec<_>>().join("\n").replace(sha, &"0".repeat(64));
    let changed = folder.path().join("changed.jsonl");
    std::fs::write(&changed, cut).expect("a recording");
    let (good, said) = replay(&["--recording", changed.to_str().expect("text")]);
    assert!(!good, "{said}");
    assert!(
        said.contains("[demo] not as recorded: recorded: mlx_lm/models/arcee.py written as 000000000000"),
        "{said}"
    );
}

#[test]
fn the_demo_is_played_by_keys_at_both_sizes() {
    let home = test_home();
    for size in [(80, 24), (200, 60)] {
        let mut pty = Pty::mlxport(home.root(), &["demo"], size);
        pty.wait_for("play: send the message");
        for (step, shown) in [
            ("send the message", "play: accept the edit"),
            ("accept the edit", "✗ exact"),
            ("accept the edit", "✓ harness"),
            ("accept the edit", "play: stage mlx_lm"),
        ] {
            pty.wait_for(&format!("play: {step}"));
            press_until(&mut pty, "\x1b[19~", shown);
        }
        for (key, shown) in
            [("2", "MLP"), ("3", "exact"), ("4", "rope_"), ("5", "arcee.py"), ("1", "Recorded")]
        {
            pty.send(&format!("\x1b{key}"));
            pty.wait_for(shown);
        }
        let screen = pty.screen();
        for line in screen.lines() {
            assert!(line.chars().count() <= usize::from(size.0), "{line}");
        }
        pty.send("\x11");
        assert_eq!(pty.wait_exit(), 0, "{size:?}");
    }
}

/// Presses a key until the screen shows a text: a step is refused while the one before is still at work.
fn press_until(pty: &mut Pty, key: &str, text: &str) {
    for _ in 0..60 {
        pty.send(key);
        pty.settle();
        for _ in 0..20 {
            if pty.screen().contains(text) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
    panic!("{text:?} never came\n{}", pty.screen());
}

#[test]
fn a_demo_that_was_killed_is_gone_on_with() {
    let home = test_home();
    let mut pty = Pty::mlxport(home.root(), &["demo"], (80, 24));
    press_until(&mut pty, "\x1b[19~", "play: accept the edit");
    pty.wait_for("Waiting for you");
    let id = {
        pty.send("\x11");
        assert_eq!(pty.wait_exit(), 0);
        let said = String::from_utf8_lossy(&pty.output()).into_owned();
        let after = said.rsplit("mlxport resume ").next().expect("how to go on").to_string();
        after.split_whitespace().next().expect("an id").to_string()
    };
    let mut again = Pty::mlxport(home.root(), &["resume", &id], (80, 24));
    again.wait_for("Recorded words and acts");
    again.wait_for("Waiting for you");
    again.wait_for("play: accept the edit");
    press_until(&mut again, "\x1b[19~", "✗ exact");
    again.signal(nix::sys::signal::Signal::SIGKILL);
    again.wait_exit();
    let last = Pty::mlxport(home.root(), &["resume", &id], (80, 24));
    last.wait_for("✗ exact");
}
