//! Attention written out: a softmax over q times k, times v.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{MODEL, Rule};
use crate::source::syntax::Function;

pub static RULE: Rule = Rule {
    id: "L6-softmax-attention",
    says: "Attention is the shared scaled_dot_product_attention.",
    severity: Severity::Warning,
    fix: "from .base import scaled_dot_product_attention; it takes the cache, quantized ones too",
    source: "mlx_lm.models.base.scaled_dot_product_attention",
    breaks: Some(2),
    kinds: MODEL,
    on_broken: false,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    for function in subject.syntax.functions() {
        let softmax = function.calls().find(|call| matches!(call.name(), "mx.softmax" | "nn.softmax"));
        let Some(softmax) = softmax.filter(|_| products(function) >= 2 && turns(function)) else { continue };
        // The shared one has no soft cap between product and softmax.
        if function.calls().all(|call| call.name() != "mx.tanh") {
            found.at(softmax.0, format!("{} writes attention out", function.name()));
        }
    }
}

fn products(function: Function<'_>) -> usize {
    let below = || function.body().into_iter().flat_map(|body| body.below());
    let signs = below().filter(|node| node.kind() == "@").count();
    signs + function.calls().filter(|call| matches!(call.name(), "mx.matmul" | "mx.einsum")).count()
}

fn turns(function: Function<'_>) -> bool {
    function.calls().any(|call| matches!(call.method(), Some("transpose" | "swapaxes" | "moveaxis")))
        || function.body().is_some_and(|body| body.text().contains(".T"))
}
