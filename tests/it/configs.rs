//! Config files as given by people: the matrix, the traps, and `config-diff` on the command line.

use std::path::{Path, PathBuf};

use mlxport::hub::data::{Cell, Config, Defaults, Flag, Matrix};
use mlxport::hub::{self, HubError};
use mlxport::util::blame::{Explain, Report};
use mlxport::util::process::Command;

/// Writes `<name>/config.json` and gives the folder.
fn config(folder: &Path, name: &str, text: &str) -> PathBuf {
    let made = folder.join(name);
    std::fs::create_dir_all(&made).unwrap();
    std::fs::write(made.join("config.json"), text).unwrap();
    made
}

fn matrix_of(configs: &[(&str, &str)]) -> Matrix {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<_> = configs.iter().map(|(name, text)| config(folder.path(), name, text)).collect();
    without_rope(hub::matrix(&hub::read_all(&paths).unwrap(), &Defaults::default()))
}

/// The keys as they are written: RoPE in one spelling is tested by itself.
fn without_rope(mut matrix: Matrix) -> Matrix {
    matrix.rows.retain(|row| row.from.is_empty());
    matrix
}

/// A matrix as lines: path, marks, cells.
fn shown(matrix: &Matrix) -> Vec<String> {
    let row = |row: &hub::data::Row| {
        let cells: Vec<_> = row.cells.iter().map(Cell::to_string).collect();
        let marks =
            format!("{}{}", if row.differs { "≠" } else { "=" }, if row.flag.is_some() { "!" } else { "." });
        format!("{marks} {}: {}", row.path, cells.join(" | "))
    };
    matrix.rows.iter().map(row).collect()
}

#[test]
fn null_absent_and_a_value_are_three_things() {
    let matrix = matrix_of(&[
        ("a", r#"{"rope_theta": null, "rope_scaling": null, "hidden_size": 8, "head_dim": null}"#),
        (
            "b",
            r#"{"rope_theta": 1e6, "rope_scaling": {"rope_type": "yarn", "factor": 4.0}, "hidden_size": 8}"#,
        ),
        ("c", r#"{"rope_theta": 1000000, "hidden_size": 8.0, "vocab_size": 5}"#),
    ]);
    let own = [
        "≠! rope_scaling: null | {rope_type: yarn, factor: 4.0} | –",
        "≠! rope_scaling.factor: – | 4.0 | –",
        "≠! rope_scaling.rope_type: – | yarn | –",
        "≠! rope_theta: null | 1e6 | 1000000",
        "≠. head_dim: null | – | –",
        "≠. vocab_size: – | – | 5",
        "=. hidden_size: 8 | 8 | 8.0",
    ];
    assert_eq!(shown(&matrix), own);
    let names: Vec<_> = matrix.variants.iter().map(|variant| variant.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
}

#[test]
fn nested_blocks_and_per_layer_type_rope_are_flat_and_flagged() {
    let matrix = matrix_of(&[
        (
            "small",
            r#"{"text_config": {"rope_parameters": {"full_attention": {"rope_theta": 1e6}, "sliding_attention": {"rope_theta": 1e4}},
                "layer_types": ["sliding_attention", "full_attention", "sliding_attention", "full_attention"], "sliding_window": 512}}"#,
        ),
        (
            "large",
            r#"{"text_config": {"rope_parameters": {"full_attention": {"rope_theta": 1e6}, "sliding_attention": {"rope_theta": 1e5}},
                "layer_types": ["sliding_attention", "sliding_attention", "sliding_attention", "full_attention"], "sliding_window": 512}}"#,
        ),
    ]);
    let own = [
        "≠! text_config.layer_types: [4: (sliding_attention, full_attention) ×2] | [4: sliding_attention ×3, full_attention]",
        "≠! text_config.rope_parameters.sliding_attention.rope_theta: 1e4 | 1e5",
        "=! text_config.rope_parameters.full_attention.rope_theta: 1e6 | 1e6",
        "=! text_config.sliding_window: 512 | 512",
    ];
    assert_eq!(shown(&matrix), own);
    assert_eq!(matrix.rows[0].note.as_deref(), Some("1 of 4 elements differ: 1"));
    assert_eq!(matrix.rows[0].flag, Some(Flag::LayerTypes));
}

