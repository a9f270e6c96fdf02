//! What the Hub cache of this machine knows of an architecture: each repository whose config.json names it. The cache has
//! no downloads, tags or lineage; a name and a config are much already when the Hub cannot be reached.

use std::path::Path;
use std::time::SystemTime;

use hf_hub::cache::{CachedRepoInfo, CachedRevisionInfo};

use super::arrange::Entry;
use crate::hub;
use crate::hub::data::discover::Seen;
use crate::hub::data::{Config, Json, Member, RepoId, RepoInfo};
use crate::hub::remote::Hub;

/// Finds the repositories of a model_type, also those where it is the text part of a larger model. Files that cannot be read
/// are left out: the cache is a help, and each is named when it is chosen.
pub async fn cached(hub: &Hub, model_type: &str) -> Vec<Entry> {
    let Ok(scan) = hub.cached().scan_cache().send().await else { return Vec::new() };
    scan.repos
        .iter()
        .filter(|repo| repo.repo_type == "model")
        .filter_map(|repo| entry(repo, model_type))
        .collect()
}

fn entry(repo: &CachedRepoInfo, model_type: &str) -> Option<Entry> {
    let with_config =
        |revision: &&CachedRevisionInfo| revision.files.iter().any(|file| file.file_name == "config.json");
    let main = |revision: &CachedRevisionInfo| revision.refs.iter().any(|name| name == "main");
    let revision = repo
        .revisions
        .iter()
        .filter(with_config)
        .max_by_key(|revision| (main(revision), revision.last_modified))?;
    let path = revision.snapshot_path.join("config.json");
    let config = hub::read(&path).ok()?;
    let own = config.model_type.as_deref() == Some(model_type);
    (own || text_type(&config).as_deref() == Some(model_type)).then(|| Entry {
        info: info(repo, revision, &config),
        seen: Seen::Cache { age: age(revision.last_modified) },
        config: Some(path),
    })
}

fn info(repo: &CachedRepoInfo, revision: &CachedRevisionInfo, config: &Config) -> RepoInfo {
    let texts = |value: Option<&Json>| match value {
        Some(Json::List(items)) => items.iter().filter_map(text).collect(),
        _ => Vec::new(),
    };
    let quantization = find(&config.root, "quantization_config");
    let quant_method = match quantization {
        Some(Json::Object(members)) => find(members, "quant_method").and_then(text),
        _ => None,
    };
    let mut tags = Vec::new();
    if talks(revision) {
        tags.push("conversational".to_string());
    }
    if find(&config.root, "quantization").is_some() {
        // mlx_lm.convert writes its own beside transformers'.
        tags.push("mlx".to_string());
    }
    RepoInfo {
        id: RepoId::parse(&repo.repo_id).ok(),
        sha: revision.commit_hash.clone(),
        model_type: config.model_type.clone(),
        architectures: texts(find(&config.root, "architectures")),
        quant_method,
        tags,
        ..RepoInfo::default()
    }
}

/// The Hub gives its tag where there is a chat template; so does this.
fn talks(revision: &CachedRevisionInfo) -> bool {
    revision.files.iter().any(|file| match file.file_name.as_str() {
        "chat_template.jinja" | "chat_template.json" => true,
        "tokenizer_config.json" => has_template(&file.file_path),
        _ => false,
    })
}

fn has_template(path: &Path) -> bool {
    let small = std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() < 32 << 20);
    small && std::fs::read_to_string(path).is_ok_and(|text| text.contains("\"chat_template\":"))
}

/// Gives the model_type of a config's text_config.
pub fn text_type(config: &Config) -> Option<String> {
    match find(&config.root, "text_config").or_else(|| find(&config.root, "llm_config")) {
        Some(Json::Object(members)) => find(members, "model_type").and_then(text),
        _ => None,
    }
}

fn age(time: SystemTime) -> u64 {
    SystemTime::now().duration_since(time).map_or(0, |age| age.as_secs())
}

fn find<'a>(members: &'a [Member], key: &str) -> Option<&'a Json> {
    members.iter().find(|member| member.key == key).map(|member| &member.value)
}

fn text(value: &Json) -> Option<String> {
    match value {
        Json::Text(text) => Some(text.clone()),
        _ => None,
    }
}
