//! Sine and cosine written out.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{MODEL, Rule};

pub static RULE: Rule = Rule {
    id: "L6-own-rope",
    says: "RoPE is initialize_rope, nn.RoPE or mx.fast.rope.",
    severity: Severity::Warning,
    fix: "from .rope_utils import initialize_rope; it takes rope_scaling in every form",
    source: "mlx_lm.models.rope_utils.initialize_rope",
    breaks: Some(2),
    kinds: MODEL,
    on_broken: false,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    for function in subject.syntax.functions() {
        let call = |name: &str| function.calls().find(|call| call.name() == name);
        if let (Some(cosine), Some(_)) = (call("mx.cos"), call("mx.sin")) {
            found.at(cosine.0, format!("{} turns by its own sine and cosine", function.name()));
        }
        if matches!(function.name(), "rotate_half" | "apply_rotary_pos_emb" | "apply_rotary_emb") {
            found.at(function.0, format!("{} is what mx.fast.rope does in one kernel", function.name()));
        }
    }
}
