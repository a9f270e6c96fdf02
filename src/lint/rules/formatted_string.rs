//! f-strings without braces.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{ANY, Rule};
use crate::source::syntax::Node;

pub static RULE: Rule = Rule {
    id: "L8-f-string",
    says: "An f-string has something to fill in.",
    severity: Severity::Error,
    fix: "drop the f",
    source: "upstream's pyproject selects ruff F541",
    breaks: Some(0),
    kinds: ANY,
    on_broken: false,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    for string in subject.syntax.of_kind("string") {
        let whole = string.parent().filter(|parent| parent.kind() == "concatenated_string").unwrap_or(string);
        let formatted = |node: Node<'_>| {
            node.text().split(['"', '\'']).next().is_some_and(|mark| mark.to_lowercase().contains('f'))
        };
        let filled = whole.below().any(|node| node.kind() == "interpolation");
        if formatted(string) && !filled {
            found.at(string, format!("{} fills nothing in", string.quoted()));
        }
    }
}
