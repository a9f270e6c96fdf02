//! hf-hub's types into ours, and the Hub's refusals into words about a repository.

use hf_hub::repository::{ModelInfo, RepoTreeEntry};
use hf_hub::{HFClient, HFError, HFResult};
use serde_json::Value;

use super::error::{RemoteError, Token};
use super::http::Http;
use super::origin::Origin;
use crate::hub::data::{Gate, RepoFile, RepoId, RepoInfo, RepoRef};
use crate::util::http::excerpt;

/// Makes hf-hub's client of our Hub: our timeouts, no silent retries, no token but ours.
pub(super) fn client(http: &Http) -> Result<HFClient, RemoteError> {
    let origin = &http.origin;
    let made: HFResult<HFClient> = HFClient::builder()
        .endpoint(origin.endpoint.as_str())
        // Without one hf-hub would look for a token itself, at places that the settings may have ruled out.
        .token(origin.token().unwrap_or_default())
        .cache_dir(&origin.cache)
        .client(http.following()?)
        .retry_max_attempts(0)
        .build();
    made.map_err(|error| RemoteError::Tls { why: error.to_string() })
}

/// Names hf-hub's errors; what is known of the repository is added by [`about`].
pub(super) fn error(error: HFError, origin: &Origin, what: &str) -> RemoteError {
    let (host, what) = (origin.host(), what.to_string());
    // Its type has no public name, but its fields do.
    macro_rules! status {
        ($context:expr) => {
            RemoteError::Status {
                host,
                what,
                status: $context.status.as_u16(),
                code: $context.error_code.clone(),
                said: origin
                    .scrub(excerpt($context.server_message.as_deref().unwrap_or(&$context.body).as_bytes())),
            }
        };
    }
    match &error {
        HFError::RateLimited { retry_after, .. } => {
            RemoteError::RateLimited { host, what, attempts: 1, after: *retry_after }
        }
        HFError::Http { context } | HFError::AuthRequired { context } | HFError::Forbidden { context } => {
            status!(context)
        }
        HFError::RepoNotFound { context: Some(context), .. }
        | HFError::RevisionNotFound { context: Some(context), .. } => status!(context),
        HFError::Request { source, .. } if source.is_timeout() && !source.is_connect() => {
            RemoteError::Stalled { host, what, limit: origin.patience.idle }
        }
        HFError::Request { source, .. } if source.is_decode() => {
            RemoteError::Malformed { host, what, why: root(source) }
        }
        HFError::Request { source, .. } if source.is_body() => {
            RemoteError::Cut { host, what, got: 0, wanted: None }
        }
        HFError::Request { source, .. } => RemoteError::Connect { host, what, why: root(source) },
        other => RemoteError::Malformed { host, what, why: origin.scrub(other.to_string()) },
    }
}

fn root(error: &dyn std::error::Error) -> String {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    root.to_string()
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

/// Takes a file of the tree; folders are none.
pub(super) fn file(entry: RepoTreeEntry) -> Option<RepoFile> {
    match entry {
        RepoTreeEntry::File { oid, size, path, lfs, .. } => Some(RepoFile {
            path,
            size: lfs.as_ref().and_then(|lfs| lfs.size).unwrap_or(size),
            oid,
            sha256: lfs.and_then(|lfs| lfs.sha256),
        }),
        RepoTreeEntry::Directory { .. } => None,
    }
}
