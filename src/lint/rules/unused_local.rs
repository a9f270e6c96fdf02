//! Local names that are given a value nobody reads.

use std::collections::HashSet;

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{ANY, Rule};
use crate::source::syntax::{Node, Use};

pub static RULE: Rule = Rule {
    id: "L8-unused-local",
    says: "Every local variable is used.",
    severity: Severity::Error,
    fix: "drop the assignment, or begin the name with an underscore",
    source: "upstream's pyproject selects ruff F841",
    breaks: Some(0),
    kinds: ANY,
    on_broken: false,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    for function in subject.syntax.functions() {
        let Some(body) = function.body() else { continue };
        let names: Vec<_> = body
            .below()
            .filter(|node| node.kind() == "identifier")
            .map(|node| (node, node.name_use()))
            .collect();
        let read: HashSet<&str> = names
            .iter()
            .filter(|(node, what)| matches!(what, Use::Reads | Use::Updates) || is_declared(*node))
            .map(|(node, _)| node.text())
            .collect();
        if read.contains("locals") {
            continue;
        }
        // The last binding counts, as for ruff: a name that a tuple takes later may be needed there.
        let mut seen: HashSet<&str> = HashSet::new();
        let own = names
            .iter()
            .rev()
            .filter(|(node, what)| *what == Use::Binds && node.scope() == Some(function.0))
            .filter(|(node, _)| seen.insert(node.text()));
        for (node, _) in own.filter(|(node, _)| is_plain(*node)) {
            let name = node.text();
            if !name.starts_with('_') && !read.contains(name) {
                found.at(*node, format!("{name} is given a value that nothing reads"));
            }
        }
    }
}

/// `nonlocal x`: the value is for somebody else.
fn is_declared(node: Node<'_>) -> bool {
    node.parent().is_some_and(|parent| matches!(parent.kind(), "global_statement" | "nonlocal_statement"))
}

/// `x = …`, `x, y = 1, 2`, `with … as x`, `except … as x`: not a tuple that is taken apart, whose other parts may be needed.
fn is_plain(node: Node<'_>) -> bool {
    let Some(parent) = node.parent() else { return false };
    match parent.kind() {
        "assignment" | "as_pattern_target" | "named_expression" => true,
        "pattern_list" => {
            let value = parent.parent().and_then(|assignment| assignment.child("right"));
            value.is_some_and(|value| value.kind() == "expression_list")
        }
        _ => false,
    }
}
