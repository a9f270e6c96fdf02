//! A file that Python cannot read.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{ANY, Rule};

pub static RULE: Rule = Rule {
    id: "L0-parse",
    says: "The file is Python that parses.",
    severity: Severity::Error,
    fix: "correct the syntax there",
    source: "upstream's tests import every model file",
    breaks: None,
    kinds: ANY,
    on_broken: true,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    if let Some(spot) = subject.syntax.broken() {
        found.spot(spot, "this is not Python; no other rule was judged beyond it");
    }
}
