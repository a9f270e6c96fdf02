//! A checkpoint as its headers tell it: files, tensors, small JSON files. Plain data; no weight is ever in it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use safetensors::Dtype;
use serde::Serialize;

use super::Config;

/// A checkpoint without its weights: every tensor of every file, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The repository's id, or the folder's name.
    pub name: String,
    pub origin: Origin,
    pub config: Config,
    /// `hf_quant_config.json`, where NVIDIA's exporter keeps what others write in config.json.
    pub quant_config: Option<Config>,
    /// Which of the small files are there: generation_config.json, tokenizer_config.json.
    pub small: Vec<String>,
    /// In the order of their names.
    pub shards: Vec<Shard>,
    /// In the order of the shards, and of the data within each.
    pub tensors: Vec<Tensor>,
    pub index: Index,
    /// What is odd but does not stop a load.
    pub remarks: Vec<String>,
    pub moved: Moved,
}

/// Where a checkpoint's headers came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Origin {
    Folder {
        path: PathBuf,
    },
    /// `folder` holds the headers alone, as the harness's load check takes them.
    Repo {
        id: String,
        sha: String,
        folder: PathBuf,
    },
}

/// One safetensors file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shard {
    pub file: String,
    /// Bytes of the header, the 8 of its length counted.
    pub header: u64,
    /// Bytes of weights that the header speaks of.
    pub data: u64,
    /// The file here ends right after its header.
    pub header_only: bool,
    pub tensors: usize,
    /// `__metadata__`: usually `format`, `pt` or `mlx`.
    pub metadata: BTreeMap<String, String>,
}

/// One tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    pub name: String,
    pub dtype: Dtype,
    pub shape: Vec<u64>,
    /// Which of [`Checkpoint::shards`].
    pub shard: usize,
    pub bytes: u64,
}

impl Tensor {
    /// Counts the stored elements; packed ones hold several parameters each.
    pub fn elements(&self) -> u64 {
        self.shape.iter().product()
    }
}

/// What model.safetensors.index.json says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Index {
    /// One file needs none.
    NotNeeded,
    /// Several files and no index: mlx-lm loads them all, transformers refuses.
    Missing,
    /// Every tensor is where it says, and nothing else is there.
    Agrees,
}

/// What it cost to know all this.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// Bytes of bodies over the network.
    pub bytes: u64,
    pub requests: u64,
    /// Files taken from our own cache of headers.
    pub cached: u64,
    /// Files found whole in the standard Hub cache.
    pub local: u64,
}

impl Checkpoint {
    /// Bytes of all files whole, headers counted.
    pub fn bytes(&self) -> u64 {
        self.shards.iter().map(|shard| shard.header + shard.data).sum()
    }
}

/// How far the reading of headers is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderEvent {
    /// The files are known.
    Listed { name: String, shards: usize, bytes: u64 },
    /// One more header is here.
    Read { done: usize, total: usize, moved: u64 },
}