#[test]
fn a_default_of_the_config_class_is_not_the_same_as_its_value() {
    let folder = tempfile::tempdir().unwrap();
    let a = config(folder.path(), "a", r#"{"hidden_act": "relu2"}"#);
    let b = config(folder.path(), "b", "{}");
    let keys = hub::literals([("hidden_act", "\"relu2\""), ("head_dim", "None"), ("odd", "interval(1)")]);
    assert_eq!(keys.keys().collect::<Vec<_>>(), ["head_dim", "hidden_act"]);
    let matrix = hub::matrix(&hub::read_all(&[a, b]).unwrap(), &hub::from_source(keys, 2));
    // A key that only the class has is a row too.
    assert_eq!(shown(&matrix), ["≠. hidden_act: relu2 | (relu2)", "=. head_dim: (null) | (null)"]);
    assert_eq!(matrix.origin.to_string(), "defaults read from the config class's source");
}

#[test]
fn infinity_and_nan_are_read_as_python_reads_them() {
    let matrix =
        matrix_of(&[("a", r#"{"limit": Infinity, "x": NaN}"#), ("b", r#"{"limit": 1e999, "x": NaN}"#)]);
    assert_eq!(shown(&matrix), ["=. limit: Infinity | 1e999", "=. x: NaN | NaN"]);
}

fn fails(text: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    std::fs::write(&path, text).unwrap();
    let error = hub::read(folder.path()).expect_err("a bad config");
    error.to_string().replace(&path.display().to_string(), "FILE")
}

#[test]
fn a_bad_config_is_told_by_file_line_and_column() {
    assert_eq!(fails(b""), "FILE, line 1, column 1: the file ends where a value was expected");
    assert_eq!(fails(b"[1]"), "FILE, holds a list, not an object of keys");
    assert_eq!(fails(b"{\n \"a\": 1,\n}"), "FILE, line 3, column 1: a comma before the closing brace");
    assert_eq!(
        fails(b"{\"a\": 1,\n \"b\": {\"c\": 1, \"c\": 2}}"),
        "FILE, line 2, column 16: the key `c` stands here a second time (first on line 2)"
    );
    assert_eq!(fails(b"\xef\xbb\xbf{}"), "FILE, line 1, column 1: a byte order mark before the JSON");
    assert_eq!(fails(b"{\n\"a\": \"\xff\"}"), "FILE, line 2: not UTF-8");
    assert_eq!(fails("{\"a\":".repeat(5_000).as_bytes()), "FILE, line 1, column 326: nested deeper than 64");
    assert_eq!(fails(&vec![b' '; 10 << 20]), "FILE is larger than 4.2 MB, which no config is");
}

#[test]
fn what_is_no_config_says_what_to_give() {
    let folder = tempfile::tempdir().unwrap();
    let error = hub::read(folder.path()).expect_err("no config.json");
    assert!(matches!(error, HubError::NoConfig { .. }));
    let report = Report::from(&hub::read(Path::new("arcee-ai/AFM-4.5B")).expect_err("a Hub id"));
    assert!(report.hint.is_some_and(|hint| hint.contains("mlxport discover")));
    assert_eq!(
        hub::read(Path::new("nothing.json")).expect_err("missing").hint().as_deref(),
        Some("check the path")
    );
    let pipe = folder.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(matches!(hub::read(&pipe), Err(HubError::NotAFile { .. })));
}

#[test]
fn columns_are_named_by_folder_repository_or_the_config_itself() {
    let folder = tempfile::tempdir().unwrap();
    let hash = "0123456789abcdef0123456789abcdef01234567";
    let named = r#"{"_name_or_path": "me/own"}"#;
    let paths = [
        config(folder.path(), &format!("models--arcee-ai--AFM-4.5B/snapshots/{hash}"), named),
        config(folder.path(), hash, named),
        config(folder.path(), "AFM", named),
        config(folder.path(), "other/AFM", named),
    ];
    std::fs::write(folder.path().join("config-small.json"), "{}").unwrap();
    let mut paths = paths.to_vec();
    paths.push(folder.path().join("config-small.json"));
    let names: Vec<_> = hub::read_all(&paths).unwrap().into_iter().map(|Config { name, .. }| name).collect();
    assert_eq!(names, ["arcee-ai/AFM-4.5B", "me/own", "AFM", "AFM #2", "config-small"]);
}

fn config_diff(arguments: &[&str], folder: &Path) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_mlxport"))
        .arg("config-diff")
        .args(arguments)
        .args(["--home", "no-workspace"])
        .cwd(folder)
        .any_exit()
        .run_blocking()
        .unwrap();
    (output.status.code().unwrap(), output.text(), output.tail)
}

#[test]
fn the_command_line_prints_the_same_matrix_for_people_and_for_programs() {
    let folder = tempfile::tempdir().unwrap();
    config(folder.path(), "a", r#"{"rope_theta": 1e6, "hidden_size": 8, "head_dim": null}"#);
    config(folder.path(), "b", r#"{"rope_theta": 10000.0, "hidden_size": 8}"#);
    let (code, out, _) = config_diff(&["a", "b", "--raw"], folder.path());
    assert_eq!(code, 0);
    let table: Vec<&str> = out.lines().take(4).collect();
    assert_eq!(
        table,
        [
            "    key          a     b",
            "≠⚑  rope_theta   1e6   10000.0",
            "≠   head_dim     null  –",
            "    hidden_size  8     8",
        ]
    );
    let (code, out, _) = config_diff(&["a", "b", "--json", "--differing"], folder.path());
    assert_eq!(code, 0);
    let own = serde_json::json!({
        "variants": ["a", "b"],
        "defaults": "no defaults: no Python environment",
        "rows": [
            {"path": "rope (normalised) theta", "flagged": true, "from": ["rope_theta", "rope_theta"],
                "cells": [{"state": "value", "value": 1e6}, {"state": "value", "value": 10000.0}]},
            {"path": "rope_theta", "flagged": true,
                "cells": [{"state": "value", "value": 1e6}, {"state": "value", "value": 10000.0}]},
            {"path": "head_dim", "flagged": false,
                "cells": [{"state": "null", "value": null}, {"state": "absent", "value": null}]},
        ],
    });
    assert_eq!(serde_json::from_str::<serde_json::Value>(&out).unwrap(), own);
}

#[test]
fn the_command_line_exits_2_and_says_where() {
    let folder = tempfile::tempdir().unwrap();
    config(folder.path(), "a", "{\"x\": 1,}");
    let (code, out, error) = config_diff(&["a"], folder.path());
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(
        error.starts_with("mlxport: a/config.json, line 1, column 9: a comma before the closing brace"),
        "{error}"
    );
    assert!(error.contains("next:  remove the comma"), "{error}");
    assert_eq!(config_diff(&[], folder.path()).0, 2);
}
