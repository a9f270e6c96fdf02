//! Defaults of real config classes and the ledger of a real port, through the command line and inside the sandbox.

use std::path::PathBuf;

use serde_json::Value;

use crate::families::Lab;

fn config(lab: &Lab, name: &str, text: &str) -> PathBuf {
    let folder = lab.path().join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("config.json"), text).expect("a config");
    folder
}

fn json(lab: &Lab, args: &[&str]) -> Value {
    let (code, out, said) = lab.run(&[args, &["--json"]].concat());
    assert_eq!(code, Some(0), "{said}");
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}\n{said}"))
}

/// State and value of each cell of a row.
fn cells(diff: &Value, path: &str) -> Vec<String> {
    let rows = diff["rows"].as_array().expect("rows");
    let row = rows.iter().find(|row| row["path"] == path).unwrap_or_else(|| panic!("no row {path}"));
    let cells = row["cells"].as_array().expect("cells");
    cells
        .iter()
        .map(|cell| format!("{} {}", cell["state"].as_str().expect("a state"), cell["value"]))
        .collect()
}

#[test]
fn defaults_come_from_the_class_for_the_config_at_hand() {
    let lab = Lab::new();
    let sizes = r#""model_type": "llama", "hidden_size": 64, "num_attention_heads": 8"#;
    let a = config(&lab, "a", &format!(r#"{{{sizes}, "rope_theta": 500000.0, "head_dim": null}}"#));
    let b = config(
        &lab,
        "b",
        &format!(r#"{{{sizes}, "rope_parameters": {{"rope_theta": 5e5, "rope_type": "default"}}}}"#),
    );
    let c = config(
        &lab,
        "c",
        &format!(r#"{{{sizes}, "rope_scaling": {{"type": "yarn", "factor": 4.0}}, "head_dim": 16}}"#),
    );
    let files = [&a, &b, &c].map(|path| path.to_str().expect("a path"));
    let args: Vec<&str> = std::iter::once("config-diff").chain(files).collect();
    let diff = json(&lab, &args);
    assert_eq!(cells(&diff, "head_dim"), ["null null", "default 8", "value 16"]);
    assert_eq!(cells(&diff, "num_key_value_heads"), ["default 8", "default 8", "default 8"]);
    assert_eq!(
        cells(&diff, "rope_parameters.rope_theta"),
        ["default 500000.0", "value 500000.0", "default 10000.0"]
    );
    let theta = ["value 500000.0", "value 500000.0", "default 10000.0"];
    assert_eq!(cells(&diff, "rope (normalised) theta"), theta);
    assert_eq!(
        cells(&diff, "rope (normalised) type"),
        ["default \"default\"", "value \"default\"", "value \"yarn\""]
    );
    assert!(diff["defaults"].as_str().is_some_and(|text| text.contains("of the config class, transformers")));
    // Without the class, and without an environment, absent stays absent.
    let silent = json(&lab, &[args.as_slice(), &["--no-defaults"]].concat());
    assert_eq!(cells(&silent, "head_dim"), ["null null", "absent null", "value 16"]);
    let bare = tempfile::tempdir().expect("a folder");
    let home = bare.path().to_str().expect("a path");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_mlxport"))
        .args([args.as_slice(), &["--home", home]].concat())
        .output()
        .expect("mlxport");
    let (out, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(out.contains("no defaults: no Python environment"), "{out}");
    assert!(said.contains("`mlxport setup` builds it"), "{said}");
}

fn entry(ledger: &Value, path: &str) -> Value {
    let entries = ledger["entries"].as_array().expect("entries");
    entries.iter().find(|entry| entry["path"] == path).cloned().unwrap_or_else(|| panic!("no entry {path}"))
}

/// The bar of the ledger: mlx-lm's own llama.py does not read `rope_parameters`, which transformers 5 writes.
#[test]
fn the_ledger_finds_that_the_accepted_llama_ignores_rope_parameters() {
    let lab = Lab::new();
    let read = json(&lab, &["ledger", "llama"]);
    let theta = entry(&read, "rope_parameters.rope_theta");
    assert_eq!((&theta["alarm"], &theta["port"]), (&"unread".into(), &Value::Array(Vec::new())));
    let line = theta["reference"][0]["text"].as_str().expect("a line");
    assert!(line.contains("rope_parameters"), "{line}");
    // Old and new spelling are told apart, and the port's default stands beside the class's.
    let old = entry(&read, "rope_theta");
    assert_eq!((&old["alarm"], &old["port_default"]), (&Value::Null, &"10000".into()));
    assert_eq!(entry(&read, "tie_word_embeddings")["port_default"], "True");
    assert_eq!(entry(&read, "tie_word_embeddings")["reference_default"], false);
    assert_eq!(entry(&read, "attention_dropout")["alarm"], Value::Null);

    let (_, run) = lab.check(&["check", "twin", "llama", "--checks", "exact,config"]);
    let judged = json(&lab, &["ledger", "llama"]);
    assert!(judged["known"].as_array().is_some_and(|known| {
        known.iter().any(|text| text.as_str().is_some_and(|text| text.contains(&run.run_id)))
    }));
    assert_eq!(entry(&judged, "rope_parameters.rope_theta")["alarm"], "spelling");
    assert_eq!(entry(&judged, "hidden_act")["alarm"], "ignored");
    assert_eq!(entry(&judged, "num_key_value_heads")["alarm"], Value::Null);
    let alarms = judged["alarms"].as_u64().expect("a count");

    let (code, _, said) = lab.run(&["ledger", "llama", "--reject", "hidden_act"]);
    assert_eq!(code, Some(2), "a reason is required: {said}");
    let rejected =
        json(&lab, &["ledger", "llama", "--reject", "hidden_act", "--because", "every checkpoint has silu"]);
    assert_eq!(entry(&rejected, "hidden_act")["rejected"]["reason"], "every checkpoint has silu");
    assert_eq!(rejected["alarms"].as_u64(), Some(alarms - 1));
    let restored = json(&lab, &["ledger", "llama", "--restore", "hidden_act"]);
    assert_eq!(restored["alarms"].as_u64(), Some(alarms));
}
