//! Arrays made in the forward pass without a dtype.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{MODEL, Rule};
use crate::source::syntax::Call;

pub static RULE: Rule = Rule {
    id: "L7-float32",
    says: "No float32 array enters the forward pass.",
    severity: Severity::Warning,
    fix: "use a Python number, or give the array x.dtype",
    source: "float32 promotes a bfloat16 model from there on",
    breaks: Some(0),
    kinds: MODEL,
    on_broken: false,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    for call in subject.syntax.calls() {
        let runs = call.function().is_some_and(|function| function.name() == "__call__");
        if runs && makes_float32(call) && !is_cast(call) {
            found.at(call.0, format!("`{}` is float32 whatever the model's dtype is", call.0.quoted()));
        }
    }
}

fn makes_float32(call: Call<'_>) -> bool {
    let typed = call.keyword("dtype").is_some();
    match call.name() {
        "mx.zeros" | "mx.ones" => !typed && call.positional().count() < 2,
        "mx.array" => {
            let first = call.positional().next();
            !typed && call.positional().count() == 1 && first.is_some_and(|node| node.kind() == "float")
        }
        "mx.full" => {
            let value = call.positional().nth(1);
            !typed && call.positional().count() < 3 && value.is_some_and(|node| node.kind() == "float")
        }
        _ => false,
    }
}

/// `mx.array(1.0).astype(x.dtype)`.
fn is_cast(call: Call<'_>) -> bool {
    let outer = call.0.parent().filter(|parent| parent.kind() == "attribute");
    // put_along_axis and where take the other array's dtype for a scalar array.
    let into = call.0.ancestors().find(|node| node.kind() == "call").map(Call);
    outer.is_some_and(|outer| outer.text().ends_with(".astype"))
        || into.is_some_and(|into| matches!(into.name(), "mx.put_along_axis"))
}
