//! mlx-lm's conventions as rules over one file's syntax: what upstream's CI refuses, what its reviewers ask for. A rule is
//! one file in [`rules`], with a good and a bad fixture, and says where the convention is seen. Severities were set by
//! running every rule over the model files of the pinned mlx-lm: no error stands on any of them, and a rule that many of
//! them break is a note.
//!
//! Rules are pure functions over a [`Subject`]; [`read`] alone touches the disk. The formatters need Python and are
//! given in from outside. Left out: what the harness can measure, which is whether the port computes the right thing.

pub mod data;
mod error;
mod found;
mod linter;
mod read;
mod rules;
mod subject;
mod told;

use std::path::Path;

pub use data::{Finding, Kind, Linted, NotJudged, Severity};
pub use error::LintError;
pub use found::Found;
pub use linter::Linter;
pub use read::{Loaded, around, read};
pub use rules::{HELPERS, MERGED, RULES, Rule};
pub use subject::{Around, Formatted, Peer, Subject, Wanted};
pub use told::{counts, finding, told};

/// Judges one file by every rule that applies to it.
pub fn judge(subject: &Subject) -> Linted {
    let mut found = Found::default();
    let broken = subject.syntax.broken().is_some();
    for rule in RULES.iter().filter(|rule| rule.kinds.contains(&subject.kind)) {
        // What does not parse has no structure to judge.
        if broken && !rule.on_broken {
            continue;
        }
        found.begin(rule);
        (rule.judge)(subject, &mut found);
    }
    found.finish(subject)
}

/// Gives the result of a file that is no text: Python refuses it, and so does upstream's CI.
fn not_text(path: &Path, error: &LintError) -> Linted {
    let mut found = Found::default();
    found.begin(&rules::PARSE);
    found.whole(error.to_string());
    found.finish(&Subject::new(path, ""))
}

/// Finds a rule by its id.
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.id == id)
}
