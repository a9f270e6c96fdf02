//! A cast to float32 in the forward pass that nothing takes back.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{MODEL, Rule};
use crate::source::syntax::Call;

pub static RULE: Rule = Rule {
    id: "L7-cast-back",
    says: "What is computed in float32 is cast back.",
    severity: Severity::Warning,
    fix: "cast the result back: .astype(x.dtype)",
    source: "merged ports; one float32 norm once made a port five times slower",
    breaks: Some(2),
    kinds: MODEL,
    on_broken: false,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    for function in subject.syntax.functions().filter(|function| function.name() == "__call__") {
        let casts: Vec<_> = function.calls().filter(|call| call.method() == Some("astype")).collect();
        let wide = |text: &str| matches!(text, "mx.float32");
        let Some(first) = casts.iter().find(|call| wide(to(**call))) else { continue };
        // A router's scores, indices and gates may stay in float32: they only weigh.
        let router = function.class().is_some_and(|class| {
            let name = class.name().to_lowercase();
            ["gate", "router", "topk", "moe", "indexer"].iter().any(|word| name.contains(word))
        });
        if !router && casts.iter().all(|call| wide(to(*call))) {
            found.at(first.0, format!("`{}` and no cast back in this __call__", first.0.quoted()));
        }
    }
}

fn to(call: Call<'_>) -> &str {
    call.positional().next().map_or("", |node| node.text())
}
