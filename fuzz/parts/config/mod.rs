//! The program's own files, under the names that they know each other by.

#[path = "../../../src/hub/compact.rs"]
mod compact;
#[path = "../../../src/hub/data/mod.rs"]
pub mod data;
#[path = "../../../src/hub/flag.rs"]
mod flag;
#[path = "../../../src/hub/flat.rs"]
mod flat;
#[path = "../../../src/hub/json.rs"]
mod json;
#[path = "../../../src/hub/matrix.rs"]
mod matrix;
#[path = "../../../src/hub/rope.rs"]
pub mod rope;
#[path = "../../../src/hub/syntax.rs"]
mod syntax;

pub use flag::flag;
pub use flat::leaves;
pub use json::parse;
pub use matrix::{literals, matrix};
