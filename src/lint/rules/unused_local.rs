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
        let mut told: Vec<&str> = Vec::new();
        for (node, what) in &names {
            let name = node.text();
            let own = node.scope() == Some(function.0) && *what == Use::Binds && is_plain(*node);
            if own && !name.starts_with('_') && !told.contains(&name) && !read.contains(name) {
                told.push(name);
                found.at(*node, format!("{name} is given a value that nothing reads"));
            }
        }
    }
}

/// `nonlocal x`: the value is for somebody else.
fn is_declared(node: Node<'_>) -> bool {
    node.parent().is_some_and(|parent| matches!(parent.kind(), "global_statement" | "nonlocal_statement"))
}

/// `x = …`, `with … as x`, `except … as x`: not an unpacked tuple, whose other parts may be needed.
fn is_plain(node: Node<'_>) -> bool {
    let binds = ["assignment", "as_pattern_target", "named_expression"];
    node.parent().is_some_and(|parent| binds.contains(&parent.kind()))
}
