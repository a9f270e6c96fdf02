//! Bytes that one sequence keeps: keys and values, latents, windows, recurrent states, each with its formula. Kept at 16
//! bits as mlx-lm does for bf16 weights; states of linear attention and state-space layers at 32. What mlx-lm's port of the
//! architecture really keeps may be more: the battery's `memory` measures it.

use std::collections::BTreeMap;

use super::keys::Keys;
use super::layers::{self, Kind};
use crate::hub::data::inventory::{Cache, CacheLine};

/// Bytes for one layer, and how they come about.
type Sum = Option<(u64, String)>;

/// Counts a sequence of `context` tokens.
pub fn cache(keys: &Keys<'_>, context: u64) -> Cache {
    let mut cache = Cache { context, ..Cache::default() };
    let Some(kinds) = layers::kinds(keys) else {
        cache.unknown.push("the config does not say how many layers there are".into());
        return cache;
    };
    let mut counts: BTreeMap<Kind, u64> = BTreeMap::new();
    for kind in kinds {
        *counts.entry(kind).or_default() += 1;
    }
    for (kind, layers) in counts {
        if kind == Kind::Nothing {
            continue;
        }
        match one(keys, &kind, context) {
            Some((name, bytes, formula)) => {
                let bytes = bytes.saturating_mul(layers);
                cache.bytes = cache.bytes.saturating_add(bytes);
                cache.lines.push(CacheLine { kind: name, layers, formula, bytes });
            }
            None => cache.unknown.push(match kind {
                Kind::Unknown(what) => format!("{layers} layers: {what}"),
                other => format!("{layers} layers: the config lacks what {} needs", name(&other)),
            }),
        }
    }
    cache
}

fn name(kind: &Kind) -> String {
    match kind {
        Kind::Full => "full attention".into(),
        Kind::Window(window) => format!("window of {window}"),
        Kind::Chunk(chunk) => format!("chunks of {chunk}"),
        Kind::State(word) => word.replace('_', " "),
        Kind::Both => "attention and state".into(),
        Kind::Shared => "another layer's keys and values".into(),
        Kind::Nothing => "feed-forward".into(),
        Kind::Unknown(what) => what.clone(),
    }
}

fn one(keys: &Keys<'_>, kind: &Kind, context: u64) -> Option<(String, u64, String)> {
    let named = |sum: Sum| sum.map(|(bytes, formula)| (name(kind), bytes, formula));
    match kind {
        Kind::Full => {
            if let Some((bytes, formula)) = latent(keys, context) {
                return Some(("latent (MLA)".into(), bytes, formula));
            }
            named(attention(keys, context))
        }
        Kind::Window(length) | Kind::Chunk(length) => named(attention(keys, context.min(*length))),
        Kind::State(word) => named(state(keys, word)),
        Kind::Both => {
            let (attention, one) = attention(keys, context)?;
            let (state, other) = state(keys, "mamba2")?;
            named(Some((attention + state, format!("{one} + {other}"))))
        }
        Kind::Shared => named(Some((0, "0".into()))),
        Kind::Nothing | Kind::Unknown(_) => None,
    }
}

/// Names for the number of query heads.
pub const HEADS: [&str; 5] = ["num_attention_heads", "n_head", "n_heads", "num_heads", "num_attention_head"];

/// Gives key-value heads and their width.
pub fn heads(keys: &Keys<'_>) -> Option<(u64, u64)> {
    let heads = keys.number(&HEADS);
    let one = keys.switch(&["multi_query"]) == Some(true)
        && keys.switch(&["new_decoder_architecture"]) != Some(true);
    let given = keys.number(&[
        "num_key_value_heads",
        "num_kv_heads",
        "n_head_kv",
        "multi_query_group_num",
        "n_kv_heads",
    ]);
    let kv = given.or(if one { Some(1) } else { heads })?;
    let wide = || Some(keys.number(&["hidden_size", "n_embd", "d_model", "dim"])? / heads?.max(1));
    let dim = keys.number(&["head_dim", "attention_head_dim", "kv_channels", "d_kv"]).or_else(wide)?;
    Some((kv, dim))
}

fn attention(keys: &Keys<'_>, tokens: u64) -> Sum {
    let (kv, dim) = heads(keys)?;
    let bytes = product(&[2, kv, dim, 2, tokens]);
    Some((bytes, format!("2 × {kv} heads × {dim} × 2 B × {tokens} tokens")))
}

/// DeepSeek's latent: one vector and the rotated part of the key for all heads.
fn latent(keys: &Keys<'_>, tokens: u64) -> Sum {
    let rank = keys.number(&["kv_lora_rank"])?;
    let rope = keys.number(&["qk_rope_head_dim"])?;
    let bytes = product(&[rank + rope, 2, tokens]);
    Some((bytes, format!("({rank} + {rope} rope) × 2 B × {tokens} tokens")))
}

