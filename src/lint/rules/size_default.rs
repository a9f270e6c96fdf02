//! Sizes that a config always gives need no default.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{MODEL, Rule};

pub static RULE: Rule = Rule {
    id: "L4-size-default",
    says: "Sizes are required fields.",
    severity: Severity::Note,
    fix: "make it a required field, before those with defaults",
    source: "review of merged ports: required fields first, no default copied from one checkpoint",
    breaks: Some(30),
    kinds: MODEL,
    on_broken: false,
    judge,
};

const SIZES: [&str; 5] =
    ["hidden_size", "num_hidden_layers", "intermediate_size", "num_attention_heads", "vocab_size"];

fn judge(subject: &Subject, found: &mut Found) {
    let Some(args) = subject.args() else { return };
    let given: Vec<_> = args
        .fields()
        .filter(|(name, _, default)| {
            SIZES.contains(name) && default.is_some_and(|node| node.kind() == "integer")
        })
        .collect();
    if let Some((_, node, _)) = given.first() {
        let names: Vec<_> = given.iter().map(|(name, ..)| *name).collect();
        found.at(*node, format!("a checkpoint's sizes as defaults: {}", names.join(", ")));
    }
}
