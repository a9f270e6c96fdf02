//! A model's tool arguments, from any bytes: no panic; no spelling of a path leads out of the folders that tools may read or
//! to a third file that may be written; edits and rows change what they say and no more.
//!
//! `cargo +nightly fuzz run tools -- -max_len=4096 -dict=tools.dict`

#![no_main]
#![allow(dead_code, unused_imports)]

#[path = "../parts/agent.rs"]
mod agent;
#[path = "../parts/tools/mod.rs"]
mod tools;
#[path = "../parts/util.rs"]
mod util;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use agent::data::EditScope;
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use tools::error::ToolError;
use tools::paths::{Roots, TESTS, Target, Writable};
use tools::propose::{MOST_BYTES, proposal};
use tools::replace::{Edit, replaced};
use tools::{args, test_row};

const PORT: &str = "mlx_lm/models/arcee.py";

struct Place {
    roots: Roots,
    own: Writable,
    areas: [PathBuf; 3],
}

/// Folders as the program has them, a secret beside them, and links that lead out.
static PLACE: LazyLock<Place> = LazyLock::new(|| {
    let root = std::env::temp_dir().join(format!("mlxport-fuzz-tools-{}", std::process::id()));
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        std::fs::write(path, text).expect("a file");
    };
    write("site/transformers/models/arcee/modeling_arcee.py", "x = 1\n");
    write("mlx-lm/mlx_lm/models/base.py", "pass\n");
    write("mlx-lm/mlx_lm/models/arcee.py", "a = 1\nb = 2\n");
    write("mlx-lm/tests/test_models.py", "pass\n");
    write("mlx-lm/.git/config", "[remote]\n");
    write("secret.py", "hunter2\n");
    let checkout = root.join("mlx-lm");
    for (to, from) in [(root.join("secret.py"), "mlx_lm/models/link.py"), (root.clone(), "mlx_lm/up"), (checkout.join(".git"), "tests/git")] {
        let _ = std::os::unix::fs::symlink(to, checkout.join(from));
    }
    let roots = Roots::new(&root.join("site/transformers"), &checkout).expect("roots");
    let areas = [roots.transformers().to_path_buf(), roots.checkout().join("mlx_lm"), roots.checkout().join("tests")];
    Place { roots, own: Writable::new("arcee").expect("a model type"), areas }
});

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    match kind % 4 {
        0 => path(&text),
        1 => json(&text),
        2 => edits(&text),
        _ => row(&text),
    }
});

fn path(text: &str) {
    let place = &*PLACE;
    for found in [place.roots.resolve(text), place.roots.file(text)] {
        match found {
            Ok(found) => {
                assert!(place.areas.iter().any(|area| found.real.starts_with(area)), "{text:?} leads to {:?}", found.real);
                assert!(!found.shown.chars().any(char::is_control), "{text:?}");
            }
            Err(error) => told(&error),
        }
    }
    match place.own.target(text) {
        Ok(Target { path, scope }) => {
            let wanted = if path == PORT { EditScope::Port } else { EditScope::Test };
            assert!((path == PORT || path == TESTS) && scope == wanted && path == text, "{text:?}");
        }
        Err(error) => told(&error),
    }
    match place.own.shared(&place.roots, text) {
        // Two files are there that are shared: all else is refused.
        Ok(target) => assert!(target.path == "mlx_lm/models/base.py" && target.path == text, "{text:?}"),
        Err(error) => told(&error),
    }
    if let Ok(own) = Writable::new(text) {
        let path = Path::new(own.model());
        assert!(path.parent() == Some(Path::new("mlx_lm/models")), "{text:?}");
    }
}

/// A refusal is one safe text.
fn told(error: &ToolError) {
    let said = error.to_string();
    assert!(said.len() < 4000 && !said.chars().any(|c| c.is_control() && c != '\n'), "{said:?}");
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    path: String,
    #[serde(default)]
    start: Option<usize>,
}

fn json(text: &str) {
    let parsed = args::object("read_source", text).and_then(|value| args::typed::<Read>("read_source", value));
    match parsed {
        Ok(read) => path(&read.path),
        Err(error) => drop(error.to_string()),
    }
}

#[derive(Debug, Deserialize)]
struct Edits {
    before: String,
    edits: Vec<Edit>,
}

fn edits(text: &str) {
    let Ok(Edits { before, edits }) = serde_json::from_str(text) else { return };
    let Ok(after) = replaced("edit_port", PORT, &before, &edits) else { return };
    assert!(after.len() <= MOST_BYTES);
    let target = Target { path: PORT.into(), scope: EditScope::Port };
    if let Ok(made) = proposal("c", &target, Some(before.clone()), after) {
        assert_eq!((made.path.as_str(), made.scope, made.before), (PORT, EditScope::Port, before));
        assert!(!made.after.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')));
        assert!(made.title.lines().count() == 1, "{:?}", made.title);
    }
}

const BEFORE: &str = "class T:\n    def test_all_models(self):\n        test_configs = [\n            {\n                \"model_type\": \"afm7\",\n            },\n";
const AFTER: &str = "        ]\n        for config in test_configs:\n            pass\n";

/// A row stands in the table and changes nothing around it; put there twice it is there once.
fn row(text: &str) {
    let Ok(config) = serde_json::from_str(text) else { return };
    let Ok(row) = test_row::row(config, "arcee") else { return };
    let file = format!("{BEFORE}{AFTER}");
    let once = test_row::placed(&file, &row, "arcee").expect("there is a table");
    assert_eq!(once, format!("{BEFORE}{row}{AFTER}"));
    assert_eq!(test_row::placed(&once, &row, "arcee").as_ref(), Some(&once));
}
