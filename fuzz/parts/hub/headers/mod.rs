//! The program's own files, under the names that they know each other by.

#[path = "../../../../src/hub/headers/assemble.rs"]
pub mod assemble;
#[path = "../../../../src/hub/headers/error.rs"]
mod error;
#[path = "../../../../src/hub/headers/header.rs"]
pub mod header;
#[path = "../../../../src/hub/headers/index.rs"]
pub mod index;

pub use error::{Fault, HeaderError};