fn state(keys: &Keys<'_>, word: &str) -> Sum {
    match word {
        // transformers calls Mamba layers so too.
        "linear_attention" | "kda" => delta(keys).or_else(|| either(keys)).or_else(|| lightning(keys)),
        "conv" => {
            let (kernel, width) = (keys.number(&["conv_L_cache"])?, keys.number(&["hidden_size"])?);
            let taps = kernel.saturating_sub(1);
            Some((product(&[taps, width, 2]), format!("{taps} × {width} × 2 B")))
        }
        "mamba2" => mamba2(keys),
        "mamba" => either(keys),
        "recurrent" => {
            let width = keys.number(&["lru_width", "hidden_size"])?;
            let taps = keys.number(&["conv1d_width"])?.saturating_sub(1);
            let bytes = product(&[width, 4]) + product(&[taps, width, 2]);
            Some((bytes, format!("{width} × 4 B + {taps} × {width} × 2 B")))
        }
        _ if word.starts_with("rwkv") => {
            let (width, dim) = (keys.number(&["hidden_size"])?, keys.number(&["head_dim", "head_size"])?);
            let bytes = product(&[width, dim, 4]) + product(&[2, width, 2]);
            Some((bytes, format!("{width} × {dim} × 4 B + 2 × {width} × 2 B")))
        }
        _ => None,
    }
}

/// Gated delta nets: a matrix a value head, and the taps of a short convolution.
fn delta(keys: &Keys<'_>) -> Sum {
    let (k_heads, k_dim) = (keys.number(&["linear_num_key_heads"])?, keys.number(&["linear_key_head_dim"])?);
    let (v_heads, v_dim) =
        (keys.number(&["linear_num_value_heads"])?, keys.number(&["linear_value_head_dim"])?);
    let taps = keys.number(&["linear_conv_kernel_dim"])?.saturating_sub(1);
    let channels = 2 * k_heads.saturating_mul(k_dim) + v_heads.saturating_mul(v_dim);
    let bytes = product(&[v_heads, k_dim, v_dim, 4]) + product(&[taps, channels, 2]);
    Some((bytes, format!("{v_heads} heads × {k_dim} × {v_dim} × 4 B + {taps} × {channels} × 2 B")))
}

/// Lightning attention (MiniMax): a square matrix a head.
fn lightning(keys: &Keys<'_>) -> Sum {
    let (heads, (_, dim)) = (keys.number(&HEADS)?, heads(keys)?);
    Some((product(&[heads, dim, dim, 4]), format!("{heads} heads × {dim} × {dim} × 4 B")))
}

/// The first Mamba has no heads.
fn either(keys: &Keys<'_>) -> Sum {
    match keys.find(&["mamba_n_heads", "mamba_num_heads", "n_mamba_heads"]) {
        Some(_) => mamba2(keys),
        None => mamba(keys).or_else(|| mamba2(keys)),
    }
}

fn mamba2(keys: &Keys<'_>) -> Sum {
    let heads = keys.number(&["mamba_n_heads", "mamba_num_heads", "n_mamba_heads", "num_heads"])?;
    let dim = keys.number(&["mamba_d_head", "mamba_head_dim", "mamba_headdim", "head_dim"])?;
    let state = keys.number(&["mamba_d_state", "ssm_state_size", "mamba_state_dim", "state_size"])?;
    let groups = keys.number(&["mamba_n_groups", "n_groups", "mamba_ngroups"]).unwrap_or(1);
    let taps = keys.number(&["mamba_d_conv", "conv_kernel", "mamba_d_conv"])?.saturating_sub(1);
    let channels = heads.saturating_mul(dim).saturating_add(2 * groups.saturating_mul(state));
    let bytes = product(&[heads, dim, state, 4]).saturating_add(product(&[taps, channels, 2]));
    Some((bytes, format!("{heads} heads × {dim} × {state} × 4 B + {taps} × {channels} × 2 B")))
}

fn mamba(keys: &Keys<'_>) -> Sum {
    let hidden = keys.number(&["hidden_size", "d_model"])?;
    let expand = keys.number(&["expand", "mamba_expand"]).unwrap_or(2);
    let inner = keys.number(&["intermediate_size"]).filter(|_| keys.number(&["expand"]).is_some());
    let inner = inner.unwrap_or(hidden.saturating_mul(expand));
    let state = keys.number(&["state_size", "mamba_d_state"])?;
    let taps = keys.number(&["conv_kernel", "mamba_d_conv"])?.saturating_sub(1);
    let bytes = product(&[inner, state, 4]).saturating_add(product(&[taps, inner, 2]));
    Some((bytes, format!("{inner} × {state} × 4 B + {taps} × {inner} × 2 B")))
}

