//! The program's own files, under the names that they know each other by.

#[path = "../../../src/hub/compact.rs"]
mod compact;
#[path = "../../../src/hub/data/mod.rs"]
pub mod data;
pub mod headers;
