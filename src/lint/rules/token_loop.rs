//! A Python loop over the tokens of a prompt.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{MODEL, Rule};
use crate::source::syntax::Node;

pub static RULE: Rule = Rule {
    id: "L7-token-loop",
    says: "No Python loop over tokens.",
    severity: Severity::Warning,
    fix: "use the shared kernels (.ssm, .gated_delta), a scan over chunks, or one matrix product",
    source: "review of merged ports: per-token loops in recurrences were replaced",
    breaks: Some(5),
    kinds: MODEL,
    on_broken: false,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    for walk in subject.syntax.of_kind("for_statement") {
        let (Some(step), Some(over)) = (walk.child("left"), walk.child("right")) else { continue };
        let Some(inner) = over.text().strip_prefix("range(").and_then(|text| text.strip_suffix(')')) else {
            continue;
        };
        if counts_tokens(inner) && walk.child("body").is_some_and(|body| takes_one(body, step.text())) {
            found
                .at(walk, format!("a loop over `{}`: one pass for every token of the prompt", over.quoted()));
        }
    }
}

fn counts_tokens(range: &str) -> bool {
    matches!(range, "L" | "T" | "S" | "N" | "seq_len" | "seqlen" | "length" | "seq_length" | "num_tokens")
        || range.ends_with(".shape[1]")
}

/// `x[:, t]`: the loop's variable picks a place of the second axis or a later one.
fn takes_one(body: Node<'_>, step: &str) -> bool {
    body.below().filter(|node| node.kind() == "subscript").any(|subscript| {
        let places: Vec<_> = subscript.children().skip(1).collect();
        places.len() > 1
            && places.iter().skip(1).any(|place| place.below().chain([*place]).any(|n| n.text() == step))
    })
}
