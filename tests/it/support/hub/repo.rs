//! A repository at one commit, made in code or read from a folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::OnceLock;

use axum::body::Bytes;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::card::Card;
use super::file::{Content, File, hex};
use super::tensors::Tensors;

pub struct Repo {
    pub id: String,
    /// The branch that this commit is the head of.
    pub branch: String,
    pub card: Card,
    given: BTreeMap<String, File>,
    tensors: Option<Tensors>,
    tensors_text: String,
    made: OnceLock<BTreeMap<String, File>>,
    sha: OnceLock<String>,
    config: OnceLock<Option<Value>>,
}

impl Repo {
    /// Makes an empty public repository on `main`.
    pub fn new(id: &str) -> Self {
        Self {
            id: id.into(),
            branch: "main".into(),
            card: Card::default(),
            given: BTreeMap::new(),
            tensors: None,
            tensors_text: String::new(),
            made: OnceLock::new(),
            sha: OnceLock::new(),
            config: OnceLock::new(),
        }
    }

    /// Puts it on another branch: `v2`, `refs/pr/1`.
    pub fn branch(mut self, branch: &str) -> Self {
        self.branch = branch.into();
        self
    }

    /// Adds a file that git stores: config, index, tokenizer config, code.
    pub fn file(self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.put(path, File::new(Content::Bytes(Bytes::from(bytes.into())), false))
    }

    /// Adds a file that LFS stores, so that it is served from the CDN.
    pub fn lfs(self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.put(path, File::new(Content::Bytes(Bytes::from(bytes.into())), true))
    }

    /// Adds an LFS file of zeros.
    pub fn zeros(self, path: &str, size: u64) -> Self {
        self.put(path, File::new(Content::Made(Bytes::new(), size), true))
    }

    /// Adds an LFS file of these bytes followed by zeros up to `size`, less than the bytes to truncate them.
    pub fn made(self, path: &str, head: impl Into<Vec<u8>>, size: u64) -> Self {
        let mut head = head.into();
        head.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        self.put(path, File::new(Content::Made(head.into(), size), true))
    }

    /// Adds a file that lies on disk.
    pub fn disk(self, path: &str, from: PathBuf) -> Self {
        let size = std::fs::metadata(&from).expect("a file").len();
        let lfs = is_lfs(path, size);
        self.put(path, File::new(Content::Disk(from, size), lfs))
    }

    /// Adds shards and index of full size from a `tensors.json` ([`super::tensors`]).
    pub fn tensors(mut self, text: &str) -> Self {
        let id = &self.id;
        self.tensors =
            Some(Tensors::parse(text).unwrap_or_else(|error| panic!("tensors.json of {id}: {error}")));
        self.tensors_text = text.into();
        self
    }

    pub fn card(mut self, card: Card) -> Self {
        self.card = card;
        self
    }

    pub fn private(mut self) -> Self {
        self.card.private = true;
        self
    }

    /// `"auto"` or `"manual"`.
    pub fn gated(mut self, how: &str) -> Self {
        self.card.gated = Some(how.into());
        self
    }

    pub fn renamed_from(mut self, id: &str) -> Self {
        self.card.renamed_from.push(id.into());
        self
    }

    pub fn downloads(mut self, count: u64) -> Self {
        self.card.downloads = count;
        self
    }

    pub fn likes(mut self, count: u64) -> Self {
        self.card.likes = count;
        self
    }

    /// ISO 8601, as `2026-02-20T12:00:00.000Z`.
    pub fn modified(mut self, date: &str) -> Self {
        self.card.modified = date.into();
        self
    }

    pub fn tag(mut self, tag: &str) -> Self {
        self.card.tags.push(tag.into());
        self
    }

    pub fn license(mut self, name: &str) -> Self {
        self.card.card_data.insert("license".into(), name.into());
        self
    }

    /// `base_model` of the card; `relation` is `finetune`, `quantized`, `adapter` or `merge`.
    pub fn base_model(mut self, id: &str, relation: &str) -> Self {
        self.card.card_data.insert("base_model".into(), id.into());
        self.card.card_data.insert("base_model_relation".into(), relation.into());
        self
    }

    pub fn pipeline(mut self, tag: Option<&str>) -> Self {
        self.card.pipeline_tag = tag.map(str::to_string);
        self
    }

    pub fn library(mut self, name: Option<&str>) -> Self {
        self.card.library_name = name.map(str::to_string);
        self
    }

    fn put(mut self, path: &str, file: File) -> Self {
        self.given.insert(path.into(), file);
        self
    }

    /// Looks a file up.
    pub fn get(&self, path: &str) -> Option<&File> {
        self.given.get(path).or_else(|| self.made_files().get(path))
    }

    /// Gives all files by path.
    pub fn files(&self) -> BTreeMap<&str, &File> {
        let made = self.made_files().iter();
        made.chain(&self.given).map(|(path, file)| (path.as_str(), file)).collect()
    }

