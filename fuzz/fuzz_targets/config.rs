//! Two config files and what a config class makes of them, from any bytes: no panic; the matrix is whole, RoPE in one
//! spelling says where it came from, and a config never differs from itself.
//!
//! `cargo +nightly fuzz run config -- -max_len=8192`

#![no_main]
#![allow(dead_code, unused_imports)]

#[path = "../parts/config/mod.rs"]
mod hub;
#[path = "../parts/util.rs"]
mod util;

use std::sync::Arc;

use hub::data::{Cell, Config, DERIVED, Defaults, Json, Origin};
use hub::{leaves, literals, matrix, parse};
use libfuzzer_sys::fuzz_target;

/// Stands between the texts: it is in no UTF-8.
const APART: u8 = 0xff;

fuzz_target!(|bytes: &[u8]| {
    let texts: Vec<&str> =
        bytes.splitn(3, |byte| *byte == APART).filter_map(|part| std::str::from_utf8(part).ok()).collect();
    let mut configs = Vec::new();
    for (name, text) in ["a", "b"].into_iter().zip(&texts) {
        match parse(text) {
            Ok(Json::Object(root)) => configs.push(Config {
                name: name.into(),
                path: name.into(),
                model_type: None,
                root,
            }),
            Ok(other) => drop((other.short(), other.written(), other.to_serde())),
            Err(error) => drop(error.to_string()),
        }
        drop(literals([("key", *text)]));
    }
    let Some(first) = configs.first().cloned() else { return };
    let gives = texts.get(2).and_then(|text| parse(text).ok()).map(|json| Arc::new(leaves(&json)));
    let class = gives.unwrap_or_default();
    let origin = Origin::Class { transformers: "5".into() };
    let defaults = Defaults {
        variants: vec![Arc::clone(&class); configs.len()],
        class,
        origin,
        refused: Vec::new(),
    };
    let made = matrix(&configs, &defaults);
    for row in &made.rows {
        assert_eq!(row.cells.len(), configs.len(), "{}", row.path);
        assert!(row.from.is_empty() || row.from.len() == configs.len(), "{}", row.path);
        assert!(row.from.is_empty() || row.path.starts_with(DERIVED), "{}", row.path);
        for cell in &row.cells {
            drop((cell.to_string(), cell.state()));
            if let Cell::Value(value) | Cell::Default(value) = cell {
                drop((value.short(), value.to_serde()));
                assert!(value.same(value), "{value:?}");
            }
        }
    }
    let twice = matrix(&[first.clone(), first], &defaults_of(&defaults));
    assert!(twice.rows.iter().all(|row| !row.differs), "a config does not differ from itself");
});

/// The same for both: what a class makes of one config, twice.
fn defaults_of(defaults: &Defaults) -> Defaults {
    Defaults { variants: vec![Arc::clone(&defaults.class); 2], ..defaults.clone() }
}
