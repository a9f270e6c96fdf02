//! Model info, in the fields and the names that the Hub uses.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::file::sha256;
use super::repo::Repo;
use super::store::Entry;

/// What `expand` may name.
pub const FIELDS: [&str; 30] = [
    "author",
    "baseModels",
    "cardData",
    "childrenModelCount",
    "config",
    "createdAt",
    "disabled",
    "downloads",
    "downloadsAllTime",
    "evalResults",
    "gated",
    "gguf",
    "inference",
    "inferenceProviderMapping",
    "lastModified",
    "library_name",
    "likes",
    "mask_token",
    "model-index",
    "pipeline_tag",
    "private",
    "resourceGroup",
    "safetensors",
    "sha",
    "siblings",
    "spaces",
    "tags",
    "transformersInfo",
    "trendingScore",
    "usedStorage",
];

/// What info gives without `expand`.
pub const DETAIL: [&str; 20] = [
    "author",
    "cardData",
    "config",
    "createdAt",
    "disabled",
    "downloads",
    "gated",
    "lastModified",
    "library_name",
    "likes",
    "model-index",
    "pipeline_tag",
    "private",
    "safetensors",
    "sha",
    "siblings",
    "spaces",
    "tags",
    "transformersInfo",
    "usedStorage",
];

/// Whether sizes and hashes of the files are told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Blobs {
    Told,
    Left,
}

/// Gives the fields of a repository; those that it has no value for are left out, as the Hub does.
pub fn info(entry: &Entry, repo: &Arc<Repo>, fields: &[&str], blobs: Blobs) -> Value {
    let mut out = Map::new();
    out.insert("_id".into(), sha256(&[repo.id.as_bytes()])[..24].into());
    out.insert("id".into(), entry.id.as_str().into());
    for name in fields {
        let value = field(entry, repo, name, blobs);
        if !value.is_null() || *name == "model-index" {
            out.insert((*name).into(), value);
        }
    }
    out.insert("modelId".into(), entry.id.as_str().into());
    out.into()
}

fn field(entry: &Entry, repo: &Arc<Repo>, name: &str, blobs: Blobs) -> Value {
    let card = &entry.main().card;
    match name {
        "author" => entry.id.split_once('/').map_or(Value::Null, |(author, _)| author.into()),
        "baseModels" => json!(repo.base_models()),
        "cardData" if card.card_data.is_empty() => Value::Null,
        "cardData" => card.card_data.clone().into(),
        "config" => config(repo),
        "createdAt" => card.created.as_str().into(),
        "disabled" => card.disabled.into(),
        "downloads" => card.downloads.into(),
        "downloadsAllTime" => (card.downloads * 9).into(),
        "gated" => card.gated.as_deref().map_or(Value::Bool(false), Value::from),
        "lastModified" => card.modified.as_str().into(),
        "library_name" => json!(card.library_name),
        "likes" => card.likes.into(),
        "pipeline_tag" => json!(card.pipeline_tag),
        "private" => card.private.into(),
        "safetensors" => safetensors(repo),
        "sha" => repo.sha().into(),
        "siblings" => siblings(repo, blobs),
        "spaces" => json!([]),
        "tags" => json!(repo.tags()),
        "transformersInfo" => transformers_info(repo),
        "trendingScore" => card.trending.into(),
        "usedStorage" => repo.stored().into(),
        _ => Value::Null,
    }
}

/// The Hub keeps only some keys of config.json, and folds the tokenizer's in.
fn config(repo: &Repo) -> Value {
    let Some(config) = repo.config() else { return Value::Null };
    let mut out = Map::new();
    for key in ["architectures", "auto_map", "model_type"] {
        out.extend(config.get(key).map(|value| (key.to_string(), value.clone())));
    }
    if let Some(quantization) = config.get("quantization_config").or_else(|| config.get("quantization")) {
        let keep = |key: &str| quantization.get(key).map(|value| (key.to_string(), value.clone()));
        let kept =
            ["bits", "quant_method", "load_in_4bit"].into_iter().filter_map(keep).collect::<Map<_, _>>();
        out.insert("quantization_config".into(), kept.into());
    }
    let tokenizer =
        repo.get("tokenizer_config.json").and_then(|file| serde_json::from_slice::<Value>(&file.all()).ok());
    if let Some(tokenizer) = tokenizer {
        let keep = |key: &str| tokenizer.get(key).map(|value| (key.to_string(), value.clone()));
        let keys = ["bos_token", "chat_template", "eos_token", "pad_token", "unk_token"];
        out.insert(
            "tokenizer_config".into(),
            keys.into_iter().filter_map(keep).collect::<Map<_, _>>().into(),
        );
    }
    out.into()
}

fn safetensors(repo: &Repo) -> Value {
    let parameters = repo.parameters();
    let total = parameters.values().sum::<u64>();
    if parameters.is_empty() { Value::Null } else { json!({"parameters": parameters, "total": total}) }
}

fn transformers_info(repo: &Repo) -> Value {
    let architecture =
        repo.config().and_then(|config| config["architectures"][0].as_str().map(str::to_string));
    match architecture {
        Some(name) if name.ends_with("ForCausalLM") => json!({
            "auto_model": "AutoModelForCausalLM", "pipeline_tag": "text-generation", "processor": "AutoTokenizer",
        }),
        Some(name) if name.ends_with("ForConditionalGeneration") => json!({
            "auto_model": "AutoModelForImageTextToText", "pipeline_tag": "image-text-to-text", "processor": "AutoProcessor",
        }),
        _ => Value::Null,
    }
}

fn siblings(repo: &Repo, blobs: Blobs) -> Value {
    if blobs == Blobs::Left {
        return repo.paths().iter().map(|path| json!({"rfilename": path})).collect();
    }
    let files = repo.files().into_iter().map(|(path, file)| {
        let mut sibling = json!({"rfilename": path, "size": file.size(), "blobId": file.oid()});
        if file.lfs {
            let pointer = file.pointer().len();
            sibling["lfs"] = json!({"sha256": file.sha256(), "size": file.size(), "pointerSize": pointer});
        }
        sibling
    });
    files.collect()
}
