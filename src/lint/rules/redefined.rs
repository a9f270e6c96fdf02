//! A function or class that a second one of the same name replaces.

use std::collections::HashMap;
use std::ops::Range;

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{ANY, Rule};
use crate::source::syntax::{Node, Use};

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
        let mut seen: HashMap<&str, Node<'_>> = HashMap::new();
        for node in block.children().filter(|node| is_definition(*node)) {
            let name = node.child("name").map_or("", Node::text);
            if let Some(before) = seen.insert(name, node)
                && !is_read(block, name, before.bytes().end..node.bytes().start)
            {
                found.at(node, format!("{name} is defined a second time here"));
            }
        }
    }
}

/// A definition that is used before the next one of its name had a purpose.
fn is_read(block: Node<'_>, name: &str, between: Range<usize>) -> bool {
    block.below().any(|node| {
        between.contains(&node.bytes().start)
            && node.kind() == "identifier"
            && node.text() == name
            && node.name_use() == Use::Reads
    })
}

/// Decorated ones may be meant: a property's setter, an overload.
fn is_definition(node: Node<'_>) -> bool {
    matches!(node.kind(), "function_definition" | "class_definition")
}
