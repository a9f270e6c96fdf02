//! silu(gate) times up, written out.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{MODEL, Rule};
use crate::source::syntax::Node;

pub static RULE: Rule = Rule {
    id: "L6-swiglu",
    says: "SwiGLU is the shared, compiled swiglu.",
    severity: Severity::Warning,
    fix: "from .activations import swiglu; swiglu(gate, x)",
    source: "mlx_lm.models.activations.swiglu",
    breaks: Some(4),
    kinds: MODEL,
    on_broken: false,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    for product in subject.syntax.of_kind("binary_operator") {
        if product.child("operator").is_none_or(|sign| sign.text() != "*") {
            continue;
        }
        let sides = [product.child("left"), product.child("right")];
        if sides.into_iter().flatten().any(is_silu) {
            found.at(product, format!("`{}` is what swiglu does in one kernel", product.quoted()));
        }
    }
}

fn is_silu(node: Node<'_>) -> bool {
    node.kind() == "call" && node.child("function").is_some_and(|f| matches!(f.text(), "nn.silu" | "silu"))
}
