//! The shared mask, which knows caches, windows and padding.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{MODEL, Rule};

pub static RULE: Rule = Rule {
    id: "L7-mask",
    says: "Masks come from base.create_attention_mask.",
    severity: Severity::Warning,
    fix: "from .base import create_attention_mask; mask = create_attention_mask(h, cache[0])",
    source: "mlx_lm.models.base.create_attention_mask",
    breaks: Some(1),
    kinds: MODEL,
    on_broken: false,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    for call in subject.syntax.calls() {
        let by_hand = matches!(call.name(), "mx.triu" | "mx.tri")
            || call.name().ends_with("create_additive_causal_mask");
        if by_hand {
            found.at(call.0, format!("{} makes a mask by hand", call.name()));
        }
    }
    let calls = |name: &str| subject.syntax.calls().find(|call| call.name().rsplit('.').next() == Some(name));
    let attends = calls("scaled_dot_product_attention");
    if let (Some(call), None) = (attends, subject.syntax.imports().find(|i| i.alias.ends_with("_mask")))
        && calls("make_mask").is_none()
    {
        found.at(call.0, "attention, and no mask from base: prefill would see the future");
    }
}
