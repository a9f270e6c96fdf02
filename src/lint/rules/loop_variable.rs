//! Loop variables that the loop never reads.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{ANY, Rule};
use crate::source::syntax::{Node, Use};

pub static RULE: Rule = Rule {
    id: "L8-loop-variable",
    says: "A loop's variable is used, or begins with an underscore.",
    severity: Severity::Error,
    fix: "begin the name with an underscore",
    source: "upstream's pyproject selects ruff B007",
    breaks: Some(0),
    kinds: ANY,
    on_broken: false,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    for walk in subject.syntax.of_kind("for_statement") {
        let (Some(left), Some(body)) = (walk.child("left"), walk.child("body")) else { continue };
        let bound = left.below().chain([left]).filter(|node| node.kind() == "identifier");
        for node in bound.filter(|node| node.name_use() == Use::Binds && !node.text().starts_with('_')) {
            if !reads(body, node.text()) {
                found.at(node, format!("{} is never read in the loop", node.text()));
            }
        }
    }
}

fn reads(within: Node<'_>, name: &str) -> bool {
    within.below().any(|node| {
        node.kind() == "identifier"
            && node.text() == name
            && matches!(node.name_use(), Use::Reads | Use::Updates)
    })
}
