//! hf-hub's types into ours, and the Hub's refusals into words about a repository.

use hf_hub::HFClient;
use hf_hub::repository::ModelInfo;
use serde::Deserialize;
use serde_json::Value;

use super::error::{RemoteError, Token};
use super::origin::Origin;
use crate::hub::data::{Gate, RepoFile, RepoId, RepoInfo, RepoRef};

/// Makes hf-hub's client for its reading of the cache: no request is made with it.
pub(super) fn cached(origin: &Origin) -> Result<HFClient, RemoteError> {
    let builder = HFClient::builder().endpoint(origin.endpoint.as_str()).cache_dir(&origin.cache);
    // Without one hf-hub would look for a token itself, at places that the settings may have ruled out.
    builder.token("none").build().map_err(|error| RemoteError::Tls { why: error.to_string() })
}

/// Says what a refusal means for this repository, revision or file.
pub(super) fn about(error: RemoteError, origin: &Origin, repo: &RepoRef, path: Option<&str>) -> RemoteError {
    let RemoteError::Status { host, what, status, code, said } = error else { return error };
    let token = origin.token_state();
    let id = || repo.id.clone();
    match (status, code.as_deref()) {
        (401 | 403, Some("GatedRepo")) => RemoteError::Gated { repo: id(), host, token },
        (401 | 404, Some("RepoNotFound")) => RemoteError::NoRepo { repo: id(), host, token },
        (404, Some("RevisionNotFound")) => {
            RemoteError::NoRevision { repo: id(), revision: repo.revision().to_string() }
        }
        (404, code) => match path {
            Some(path) if code.is_none_or(|code| code == "EntryNotFound") => RemoteError::NoFile {
                repo: id(),
                revision: repo.revision().to_string(),
                path: path.to_string(),
            },
            _ if repo.revision.is_some() => {
                RemoteError::NoRevision { repo: id(), revision: repo.revision().to_string() }
            }
            _ => RemoteError::NoRepo { repo: id(), host, token },
        },
        (401, _) if token == Token::Given => RemoteError::BadToken { host },
        (401, _) => RemoteError::NoRepo { repo: id(), host, token },
        (403, _) => RemoteError::Forbidden { host, what, said },
        _ => RemoteError::Status { host, what, status, code, said },
    }
}

/// Takes what is used of hf-hub's model info.
pub(super) fn info(info: ModelInfo) -> RepoInfo {
    let gated = match &info.gated {
        Some(Value::String(kind)) if kind == "manual" => Gate::Manual,
        Some(Value::String(_) | Value::Bool(true)) => Gate::Auto,
        _ => Gate::Open,
    };
    let config = info.config.unwrap_or_default();
    let text = |value: &Value| value.as_str().map(str::to_string);
    let card = info.card_data.unwrap_or_default();
    let in_card = match &card["base_model"] {
        Value::String(one) => vec![one.clone()],
        Value::Array(many) => many.iter().filter_map(text).collect(),
        _ => Vec::new(),
    };
    let tags = info.tags.unwrap_or_default();
    let in_tags = tags.iter().filter_map(|tag| {
        let base = tag.strip_prefix("base_model:")?;
        Some(base.rsplit_once(':').map_or(base, |(_, base)| base).to_string())
    });
    let mut base_models = info.base_models.unwrap_or(in_card);
    base_models.extend(in_tags);
    let mut seen = std::collections::BTreeSet::new();
    base_models.retain(|base| seen.insert(base.clone()));
    let mut parameters: Vec<(String, u64)> =
        info.safetensors.map(|counted| counted.parameters.into_iter().collect()).unwrap_or_default();
    parameters.sort();
    RepoInfo {
        id: RepoId::parse(&info.id).ok(),
        sha: info.sha.unwrap_or_default(),
        private: info.private.unwrap_or(false),
        gated,
        disabled: info.disabled.unwrap_or(false),
        author: info.author,
        downloads: info.downloads,
        likes: info.likes,
        created: info.created_at,
        modified: info.last_modified,
        library: info.library_name,
        task: info.pipeline_tag,
        tags,
        base_models,
        model_type: text(&config["model_type"]),
        architectures: config["architectures"].as_array().into_iter().flatten().filter_map(text).collect(),
        quant_method: text(&config["quantization_config"]["quant_method"]),
        parameters,
        files: Vec::new(),
    }
}

/// An entry of the tree. Ours, because hf-hub looks for the hash under `sha256`, and the tree has it under `oid`.
#[derive(Debug, Deserialize)]
pub(super) struct TreeEntry {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    oid: String,
    #[serde(default)]
    size: u64,
    lfs: Option<Large>,
}

#[derive(Debug, Deserialize)]
struct Large {
    #[serde(alias = "sha256")]
    oid: String,
    size: u64,
}

/// Takes a file of the tree; folders are none.
pub(super) fn file(entry: TreeEntry) -> Option<RepoFile> {
    let size = entry.lfs.as_ref().map_or(entry.size, |lfs| lfs.size);
    let sha256 = entry.lfs.map(|lfs| lfs.oid);
    (entry.kind == "file").then_some(RepoFile { path: entry.path, size, oid: entry.oid, sha256 })
}
