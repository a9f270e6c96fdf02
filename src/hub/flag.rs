//! Which keys deserve a look in every port, in all their spellings.

use super::data::Flag;

/// Flags a dotted path; `None` for an ordinary key.
pub fn flag(path: &str) -> Option<Flag> {
    let mut names = path.split('.');
    if names.clone().any(is_rope_block) {
        return Some(Flag::Rope);
    }
    names.next_back().and_then(last)
}

fn last(name: &str) -> Option<Flag> {
    let has = |part: &str| name.contains(part);
    match name {
        "tie_word_embeddings" | "tie_embeddings" | "tie_embedding" => Some(Flag::TiedEmbeddings),
        "torch_dtype" | "dtype" => Some(Flag::Dtype),
        "layer_types"
        | "layers_block_type"
        | "block_types"
        | "attn_layer_period"
        | "attn_layer_offset"
        | "no_rope_layers"
        | "no_rope_layer_interval"
        | "hybrid_layer_pattern"
        | "hybrid_override_pattern"
        | "full_attention_interval"
        | "sliding_window_pattern"
        | "layer_group_size" => Some(Flag::LayerTypes),
        "use_sliding_window" | "max_window_layers" | "attention_chunk_size" => Some(Flag::Window),
        _ if name.starts_with("rotary") || name.starts_with("rope") || has("_rope") => Some(Flag::Rope),
        "partial_rotary_factor"
        | "max_position_embeddings"
        | "original_max_position_embeddings"
        | "global_rotary_factor"
        | "use_rope" => Some(Flag::Rope),
        _ if has("rotary") => Some(Flag::Rope),
        _ if has("sliding_window") || has("window_size") => Some(Flag::Window),
        _ if has("softcap") || has("soft_cap") => Some(Flag::Softcap),
        _ if has("multiplier")
            || has("scaling_factor")
            || name == "scale_emb"
            || name == "scale_depth"
            || name == "query_pre_attn_scalar"
            || name == "logit_scale" =>
        {
            Some(Flag::Multiplier)
        }
        _ if has("num_experts")
            || has("n_routed_experts")
            || has("num_local_experts")
            || has("n_shared_experts")
            || has("moe_intermediate")
            || has("norm_topk_prob")
            || has("first_k_dense_replace")
            || name == "scoring_func"
            || name == "topk_method"
            || name == "n_group"
            || name == "topk_group" =>
        {
            Some(Flag::Experts)
        }
        _ if name.ends_with("_eps") || name.ends_with("_epsilon") || name == "eps" || name == "epsilon" => {
            Some(Flag::Epsilon)
        }
        _ => None,
    }
}

/// Everything inside these belongs to RoPE, a per-layer-type block too.
fn is_rope_block(name: &str) -> bool {
    matches!(name, "rope_parameters" | "rope_scaling" | "rope_theta" | "rope_local_base_freq" | "yarn")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rope_is_flagged_in_every_spelling_and_plain_keys_are_not() {
        let rope = [
            "rope_theta",
            "rope_scaling.factor",
            "rope_parameters.full_attention.rope_theta",
            "text_config.rope_parameters.beta_fast",
            "partial_rotary_factor",
            "rotary_pct",
            "rotary_emb_base",
            "global_rope_theta",
            "qk_rope_head_dim",
            "rope_local_base_freq",
            "rope_interleave",
        ];
        assert_eq!(rope.map(flag), [Some(Flag::Rope); 11]);
        let others = [
            ("layer_types", Flag::LayerTypes),
            ("text_config.sliding_window", Flag::Window),
            ("embedding_multiplier", Flag::Multiplier),
            ("final_logit_softcapping", Flag::Softcap),
            ("num_experts_per_tok", Flag::Experts),
            ("n_routed_experts", Flag::Experts),
            ("tie_word_embeddings", Flag::TiedEmbeddings),
            ("torch_dtype", Flag::Dtype),
            ("dtype", Flag::Dtype),
            ("rms_norm_eps", Flag::Epsilon),
            ("layer_norm_epsilon", Flag::Epsilon),
        ];
        for (path, wanted) in others {
            assert_eq!(flag(path), Some(wanted), "{path}");
        }
        assert_eq!(["hidden_size", "vocab_size", "properties", "steps", "hidden_act"].map(flag), [None; 5]);
    }
}
