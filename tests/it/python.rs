//! The harness's own suite: pytest in the shared environment, part of `cargo test` so that one command tests everything.

use std::path::Path;
use std::process::Command;

use crate::support::env::shared;

#[test]
fn the_harness_suite_passes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pytest");
    let workspace = shared();
    let uv = workspace.uv.clone().unwrap_or_else(|| "uv".into());
    if !tools.join("pytest").is_dir() {
        let installed = Command::new(&uv)
            .args(["pip", "install", "--quiet", "--python"])
            .arg(&workspace.python)
            .arg("--target")
            .arg(&tools)
            .arg("pytest")
            .status()
            .expect("uv starts");
        assert!(installed.success(), "pytest cannot be installed");
    }
    let path = std::env::join_paths([tools.as_path(), &root.join("src/harness/python")]).expect("a path");
    let output = Command::new(&workspace.python)
        .args(["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "tests/python"])
        .current_dir(root)
        .env("PYTHONPATH", path)
        .env("UV", &uv)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("python starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let tail = said.lines().rev().take(60).collect::<Vec<_>>();
    println!("pytest: {}", tail.first().unwrap_or(&""));
    let tail = tail.into_iter().rev().collect::<Vec<_>>().join("\n");
    assert!(output.status.success(), "{tail}\n{}", String::from_utf8_lossy(&output.stderr));
}
