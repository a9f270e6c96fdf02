//! What takes a model's arguments apart: JSON, paths, replacements, rows of a test.

#[path = "../../../src/tools/args.rs"]
pub mod args;
#[path = "../../../src/tools/error.rs"]
pub mod error;
#[path = "../../../src/tools/paths.rs"]
pub mod paths;
#[path = "../../../src/tools/propose.rs"]
pub mod propose;
#[path = "../../../src/tools/replace.rs"]
pub mod replace;
#[path = "../../../src/tools/test_row.rs"]
pub mod test_row;
