//! Config files as data: each key's state per variant, and the matrix over variants. Local files and folders for now.
//!
//! Null, absent and default are different things here and stay so. [`read`] reads one file with errors that name line
//! and column; [`matrix`] lays several side by side.

pub mod code;
mod compact;
pub mod data;
pub mod decisions;
pub mod discover;
pub mod download;
mod error;
mod flag;
mod flat;
pub mod headers;
pub mod inventory;
mod json;
mod ledger;
mod matrix;
pub mod pulls;
mod read;
pub mod remote;
pub mod rope;
mod syntax;

use std::path::Path;

use crate::util::blame::{Blame, Report};

pub use error::HubError;
pub use flag::flag;
pub use flat::leaves;
pub use json::parse;
pub use ledger::{Account, Sides, ledger};
pub use matrix::{from_source, literals, matrix};
pub use read::{read, read_all, tell_apart};

/// Reads the `model_type` of a config.json, or of the one in a checkpoint folder.
pub fn model_type(config: &Path) -> Result<String, Report> {
    let read = read(config).map_err(|error| Report::from(&error))?;
    read.model_type.ok_or_else(|| {
        Report::new(Blame::User, format!("{} names no model_type", read.path.display()))
            .hint("add the model_type that transformers knows it by")
    })
}
