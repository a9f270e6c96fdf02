//! Own copies of what upstream shares, by their names.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{MODEL, Rule};
use crate::source::syntax::Node;

pub static RULE: Rule = Rule {
    id: "L6-own-copy",
    says: "What upstream shares is imported, not written again.",
    severity: Severity::Warning,
    fix: "import it",
    source: "review of merged ports: own helpers replaced by shared ones",
    breaks: Some(3),
    kinds: MODEL,
    on_broken: false,
    judge,
};

/// A shared helper and the other names that ports give their own copy.
pub struct Helper {
    pub name: &'static str,
    pub module: &'static str,
    also: &'static [&'static str],
}

const fn helper(name: &'static str, module: &'static str, also: &'static [&'static str]) -> Helper {
    Helper { name, module, also }
}

/// What the shared modules of mlx_lm.models offer to models.
pub const HELPERS: [Helper; 32] = [
    helper("create_attention_mask", "base", &["make_attention_mask", "build_attention_mask"]),
    helper("create_causal_mask", "base", &["make_causal_mask", "causal_mask"]),
    helper("create_ssm_mask", "base", &[]),
    helper("scaled_dot_product_attention", "base", &["sdpa", "eager_attention_forward", "attention_forward"]),
    helper("BaseModelArgs", "base", &[]),
    helper("initialize_rope", "rope_utils", &["make_rope", "build_rope", "init_rope"]),
    helper("YarnRoPE", "rope_utils", &["YarnRotaryEmbedding", "YaRNRoPE"]),
    helper("SuScaledRoPE", "rope_utils", &["SuScaledRotaryEmbedding", "LongRoPE"]),
    helper("Llama3RoPE", "rope_utils", &[]),
    helper("DynamicNTKScalingRoPE", "rope_utils", &[]),
    helper("ProportionalRoPE", "rope_utils", &[]),
    helper("apply_yarn_mscale", "rope_utils", &[]),
    helper("SwitchGLU", "switch_layers", &[]),
    helper("SwitchMLP", "switch_layers", &[]),
    helper("SwitchLinear", "switch_layers", &[]),
    helper("SwiGLU", "switch_layers", &[]),
    helper("swiglu", "activations", &["swi_glu", "silu_mul"]),
    helper("precise_swiglu", "activations", &[]),
    helper("swiglu_oai", "activations", &[]),
    helper("SwigluOAI", "activations", &[]),
    helper("xielu", "activations", &[]),
    helper("XieLU", "activations", &["XIELU"]),
    helper("MultiLinear", "mla", &[]),
    helper("PipelineMixin", "pipeline", &[]),
    helper("gated_delta_update", "gated_delta", &["chunk_gated_delta_rule", "recurrent_gated_delta_rule"]),
    helper("compute_g", "gated_delta", &[]),
    helper("ssm_update", "ssm", &[]),
    helper("segsum", "ssm", &[]),
    helper("KVCache", "cache", &[]),
    helper("RotatingKVCache", "cache", &["SlidingWindowCache"]),
    helper("ArraysCache", "cache", &["MambaCache"]),
    helper("ChunkedKVCache", "cache", &[]),
];

fn judge(subject: &Subject, found: &mut Found) {
    let defined = subject.syntax.nodes().filter(|node| {
        matches!(node.kind(), "function_definition" | "class_definition") && node.scope().is_none()
    });
    for node in defined {
        let name = node.child("name").map_or("", Node::text);
        let plain = name.trim_start_matches('_');
        let Some(helper) = HELPERS.iter().find(|helper| helper.name == plain || helper.also.contains(&plain))
        else {
            continue;
        };
        found.fixed(
            node,
            format!("{name} is an own copy of {}.{}", helper.module, helper.name),
            format!("from .{} import {}", helper.module, helper.name),
        );
    }
}
