//! A function or class that a second one of the same name replaces.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{ANY, Rule};
use crate::source::syntax::Node;

pub static RULE: Rule = Rule {
    id: "L8-redefined",
    says: "No definition is written twice.",
    severity: Severity::Error,
    fix: "drop one of the two",
    source: "upstream's pyproject selects ruff F811",
    breaks: Some(0),
    kinds: ANY,
    on_broken: false,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    let blocks = subject.syntax.nodes().filter(|node| matches!(node.kind(), "module" | "block"));
    for block in blocks {
        let mut seen: Vec<&str> = Vec::new();
        for node in block.children().filter(|node| is_definition(*node)) {
            let name = node.child("name").map_or("", Node::text);
            if seen.contains(&name) {
                found.at(node, format!("{name} is defined a second time here"));
            }
            seen.push(name);
        }
    }
}

/// Decorated ones may be meant: a property's setter, an overload.
fn is_definition(node: Node<'_>) -> bool {
    matches!(node.kind(), "function_definition" | "class_definition")
}
