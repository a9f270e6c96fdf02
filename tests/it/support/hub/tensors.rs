//! Whole checkpoints from a page of JSON: names, dtypes and shapes by pattern, from which the index and shards of full size
//! are made. The data is zeros and costs no disk.
//!
//! ```json
//! {
//!   "metadata": {"format": "pt"},
//!   "shards": 4,
//!   "tensors": [
//!     {"name": "model.embed_tokens.weight", "dtype": "BF16", "shape": [32000, 4096]},
//!     {"name": "model.layers.{}.mlp.experts.{}.up_proj.weight", "at": ["3-60", "0-255"], "dtype": "F8_E4M3", "shape": [2048, 7168]}
//!   ]
//! }
//! ```
//!
//! `{}` in a name takes each of `at`'s numbers in turn (`"0-3,7"`). Tensors are laid out in natural order of their names.
//! Without `shards` there is one `model.safetensors`; with it `model-0000i-of-0000n.safetensors` and an index, which
//! `"index": false` leaves out. `"stem"` names the files otherwise; `"shard_by_bytes"` asks for shards of about that size.

use std::collections::BTreeMap;

use axum::body::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::file::{Content, File};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tensors {
    #[serde(default)]
    metadata: Option<Map<String, Value>>,
    #[serde(default)]
    shards: Option<u64>,
    #[serde(default)]
    shard_by_bytes: Option<u64>,
    #[serde(default = "yes")]
    index: bool,
    #[serde(default = "model")]
    stem: String,
    tensors: Vec<Pattern>,
}

fn yes() -> bool {
    true
}

fn model() -> String {
    "model".into()
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pattern {
    name: String,
    #[serde(default)]
    at: Vec<String>,
    dtype: String,
    shape: Vec<u64>,
}

/// One tensor, as a header lists it.
#[derive(Clone, Debug)]
pub struct Tensor {
    pub name: String,
    pub dtype: String,
    pub shape: Vec<u64>,
}

impl Tensor {
    pub fn elements(&self) -> u64 {
        self.shape.iter().product()
    }

    pub fn bytes(&self) -> u64 {
        (self.elements() * bits(&self.dtype)).div_ceil(8)
    }
}

impl Tensors {
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// Gives all tensors in natural order of their names.
    pub fn all(&self) -> Vec<Tensor> {
        let mut all = self.tensors.iter().flat_map(Pattern::all).collect::<Vec<_>>();
        all.sort_by_cached_key(|tensor| natural(&tensor.name));
        all
    }

    /// Counts parameters by dtype.
    pub fn parameters(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for pattern in &self.tensors {
            let copies = pattern.at.iter().map(|list| numbers(list).len() as u64).product::<u64>();
            *counts.entry(pattern.dtype.clone()).or_default() +=
                copies * pattern.shape.iter().product::<u64>();
        }
        counts
    }

    /// Makes the shards and, if asked, the index.
    pub fn files(&self) -> BTreeMap<String, File> {
        let all = self.all();
        let total = all.iter().map(Tensor::bytes).sum::<u64>();
        let shards = self.shards.or(self.shard_by_bytes.map(|bytes| total.div_ceil(bytes)));
        let Some(count) = shards else {
            return BTreeMap::from([(format!("{}.safetensors", self.stem), self.shard(&all))]);
        };
        let mut groups = vec![Vec::new(); count as usize];
        let mut before = 0_u64;
        for tensor in all {
            let at = (u128::from(before) * u128::from(count) / u128::from(total.max(1))) as usize;
            before += tensor.bytes();
            groups[at.min(count as usize - 1)].push(tensor);
        }
        let (mut files, mut weight_map) = (BTreeMap::new(), BTreeMap::new());
        for (at, group) in groups.iter().enumerate() {
            let name = format!("{}-{:05}-of-{count:05}.safetensors", self.stem, at + 1);
            weight_map.extend(group.iter().map(|tensor| (tensor.name.clone(), name.clone())));
            files.insert(name, self.shard(group));
        }
        if self.index {
            let parameters = self.parameters().values().sum::<u64>();
            let metadata = json!({"total_parameters": parameters, "total_size": total});
            let index = json!({"metadata": metadata, "weight_map": weight_map});
            let text = serde_json::to_string_pretty(&index).expect("JSON");
            // The Hub's .gitattributes leaves JSON out of LFS; above 10 MiB the Hub itself demands it.
            let lfs = text.len() > 10 << 20;
            let file = File::new(Content::Bytes(text.into()), lfs);
            files.insert(format!("{}.safetensors.index.json", self.stem), file);
        }
        files
    }

    fn shard(&self, tensors: &[Tensor]) -> File {
        let (head, data) = header(self.metadata.as_ref(), tensors);
        let size = head.len() as u64 + data;
        File::new(Content::Made(head, size), true)
    }
}

/// Writes a safetensors header with its length before it, padded as the library pads, and gives the size of the data.
pub fn header(metadata: Option<&Map<String, Value>>, tensors: &[Tensor]) -> (Bytes, u64) {
    let (mut entries, mut at) = (Map::new(), 0);
    if let Some(metadata) = metadata {
        entries.insert("__metadata__".into(), metadata.clone().into());
    }
    for tensor in tensors {
        let end = at + tensor.bytes();
        let entry = json!({"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [at, end]});
        entries.insert(tensor.name.clone(), entry);
        at = end;
    }
    let mut text = serde_json::to_vec(&entries).expect("JSON");
    text.resize(text.len().next_multiple_of(8), b' ');
    let mut head = (text.len() as u64).to_le_bytes().to_vec();
    head.extend_from_slice(&text);
    (head.into(), at)
}

impl Pattern {
    fn all(&self) -> Vec<Tensor> {
        let mut names = vec![self.name.clone()];
        for list in &self.at {
            let numbers = numbers(list);
            names = names
                .iter()
                .flat_map(|name| numbers.iter().map(|number| name.replacen("{}", &number.to_string(), 1)))
                .collect();
        }
        names
            .into_iter()
            .map(|name| Tensor { name, dtype: self.dtype.clone(), shape: self.shape.clone() })
            .collect()
    }
}

fn numbers(list: &str) -> Vec<u64> {
    let number =
        |text: &str| text.trim().parse::<u64>().unwrap_or_else(|_| panic!("{list:?} is no list of numbers"));
    list.split(',')
        .flat_map(|part| match part.split_once('-') {
            Some((from, to)) => (number(from)..=number(to)).collect::<Vec<_>>(),
            None => vec![number(part)],
        })
        .collect()
}

/// Splits a name so that `layers.10` comes after `layers.9`.
fn natural(name: &str) -> Vec<(u64, String)> {
    name.split('.')
        .map(|part| part.parse().map_or((0, part.to_string()), |number| (number, String::new())))
        .collect()
}

fn bits(dtype: &str) -> u64 {
    match dtype {
        "F64" | "I64" | "U64" | "C64" => 64,
        "F32" | "I32" | "U32" => 32,
        "F16" | "BF16" | "I16" | "U16" => 16,
        "F4" => 4,
        "I8" | "U8" | "BOOL" | "F8_E4M3" | "F8_E5M2" | "F8_E8M0" => 8,
        _ => panic!("safetensors has no dtype {dtype}"),
    }
}
