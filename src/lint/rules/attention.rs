//! The shared attention, which knows quantized caches.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{MODEL, Rule};

pub static RULE: Rule = Rule {
    id: "L7-attention",
    says: "Attention goes through base.scaled_dot_product_attention.",
    severity: Severity::Warning,
    fix: "from .base import scaled_dot_product_attention and hand it the cache",
    source: "mlx_lm.models.base: quantized caches work through it alone",
    breaks: Some(3),
    kinds: MODEL,
    on_broken: false,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    for call in subject.syntax.calls() {
        if call.name() == "mx.fast.scaled_dot_product_attention" {
            found.at(
                call.0,
                "calls mx.fast.scaled_dot_product_attention directly: a quantized cache breaks there",
            );
        }
        if call.name() == "scaled_dot_product_attention"
            && call.keyword("cache").is_none()
            && call.positional().count() < 4
        {
            found.at(call.0, "attention without `cache=cache`: a quantized cache breaks there");
        }
    }
}
