//! `mlxport lint`: exit codes, what is printed, what may be given by mistake.

use std::path::Path;

use mlxport::util::process::Command;
use serde_json::Value;

struct Said {
    code: i32,
    out: String,
    error: String,
}

/// Runs the program in a folder; without a home of its own it has no Python environment.
fn lint(folder: &Path, home: &Path, arguments: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_mlxport"))
        .arg("--home")
        .arg(home)
        .arg("lint")
        .args(arguments)
        .cwd(folder)
        .any_exit()
        .run_blocking()
        .unwrap();
    Said { code: output.status.code().unwrap(), out: output.text(), error: output.tail }
}

fn json(said: &Said) -> Value {
    serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {} {}", said.out, said.error))
}

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    folder
}

#[test]
fn what_cannot_be_read_is_said_by_name_and_the_other_files_are_still_judged() {
    let folder =
        folder(&[("a.py", b"x = 1\n"), ("some/b.py", b"x = 1\n"), ("huge.py", &vec![b'#'; 5 << 20])]);
    let said = lint(folder.path(), folder.path(), &["--json", "missing.py", "some", "huge.py", "a.py"]);
    assert_eq!(said.code, 2, "{}", said.error);
    let result = json(&said);
    assert_eq!(result["verdict"], "could_not_run");
    let errors: Vec<_> = (0..3).map(|at| result["files"][at]["error"]["text"].as_str().unwrap()).collect();
    let own =
        ["missing.py does not exist", "some is a folder", "huge.py is 5.2 MB, too large for a source file"];
    assert_eq!(errors, own);
    assert_eq!(result["files"][1]["error"]["hint"], "name its files: mlxport lint some/*.py");
    assert_eq!(result["files"][3]["error"], Value::Null);
    assert!(result["files"][3]["findings"].as_array().is_some_and(|findings| !findings.is_empty()));
    assert_eq!(lint(folder.path(), folder.path(), &[]).code, 2);
}

#[test]
fn a_file_that_python_cannot_read_has_failed() {
    let folder = folder(&[
        ("broken.py", b"# Copyright \xc2\xa9 2026 Apple Inc.\nx = 1\ndef f(:\n"),
        ("bytes.py", b"# Copyright\nx = '\xff'\n"),
        ("empty.py", b""),
    ]);
    let said = lint(folder.path(), folder.path(), &["--json", "broken.py", "bytes.py", "empty.py"]);
    assert_eq!(said.code, 1, "{}", said.error);
    let result = json(&said);
    let first = |at: usize| {
        let finding = &result["files"][at]["findings"][0];
        format!(
            "{} {} {}",
            finding["id"].as_str().unwrap(),
            finding["line"],
            finding["text"].as_str().unwrap()
        )
    };
    assert_eq!(first(0), "L0-parse 3 this is not Python; no other rule was judged beyond it");
    assert_eq!(first(1), "L0-parse 0 line 2 is not UTF-8, so Python cannot read the file");
    assert_eq!(first(2), "L9-surface 0 no class ModelArgs: the loader cannot read the config");
}

#[test]
fn an_accepted_port_passes_and_an_untidy_copy_of_it_does_not() {
    let home = &crate::support::env::shared().home;
    let models = crate::support::env::shared().checkout.join("mlx_lm/models");
    let text = std::fs::read_to_string(models.join("olmo2.py")).unwrap();
    let untidy = text.replace("import mlx.nn as nn\n", "import mlx.nn as nn\nimport math\n");
    let config = br#"{"model_type": "olmo2", "hidden_size": 4096, "rope_theta": 500000.0}"#;
    let files = folder(&[("olmo2.py", untidy.as_bytes()), ("config.json", config)]);
    let good = lint(files.path(), home, &[&models.join("olmo2.py").to_string_lossy()]);
    assert_eq!(good.code, 0, "{}{}", good.out, good.error);
    let bad = lint(files.path(), home, &["--json", "olmo2.py", "--config", "config.json"]);
    assert_eq!(bad.code, 1, "{}{}", bad.out, bad.error);
    let result = json(&bad);
    let errors: Vec<_> = result["files"][0]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["severity"] == "error")
        .map(|finding| (finding["id"].as_str().unwrap(), finding["text"].as_str().unwrap()))
        .collect();
    assert_eq!(errors[1], ("L8-unused-import", "math is imported and never used"));
    assert_eq!(errors[0].0, "L1-format", "isort wants it with the standard library: {errors:?}");
    let person = lint(files.path(), home, &["olmo2.py"]);
    assert!(person.out.starts_with("olmo2.py: 2 errors"), "{}", person.out);
    assert!(person.out.contains("Seen in: upstream's pyproject selects ruff F401"), "{}", person.out);
}

#[test]
fn without_an_environment_the_formatters_are_said_not_to_have_run() {
    let folder = folder(&[("a.py", b"x = 1\n")]);
    let said = lint(folder.path(), folder.path(), &["a.py"]);
    assert!(
        said.out
            .contains("L1-format was not judged: the Python environment is not built: run `mlxport setup`"),
        "{}",
        said.out
    );
}
