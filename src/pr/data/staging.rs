//! What the person asks to stage, and what undoes it.

use serde::{Deserialize, Serialize};

use super::LineId;

/// Into the index or out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aim {
    Stage,
    Unstage,
}

/// What is staged or unstaged of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// All of it: lines, mode, existence.
    File,
    /// These lines: a hunk, a range or one line.
    Lines(Vec<LineId>),
}

/// One staging act taken back: what the index held before and what it held after, by path. Plain data, kept in the
/// session; the blobs stay in the repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    pub path: String,
    pub before: Option<Held>,
    pub after: Option<Held>,
}

/// What the index held for a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// git's mode number.
    pub mode: u32,
    pub blob: String,
}
