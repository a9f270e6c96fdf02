//! mx.repeat for grouped-query attention.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{MODEL, Rule};

pub static RULE: Rule = Rule {
    id: "L7-repeat",
    says: "Grouped keys and values are not repeated.",
    severity: Severity::Warning,
    fix: "hand the grouped keys and values to scaled_dot_product_attention as they are",
    source: "mx.fast.scaled_dot_product_attention takes fewer key heads than query heads",
    breaks: Some(4),
    kinds: MODEL,
    on_broken: false,
    judge,
};

const HEADS: [&str; 10] = ["k", "v", "keys", "values", "key", "value", "k_pe", "xk", "xv", "key_states"];

fn judge(subject: &Subject, found: &mut Found) {
    for call in subject.syntax.calls() {
        let copies = matches!(call.name(), "mx.repeat" | "mx.tile" | "mx.broadcast_to");
        let what = call.positional().next().map_or("", |node| node.text());
        if copies
            && HEADS.contains(&what)
            && call.function().is_some_and(|function| function.name() != "sanitize")
        {
            found
                .at(call.0, format!("{}({what}, …) copies keys or values for every query head", call.name()));
        }
    }
    for function in subject.syntax.functions().filter(|function| function.name() == "repeat_kv") {
        found.at(function.0, "repeat_kv copies keys and values for every query head");
    }
}