fn product(factors: &[u64]) -> u64 {
    factors.iter().fold(1, |all, factor| all.saturating_mul(*factor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::data::{Config, Json};
    use crate::hub::parse;

    fn of(text: &str, context: u64) -> (u64, Vec<String>) {
        let Json::Object(root) = parse(text).expect("JSON") else { panic!("an object") };
        let config = Config { name: String::new(), path: "config.json".into(), model_type: None, root };
        let cache = cache(&Keys::of(&config), context);
        let line = |line: &CacheLine| format!("{} {}: {}", line.layers, line.kind, line.formula);
        (cache.bytes, cache.lines.iter().map(line).chain(cache.unknown).collect())
    }

    #[test]
    fn grouped_queries_windows_and_latents_are_counted_by_layer() {
        let grouped = r#"{"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 8, "num_key_value_heads": 2}"#;
        assert_eq!(
            of(grouped, 10),
            (2 * 2 * 2 * 8 * 2 * 10, vec!["2 full attention: 2 × 2 heads × 8 × 2 B × 10 tokens".into()])
        );
        let windows = r#"{"num_hidden_layers": 3, "head_dim": 16, "num_attention_heads": 4, "sliding_window": 4,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]}"#;
        let (bytes, lines) = of(windows, 10);
        assert_eq!(bytes, 2 * 4 * 16 * 2 * (10 + 4 + 4));
        assert_eq!(
            lines,
            [
                "1 full attention: 2 × 4 heads × 16 × 2 B × 10 tokens",
                "2 window of 4: 2 × 4 heads × 16 × 2 B × 4 tokens"
            ]
        );
        let latent = r#"{"num_hidden_layers": 61, "kv_lora_rank": 512, "qk_rope_head_dim": 64, "num_attention_heads": 128}"#;
        assert_eq!(of(latent, 4096).0, 61 * 576 * 2 * 4096);
        let nested = format!(r#"{{"num_attention_heads": 99, "text_config": {grouped}}}"#);
        assert_eq!(of(&nested, 10).0, 2 * 2 * 2 * 8 * 2 * 10, "the text part counts");
    }

    #[test]
    fn states_do_not_grow_and_what_is_not_known_is_said() {
        let hybrid = r#"{"num_hidden_layers": 4, "full_attention_interval": 4, "num_attention_heads": 4, "num_key_value_heads": 1,
            "head_dim": 8, "linear_num_key_heads": 2, "linear_key_head_dim": 4, "linear_num_value_heads": 4,
            "linear_value_head_dim": 4, "linear_conv_kernel_dim": 4}"#;
        let state = 4 * 4 * 4 * 4 + 3 * 32 * 2;
        assert_eq!(of(hybrid, 10).0, 2 * 8 * 2 * 10 + 3 * state);
        assert_eq!(of(hybrid, 20).0 - of(hybrid, 10).0, 2 * 8 * 2 * 10);
        let strange = r#"{"num_hidden_layers": 1, "layer_types": ["warp"]}"#;
        assert_eq!(of(strange, 10), (0, vec!["1 layers: layer type warp".into()]));
        assert_eq!(of("{}", 10).1, ["the config does not say how many layers there are"]);
        let bare = r#"{"num_hidden_layers": 2}"#;
        assert_eq!(of(bare, 10).1, ["2 layers: the config lacks what full attention needs"]);
    }

    #[test]
    fn mamba_layers_are_mamba_whatever_the_list_calls_them() {
        let granite = |word: &str| {
            format!(
                r#"{{"num_hidden_layers": 1, "layer_types": ["{word}"], "num_attention_heads": 12, "hidden_size": 1536,
                "mamba_n_heads": 48, "mamba_d_head": 64, "mamba_d_state": 128, "mamba_n_groups": 1, "mamba_d_conv": 4}}"#
            )
        };
        let state = 48 * 64 * 128 * 4 + 3 * (48 * 64 + 2 * 128) * 2;
        assert_eq!((of(&granite("mamba"), 10).0, of(&granite("linear_attention"), 10).0), (state, state));
    }

    #[test]
    fn patterns_without_a_list_are_read() {
        let gemma = r#"{"num_hidden_layers": 6, "head_dim": 8, "num_attention_heads": 1, "sliding_window": 4, "sliding_window_pattern": 6}"#;
        assert_eq!(of(gemma, 10).0, 2 * 8 * 2 * (5 * 4 + 10));
        let qwen = r#"{"num_hidden_layers": 2, "head_dim": 8, "num_attention_heads": 1, "sliding_window": 4, "use_sliding_window": false}"#;
        assert_eq!(of(qwen, 10).0, 2 * 8 * 2 * 20);
        let exaone = r#"{"num_hidden_layers": 4, "head_dim": 8, "num_attention_heads": 1, "sliding_window": 4, "sliding_window_pattern": "LLLG"}"#;
        assert_eq!(of(exaone, 10).0, 2 * 8 * 2 * (3 * 4 + 10));
        let nemotron = r#"{"num_hidden_layers": 3, "head_dim": 8, "num_attention_heads": 1, "hybrid_override_pattern": "M-*",
            "mamba_num_heads": 2, "mamba_head_dim": 4, "ssm_state_size": 8, "n_groups": 1, "conv_kernel": 4}"#;
        assert_eq!(of(nemotron, 10).0, 2 * 8 * 2 * 10 + 2 * 4 * 8 * 4 + 3 * (8 + 16) * 2);
    }
}
