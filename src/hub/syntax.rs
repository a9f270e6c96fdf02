//! What is wrong with a text as JSON, with line and column. Apart from the files that hold it.

use thiserror::Error;

/// Where in a text, from 1; the column counts characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    pub line: u32,
    pub column: u32,
}

impl std::fmt::Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// What is wrong with a text as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JsonError {
    #[error("{at}: {what}")]
    Syntax { at: At, what: String, hint: Option<&'static str> },
    #[error("{at}: the key `{key}` stands here a second time (first on line {first})")]
    Duplicate { at: At, key: String, first: u32 },
    #[error("{at}: nested deeper than {limit}")]
    TooDeep { at: At, limit: usize },
    #[error("holds {found}, not an object of keys")]
    NotAnObject { found: &'static str },
}
