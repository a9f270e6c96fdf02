//! What each layer keeps between tokens, by the config: full attention, a window, a latent, a recurrent state. Every
//! spelling is one that released configs use.

use super::keys::{Keys, text};
use crate::hub::data::Json;

/// What one layer keeps.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Full,
    Window(u64),
    Chunk(u64),
    /// Linear attention, state-space and convolution layers, by the config's own word.
    State(String),
    /// Attention and a state side by side, as Falcon-H1.
    Both,
    /// Takes another layer's keys and values.
    Shared,
    /// No mixer at all: a feed-forward layer of its own.
    Nothing,
    Unknown(String),
}

/// Gives the kind of every layer; none where the config does not say how many there are.
pub fn kinds(keys: &Keys<'_>) -> Option<Vec<Kind>> {
    let count = keys.number(&COUNT)? as usize;
    if count > 10_000 {
        return None;
    }
    let mut kinds = listed(keys, count)
        .or_else(|| pattern(keys))
        .unwrap_or_else(|| (0..count).map(|at| derived(keys, at)).collect());
    if let Some(shared) = keys.number(&["num_kv_shared_layers"]) {
        let from = kinds.len().saturating_sub(shared as usize);
        kinds[from..].fill(Kind::Shared);
    }
    Some(kinds)
}

/// Names for the number of layers.
pub const COUNT: [&str; 5] = ["num_hidden_layers", "n_layers", "n_layer", "num_layers", "num_layer"];

fn listed(keys: &Keys<'_>, count: usize) -> Option<Vec<Kind>> {
    let names = ["layer_types", "layers_block_type", "layer_type_list"];
    let list = keys.list(&names)?;
    let kinds: Vec<Kind> = list.iter().map(|item| word(keys, text(item).unwrap_or("not a text"))).collect();
    (kinds.len() >= count).then(|| kinds[..count].to_vec())
}

/// Nemotron's letters: M is Mamba, * attention, - a feed-forward layer, E experts.
fn pattern(keys: &Keys<'_>) -> Option<Vec<Kind>> {
    let letters = keys.text(&["hybrid_override_pattern"])?;
    let kind = |letter: char| match letter {
        'M' => Kind::State("mamba2".into()),
        '*' => Kind::Full,
        '-' | 'E' => Kind::Nothing,
        other => Kind::Unknown(format!("`{other}` of hybrid_override_pattern")),
    };
    Some(letters.chars().map(kind).collect())
}

fn word(keys: &Keys<'_>, word: &str) -> Kind {
    match word {
        "full_attention" | "attention" | "global" | "global_attention" | "full" => Kind::Full,
        "sliding_attention" | "sliding_window_attention" | "local_attention" | "local" | "sliding" => {
            windowed(keys)
        }
        "chunked_attention" => keys.number(&["attention_chunk_size"]).map_or(Kind::Full, Kind::Chunk),
        "linear_attention" | "conv" | "mamba" | "mamba2" | "recurrent" | "kda" => Kind::State(word.into()),
        "hybrid" => Kind::Both,
        "moe" | "mlp" => Kind::Nothing,
        other => Kind::Unknown(format!("layer type {other}")),
    }
}

fn windowed(keys: &Keys<'_>) -> Kind {
    keys.number(&["sliding_window", "sliding_window_size", "attention_window_size", "window_size"])
        .map_or(Kind::Full, Kind::Window)
}

/// Without a list: periods, index lists, and families that are all one kind.
fn derived(keys: &Keys<'_>, at: usize) -> Kind {
    let at = at as u64;
    let model_type = keys.text(&["model_type"]).unwrap_or_default();
    if matches!(model_type, "mamba" | "mamba2" | "falcon_mamba") || model_type.starts_with("rwkv") {
        return Kind::State(model_type.trim_start_matches("falcon_").into());
    }
    if model_type == "falcon_h1" {
        return Kind::Both;
    }
    if let Some(interval) = keys.number(&["full_attention_interval"]).filter(|interval| *interval > 0) {
        return if (at + 1).is_multiple_of(interval) {
            Kind::Full
        } else {
            Kind::State("linear_attention".into())
        };
    }
    let attends = keys.numbers(&["attn_layer_indices", "full_attn_idxs"]);
    if let Some(indices) = attends {
        let state = if keys.number(&["conv_L_cache"]).is_some() { "conv" } else { "mamba2" };
        return if indices.contains(&at) { Kind::Full } else { Kind::State(state.into()) };
    }
    if let (Some(period), Some(offset)) =
        (keys.number(&["attn_layer_period"]), keys.number(&["attn_layer_offset"]))
    {
        let state = if keys.number(&["mamba_n_heads"]).is_some() { "mamba2" } else { "mamba" };
        return if period > 0 && at % period == offset { Kind::Full } else { Kind::State(state.into()) };
    }
    match windowed(keys) {
        Kind::Window(window) => window_at(keys, at, window),
        other => other,
    }
}

fn window_at(keys: &Keys<'_>, at: u64, window: u64) -> Kind {
    if keys.switch(&["use_sliding_window"]) == Some(false) {
        return Kind::Full;
    }
    let pattern = keys.find(&["sliding_window_pattern", "_sliding_window_pattern"]).map(|(_, value)| value);
    match pattern {
        Some(Json::Number(_)) => {
            let every = keys.number(&["sliding_window_pattern", "_sliding_window_pattern"]).unwrap_or(0);
            return if every > 0 && (at + 1).is_multiple_of(every) {
                Kind::Full
            } else {
                Kind::Window(window)
            };
        }
        // EXAONE's letters: `LLLG`.
        Some(Json::Text(letters)) if !letters.is_empty() => {
            let letter = letters.chars().nth(at as usize % letters.chars().count());
            return if letter == Some('L') { Kind::Window(window) } else { Kind::Full };
        }
        _ => {}
    }
    // Qwen2: the first layers attend to everything.
    match keys.number(&["max_window_layers"]) {
        Some(first) if keys.switch(&["use_sliding_window"]) == Some(true) && at < first => Kind::Full,
        _ => Kind::Window(window),
    }
}
