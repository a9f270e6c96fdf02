//! Options of transformers that mlx-lm's inference never sets.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{MODEL, Rule};
use crate::source::syntax::Node;

pub static RULE: Rule = Rule {
    id: "L8-speculative-option",
    says: "No option that inference never takes.",
    severity: Severity::Warning,
    fix: "drop it",
    source: "review of merged ports: speculative branches (multi-token prediction, training options) were deleted",
    breaks: Some(1),
    kinds: MODEL,
    on_broken: false,
    judge,
};

const PARAMETERS: [&str; 9] = [
    "output_attentions",
    "output_hidden_states",
    "return_dict",
    "use_cache",
    "training",
    "labels",
    "position_ids",
    "past_key_values",
    "head_mask",
];

fn judge(subject: &Subject, found: &mut Found) {
    for parameter in subject.syntax.functions().flat_map(|function| function.parameters()) {
        if PARAMETERS.contains(&parameter.name) {
            found.at(
                parameter.node,
                format!("{} is an option of transformers, which mlx-lm never sets", parameter.name),
            );
        }
    }
    for call in subject.syntax.calls().filter(|call| call.name() == "nn.Dropout") {
        found.at(call.0, "dropout does nothing in inference");
    }
    let defined = subject.syntax.nodes().filter(|node| node.kind() == "class_definition");
    for node in defined {
        let name = node.child("name").map_or("", Node::text);
        let lower = name.to_lowercase();
        if ["mtp", "nextn", "multitoken"].iter().any(|word| lower.contains(word)) {
            found.at(node, format!("{name}: multi-token prediction is not part of a port"));
        }
    }
}
