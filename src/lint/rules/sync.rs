//! `.item()`, `.tolist()` and mx.eval in the forward pass.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{MODEL, Rule};

pub static RULE: Rule = Rule {
    id: "L7-sync",
    says: "No value is read back to Python while the model runs.",
    severity: Severity::Warning,
    fix: "stay in arrays: mx.where, mx.take_along_axis, switch layers",
    source: "merged ports; reading a value waits for the whole graph",
    breaks: Some(2),
    kinds: MODEL,
    on_broken: false,
    judge,
};

/// These run once, when weights are loaded or a model is made.
const ONCE: [&str; 10] = [
    "sanitize",
    "__init__",
    "__post_init__",
    "shard",
    "make_cache",
    "from_dict",
    "quant_predicate",
    "cast_predicate",
    "load_weights",
    "to_quantized",
];

fn judge(subject: &Subject, found: &mut Found) {
    for call in subject.syntax.calls() {
        let reads = match call.method() {
            Some("item" | "tolist") => call.positional().next().is_none(),
            _ => matches!(call.name(), "mx.eval" | "mx.async_eval" | "np.array" | "np.asarray"),
        };
        let runs =
            |name: &str| !ONCE.contains(&name) && !name.contains("sanitize") && !name.contains("dequant");
        if reads && call.function().is_some_and(|function| runs(function.name())) {
            found.at(call.0, format!("`{}` waits for the whole graph", call.0.quoted()));
        }
    }
}