    /// Gives the paths of all files, without making any.
    pub fn paths(&self) -> Vec<String> {
        let made = self.tensors.as_ref().map(Tensors::names).unwrap_or_default();
        let mut paths =
            self.given.keys().chain(self.card.zeros.keys()).cloned().chain(made).collect::<Vec<_>>();
        paths.sort();
        paths.dedup();
        paths
    }

    /// Gives about how much LFS stores, without making any file: the headers of made shards are left out.
    pub fn stored(&self) -> u64 {
        let given = self.given.values().filter(|file| file.lfs).map(File::size).sum::<u64>();
        given + self.card.zeros.values().sum::<u64>() + self.tensors.as_ref().map_or(0, Tensors::bytes)
    }

    fn made_files(&self) -> &BTreeMap<String, File> {
        self.made.get_or_init(|| {
            let mut files = self.tensors.as_ref().map(Tensors::files).unwrap_or_default();
            for (path, size) in &self.card.zeros {
                files.insert(path.clone(), File::new(Content::Made(Bytes::new(), *size), true));
            }
            files
        })
    }

    /// Gives the commit: a hash over everything that the repository is made from.
    pub fn sha(&self) -> &str {
        self.sha.get_or_init(|| {
            let mut hasher = Sha256::new();
            hasher.update(&self.id);
            hasher.update(&self.tensors_text);
            for (path, file) in &self.given {
                hasher.update(path);
                file.fingerprint(&mut hasher);
            }
            for (path, size) in &self.card.zeros {
                hasher.update(format!("{path} {size}"));
            }
            hex(&hasher.finalize())[..40].to_string()
        })
    }

    /// Gives the parsed config.json; none if there is none or it is broken.
    pub fn config(&self) -> Option<&Value> {
        let read = || serde_json::from_slice(&self.given.get("config.json")?.all()).ok();
        self.config.get_or_init(read).as_ref()
    }

    /// Counts parameters by dtype over the safetensors files, as the Hub's indexer does.
    pub fn parameters(&self) -> BTreeMap<String, u64> {
        if let Some(tensors) = &self.tensors {
            return tensors.parameters();
        }
        let mut counts = BTreeMap::new();
        for file in self.given.iter().filter(|(path, _)| path.ends_with(".safetensors")).map(|(_, file)| file)
        {
            for entry in header(file).unwrap_or_default().values().filter(|entry| entry["dtype"].is_string())
            {
                let shape = entry["shape"].as_array().into_iter().flatten();
                let elements = shape.filter_map(Value::as_u64).product::<u64>();
                *counts.entry(entry["dtype"].as_str().unwrap_or_default().to_string()).or_default() +=
                    elements;
            }
        }
        counts
    }

    /// Gives the tags: the author's and those that the Hub finds itself.
    pub fn tags(&self) -> Vec<String> {
        let mut tags = Vec::<String>::new();
        tags.extend(self.card.library_name.clone());
        let has = |end: &str| self.given.keys().chain(self.card.zeros.keys()).any(|path| path.ends_with(end));
        if self.tensors.is_some() || has(".safetensors") {
            tags.push("safetensors".into());
        }
        if has(".bin") {
            tags.push("pytorch".into());
        }
        let config = self.config().unwrap_or(&Value::Null);
        tags.extend(config["model_type"].as_str().map(str::to_string));
        tags.extend(self.card.pipeline_tag.clone());
        if config["auto_map"].is_object() {
            tags.push("custom_code".into());
        }
        tags.extend(self.card.tags.clone());
        let data = &self.card.card_data;
        for base in self.base_models() {
            tags.push(format!("base_model:{base}"));
            if let Some(relation) = data.get("base_model_relation").and_then(Value::as_str) {
                tags.push(format!("base_model:{relation}:{base}"));
            }
        }
        tags.extend(data.get("license").and_then(Value::as_str).map(|license| format!("license:{license}")));
        tags.push("region:us".into());
        let mut seen = BTreeSet::new();
        tags.retain(|tag| seen.insert(tag.clone()));
        tags
    }

    pub fn base_models(&self) -> Vec<String> {
        match self.card.card_data.get("base_model") {
            Some(Value::String(base)) => vec![base.clone()],
            Some(Value::Array(bases)) => bases.iter().filter_map(Value::as_str).map(str::to_string).collect(),
            _ => Vec::new(),
        }
    }
}

fn header(file: &File) -> Option<Map<String, Value>> {
    let bytes = file.all();
    let length = u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?);
    serde_json::from_slice(bytes.get(8..usize::try_from(length.checked_add(8)?).ok()?)?).ok()
}

/// The Hub's default .gitattributes, as far as it matters here, and its limit for plain files.
pub fn is_lfs(path: &str, size: u64) -> bool {
    let ends = [".safetensors", ".bin", ".gguf", ".pt", ".pth", ".onnx", ".model", ".msgpack", ".h5"];
    ends.iter().any(|end| path.ends_with(end)) || size > 10 << 20
}
