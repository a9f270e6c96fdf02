//! Experts kept as a list of modules, or walked one by one.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{MODEL, Rule};
use crate::source::syntax::Node;

pub static RULE: Rule = Rule {
    id: "L6-expert-loop",
    says: "Experts are one switch layer, not a list of modules.",
    severity: Severity::Warning,
    fix: "use SwitchGLU of .switch_layers, and stack the experts' weights in sanitize",
    source: "mlx_lm.models.switch_layers",
    breaks: Some(1),
    kinds: MODEL,
    on_broken: false,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    for assignment in subject.syntax.of_kind("assignment") {
        let left = assignment.child("left").map_or("", Node::text);
        let right = assignment.child("right");
        if matches!(left, "self.experts" | "self.expert_layers")
            && right.is_some_and(|right| right.kind() == "list_comprehension")
        {
            found.at(assignment, "experts as a list of modules: each one is a pass of its own");
        }
    }
    for walk in subject.syntax.of_kind("for_statement") {
        let function =
            walk.around("function_definition").and_then(|f| f.child("name")).map_or("", Node::text);
        let over = walk.child("right").map_or("", Node::text);
        if function == "__call__" && over.contains("expert") && !over.contains("layers") {
            found.at(
                walk,
                format!(
                    "a loop over `{}` in __call__",
                    walk.child("right").map(Node::quoted).unwrap_or_default()
                ),
            );
        }
    }
}
