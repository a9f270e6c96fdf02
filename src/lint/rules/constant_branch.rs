//! Branches and lines that are never reached.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{ANY, Rule};
use crate::source::syntax::Node;

pub static RULE: Rule = Rule {
    id: "L8-dead-code",
    says: "No code stands where it is never reached.",
    severity: Severity::Warning,
    fix: "drop it",
    source: "review of merged ports: no unused branches",
    breaks: Some(0),
    kinds: ANY,
    on_broken: false,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    for branch in subject.syntax.nodes().filter(|node| matches!(node.kind(), "if_statement" | "elif_clause"))
    {
        let condition = branch.child("condition");
        if condition
            .is_some_and(|node| matches!(node.kind(), "true" | "false" | "integer" | "none" | "string"))
        {
            found.at(branch, format!("the condition is always `{}`", condition.map_or("", Node::text)));
        }
    }
    for block in subject.syntax.of_kind("block") {
        let mut children = block.children().filter(|node| node.kind() != "comment");
        let end = children.find(|node| ends(*node));
        if let (Some(end), Some(next)) = (end, children.next()) {
            found.at(next, format!("never reached: `{}` is before it", end.quoted()));
        }
    }
}

fn ends(node: Node<'_>) -> bool {
    matches!(node.kind(), "return_statement" | "raise_statement" | "continue_statement" | "break_statement")
}
