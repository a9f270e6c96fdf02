//! What a person may give by mistake, through the program's own command line; no Python environment is needed.

use std::path::Path;
use std::process::Command;

use mlxport::util::fs::{create_dir, write_atomic};
use serde_json::json;

/// A data folder with a workspace whose transformers knows two models.
fn home() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path();
    let auto = root.join("transformers/models/auto");
    create_dir(&auto).expect("a folder");
    create_dir(&root.join("mlx-lm/mlx_lm/models")).expect("a folder");
    let table = |name: &str, keys: &[&str]| {
        let rows: String = keys.iter().map(|key| format!("        (\"{key}\", \"C\"),\n")).collect();
        format!("{name} = OrderedDict(\n    [\n{rows}    ]\n)\n")
    };
    let configurations = table("CONFIG_MAPPING_NAMES", &["arcee", "bert"]);
    let causal = table("MODEL_FOR_CAUSAL_LM_MAPPING_NAMES", &["arcee", "bert"]);
    let masked = table("MODEL_FOR_MASKED_LM_MAPPING_NAMES", &["bert"]);
    let remote = |name: &str| json!({ "name": name, "url": "file:///none", "local": true });
    let workspace = json!({
        "schema": 1, "home": root, "python": root.join("python"), "uv": null, "env_dir": root, "env_owner": "mlxport",
        "lock": "", "checkout": root.join("mlx-lm"), "branch": "",
        "baseline": { "kind": "release", "version": "0", "commit": "0", "why": "" },
        "remotes": { "upstream": remote("upstream"), "fork": remote("fork") },
        "transformers_dir": root.join("transformers"),
        "versions": { "python": "", "mlx": "", "mlx_lm": "", "transformers": "", "transformers_record": "", "torch": "", "uv": "" },
        "machine": { "chip": "", "ram": 1, "os": "" },
    });
    let files = [
        (auto.join("auto_mappings.py"), configurations),
        (auto.join("modeling_auto.py"), [causal, masked].concat()),
        (root.join("python"), String::new()),
        (root.join("workspace.json"), workspace.to_string()),
        (root.join("broken/config.json"), "{\n \"model_type\": \"arcee\",,\n}".into()),
    ];
    create_dir(&root.join("broken")).expect("a folder");
    for (path, text) in files {
        write_atomic(&path, text.as_bytes()).expect("a file");
    }
    folder
}

/// Gives the exit code and the first and last lines of what went to stderr.
fn said(home: &Path, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mlxport"));
    let output = command.arg("--home").arg(home).args(args).current_dir(home).output().expect("the program");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = |at: Option<&str>| at.unwrap_or_default().trim().to_string();
    (output.status.code().unwrap_or(-1), line(text.lines().next()), line(text.lines().last()))
}

#[test]
fn a_wrong_model_is_refused_before_anything_is_made() {
    let folder = home();
    let cases: [(&[&str], &str, &str); 4] = [
        (&["port", "arce"], "mlxport: transformers has no model `arce`", "next:  did you mean arcee?"),
        (
            &["port", "bert"],
            "mlxport: bert is not a causal language model in transformers: mlx-lm runs decoders that generate text",
            "next:  give a decoder's model_type, such as arcee",
        ),
        (
            &["port", "arcee", "--config", "nowhere"],
            "mlxport: --config: there is nothing at nowhere",
            "next:  give the path of a config.json or of the folder that holds one",
        ),
        (
            &["port", "broken"],
            "mlxport: broken/config.json, line 2, column 24: a key in double quotes was expected, not ','",
            "fault: what you gave",
        ),
    ];
    for (args, first, last) in cases {
        assert_eq!(said(folder.path(), args), (2, first.to_string(), last.to_string()), "{args:?}");
    }
    assert!(!folder.path().join("sessions").exists(), "a refused model leaves no session");
}
