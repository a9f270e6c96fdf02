//! The output head: is it the embedding, does the file hold one all the same.

use super::keys::Keys;
use super::roles::Judged;
use crate::hub::data::Json;
use crate::hub::data::headers::Tensor;
use crate::hub::data::inventory::{Head, PartKind};

const TIE: [&str; 3] = ["tie_word_embeddings", "tie_embeddings", "tie_embedding"];

/// Finds head and embedding, and says how they stand to each other.
pub fn head(keys: &Keys<'_>, tensors: &[Tensor], judged: &[Judged]) -> Head {
    let text =
        || tensors.iter().zip(judged).filter(|(_, one)| one.part == PartKind::Text && one.layer.is_none());
    let named = |wanted: &[&str]| {
        let has = |tensor: &Tensor| {
            let mut segments = tensor.name.rsplit('.');
            let last = segments.next().unwrap_or_default();
            let module = segments.next().unwrap_or(last);
            matches!(last, "weight" | "qweight" | "weight_packed") && wanted.contains(&module)
        };
        text().find(|(tensor, _)| has(tensor)).map(|(tensor, _)| tensor.name.clone())
    };
    let tensor = named(&["lm_head", "embed_out", "output_layer", "output", "head"]);
    let embedding = named(&[
        "embed_tokens",
        "wte",
        "tok_embeddings",
        "word_embeddings",
        "embed_in",
        "embeddings",
        "embedding",
        "token_embd",
    ]);
    let said = keys.find(&TIE).and_then(|(path, value)| match value {
        Json::Bool(tied) => Some((path, *tied)),
        _ => None,
    });
    let name = tensor.as_deref().unwrap_or_default();
    let text = match (said.as_ref().map(|(_, tied)| *tied), tensor.is_some()) {
        (Some(true), false) => "tied to the embedding; the files hold none".into(),
        (Some(true), true) => format!("tied by the config, yet the files hold {name}: sanitize must drop it"),
        (Some(false), true) => format!("{name}, untied"),
        (Some(false), false) => "untied by the config, yet the files hold none".into(),
        (None, true) => format!("{name}; whether it is tied is left to the config class"),
        (None, false) => "the files hold none; tied by the config class's default".into(),
    };
    Head {
        tied: said.as_ref().map(|(_, tied)| *tied),
        source: said.map(|(path, _)| path),
        tensor,
        embedding,
        text,
    }
}
