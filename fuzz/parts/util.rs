//! The program's own files, under the names that they know each other by.

#[path = "../../src/util/blame.rs"]
pub mod blame;
#[path = "../../src/util/text.rs"]
pub mod text;
