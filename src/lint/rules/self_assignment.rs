//! `x = x`.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{ANY, Rule};

pub static RULE: Rule = Rule {
    id: "L8-self-assignment",
    says: "No name is assigned to itself.",
    severity: Severity::Error,
    fix: "drop the line",
    source: "upstream's pyproject selects ruff PLW0127",
    breaks: Some(0),
    kinds: ANY,
    on_broken: false,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    for assignment in subject.syntax.of_kind("assignment") {
        let (Some(left), Some(right)) = (assignment.child("left"), assignment.child("right")) else {
            continue;
        };
        // A class body takes a name from around it: `kind: Kind = Kind` is no such thing, but `x = x` there is one.
        if left.kind() == "identifier" && left.text() == right.text() {
            found.at(assignment, format!("{} is assigned to itself", left.text()));
        }
    }
}
