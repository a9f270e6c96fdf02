//! What the rules say, as data for the command line, the panes and the model.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::util::blame::Report;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Upstream's CI would fail.
    Error,
    /// Reviewers ask for a change.
    Warning,
    /// Worth a look; accepted ports have it too.
    Note,
}

impl Severity {
    /// Gives the word that people read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule: `L3-copyright`.
    pub id: String,
    pub severity: Severity,
    /// From 1; 0 for the file as a whole.
    pub line: u32,
    /// From 1, in characters; 0 for the file as a whole.
    pub column: u32,
    pub text: String,
    /// What to do.
    pub fix: String,
    /// Where upstream's convention is seen.
    pub source: String,
}

/// A rule that could not be judged, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotJudged {
    pub id: String,
    pub why: String,
}

/// What a file is to the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A model file, finished or not.
    Model,
    /// A helper that many models share.
    Shared,
    /// Upstream's tests.
    Tests,
}

/// The result for one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linted {
    /// As it was given.
    pub path: String,
    /// None when the file could not be read.
    pub kind: Option<Kind>,
    /// In the order of the text.
    pub findings: Vec<Finding>,
    pub not_judged: Vec<NotJudged>,
    /// Why the file could not be read.
    pub error: Option<Report>,
}

impl Linted {
    /// Makes the result of a file that could not be read.
    pub fn unread(path: &Path, error: Report) -> Self {
        Self {
            path: path.to_string_lossy().into_owned(),
            kind: None,
            findings: Vec::new(),
            not_judged: Vec::new(),
            error: Some(error),
        }
    }

    /// Counts the findings of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// Says whether upstream's CI would take the file.
    pub fn passes(&self) -> bool {
        self.error.is_none() && self.count(Severity::Error) == 0
    }
}
