//! Classes and functions that nothing names.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{MODEL, Rule};
use crate::source::syntax::Node;

pub static RULE: Rule = Rule {
    id: "L8-unused-definition",
    says: "Every class and function is used.",
    severity: Severity::Warning,
    fix: "drop it",
    source: "review of merged ports: speculative code was deleted",
    breaks: Some(1),
    kinds: MODEL,
    on_broken: false,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    let defined = subject.syntax.nodes().filter(|node| {
        matches!(node.kind(), "function_definition" | "class_definition") && node.scope().is_none()
    });
    for node in defined {
        let name = node.child("name").map_or("", Node::text);
        if !matches!(name, "Model" | "ModelArgs") && !subject.syntax.reads_name(name) {
            found.at(node, format!("nothing here uses {name}"));
        }
    }
}
