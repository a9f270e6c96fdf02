//! Parameters that the function never reads.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{MODEL, Rule};
use crate::source::syntax::{Function, Use};

pub static RULE: Rule = Rule {
    id: "L8-unused-argument",
    says: "Every parameter is read.",
    severity: Severity::Warning,
    fix: "drop the parameter",
    source: "review of merged ports: no unused branches or options",
    breaks: Some(4),
    kinds: MODEL,
    on_broken: false,
    judge,
};

/// What upstream calls with these names, needed or not.
const INTERFACE: [&str; 9] = [
    "__init_subclass__",
    "sanitize",
    "quant_predicate",
    "cast_predicate",
    "make_cache",
    "shard",
    "predicate",
    "from_dict",
    "__exit__",
];

fn judge(subject: &Subject, found: &mut Found) {
    for function in subject.syntax.functions().filter(|function| !is_given(*function)) {
        for parameter in function.parameters().filter(|parameter| !parameter.name.starts_with('_')) {
            let own = matches!(parameter.name, "self" | "cls" | "mask" | "cache" | "layer_idx");
            if own || parameter.starred || reads(function, parameter.name) {
                continue;
            }
            found.at(parameter.node, format!("{} never reads {}", function.name(), parameter.name));
        }
    }
}

fn is_given(function: Function<'_>) -> bool {
    // A function inside a function is handed to something that fixes its parameters.
    let inner = function.0.around("function_definition").is_some();
    let empty = function.statements().all(|statement| {
        matches!(statement.kind(), "pass_statement" | "raise_statement" | "comment")
            || statement.text() == "..."
    });
    inner || empty || INTERFACE.contains(&function.name())
}

fn reads(function: Function<'_>, name: &str) -> bool {
    function.body().into_iter().flat_map(|body| body.below()).any(|node| {
        node.kind() == "identifier"
            && node.text() == name
            && matches!(node.name_use(), Use::Reads | Use::Updates)
    })
}
