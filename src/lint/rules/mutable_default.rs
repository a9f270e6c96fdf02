//! Defaults that all calls share.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{ANY, Rule};

pub static RULE: Rule = Rule {
    id: "L8-mutable-default",
    says: "No parameter has a list or a dict as its default.",
    severity: Severity::Error,
    fix: "use None, and make the value in the body",
    source: "upstream's pyproject selects ruff B006",
    breaks: Some(0),
    kinds: ANY,
    on_broken: false,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    for parameter in subject.syntax.functions().flat_map(|function| function.parameters()) {
        let shared = parameter.default.filter(|default| {
            matches!(
                default.kind(),
                "list"
                    | "dictionary"
                    | "set"
                    | "list_comprehension"
                    | "dictionary_comprehension"
                    | "set_comprehension"
            ) || matches!(default.text(), "list()" | "dict()" | "set()")
        });
        if let Some(default) = shared {
            found.at(default, format!("all calls share the default of {}", parameter.name));
        }
    }
}
