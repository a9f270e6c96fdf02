//! Docstrings, of which merged code has hardly any.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{MODEL, Rule};
use crate::source::syntax::Node;

pub static RULE: Rule = Rule {
    id: "L2-docstrings",
    says: "No docstrings: five of six merged files have none.",
    severity: Severity::Warning,
    fix: "drop the docstrings",
    source: "review of merged ports cut docstrings",
    breaks: Some(19),
    kinds: MODEL,
    on_broken: false,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    let bodies = subject.syntax.nodes().filter(|node| {
        node.kind() == "module"
            || (node.kind() == "block"
                && node.parent().is_some_and(|parent| {
                    matches!(parent.kind(), "function_definition" | "class_definition")
                }))
    });
    let docstrings: Vec<_> = bodies.filter_map(docstring).collect();
    // One is common enough to be no more than worth a look.
    match docstrings.as_slice() {
        [] => {}
        [one] => found.weighed(one.spot(), Severity::Note, "a docstring"),
        [first, ..] => found.at(*first, format!("{} docstrings; this is the first", docstrings.len())),
    }
}

fn docstring(body: Node<'_>) -> Option<Node<'_>> {
    let first = body.children().find(|node| node.kind() != "comment")?;
    first.children().next().filter(|node| first.kind() == "expression_statement" && node.kind() == "string")
}
