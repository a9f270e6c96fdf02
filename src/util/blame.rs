//! Whose fault an error is, and what to do about it. Every room's error enum implements [`Explain`], so that
//! the screen, `--plain` and the command line show the same words.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blame {
    /// What the person gave: a flag, a name, a file, a key.
    User,
    /// The machine: disk, network, Python, git, permissions.
    Environment,
    /// The port under test: it does not parse, raises, hangs or eats the memory.
    Port,
    /// The reference implementation or the upstream checkout.
    Upstream,
    /// mlxport itself.
    Bug,
}

impl Blame {
    /// Names whose fault it is, for an error's second line.
    pub fn whose(self) -> &'static str {
        match self {
            Self::User => "what you gave",
            Self::Environment => "this machine",
            Self::Port => "the port",
            Self::Upstream => "upstream",
            Self::Bug => "mlxport itself",
        }
    }
}

/// What every room's error can say of itself besides its text.
pub trait Explain: fmt::Display {
    /// Says whose fault it is.
    fn blame(&self) -> Blame;
    /// Says what to do next, in one sentence.
    fn hint(&self) -> Option<String> {
        None
    }
    /// Gives the long part (last lines of stderr, a traceback frame), shown on Enter.
    fn detail(&self) -> Option<String> {
        None
    }
}

/// An error as data: what a job posts, a pane shows and `--json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub blame: Blame,
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail: Option<String>,
}

impl Report {
    /// Makes a report from its text and whose fault it is.
    pub fn new(blame: Blame, text: impl Into<String>) -> Self {
        Self { blame, text: text.into(), hint: None, detail: None }
    }

    /// Adds what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl<E: Explain> From<&E> for Report {
    fn from(error: &E) -> Self {
        Self { blame: error.blame(), text: error.to_string(), hint: error.hint(), detail: error.detail() }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}
