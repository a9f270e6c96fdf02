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
use std::fmt::Write;

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
    pub fn bytes(&self) -> u64 {
        bytes(&self.dtype, &self.shape)
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

    /// Gives the bytes of all data, without making the tensors.
    pub fn bytes(&self) -> u64 {
        let of = |pattern: &Pattern| pattern.count() * bytes(&pattern.dtype, &pattern.shape);
        self.tensors.iter().map(of).sum()
    }

    /// Gives the files' names, without making the tensors.
    pub fn names(&self) -> Vec<String> {
        let Some(count) = self.count() else { return vec![format!("{}.safetensors", self.stem)] };
        let mut names = (1..=count).map(|at| self.shard_name(at, count)).collect::<Vec<_>>();
        if self.index {
            names.push(format!("{}.safetensors.index.json", self.stem));
        }
        names
    }

    fn count(&self) -> Option<u64> {
        self.shards.or(self.shard_by_bytes.map(|bytes| self.bytes().div_ceil(bytes)))
    }

    fn shard_name(&self, at: u64, count: u64) -> String {
        format!("{}-{at:05}-of-{count:05}.safetensors", self.stem)
    }

    /// Counts parameters by dtype.
    pub fn parameters(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for pattern in &self.tensors {
            let elements = pattern.shape.iter().product::<u64>();
            *counts.entry(pattern.dtype.clone()).or_default() += pattern.count() * elements;
        }
        counts
    }

    /// Makes the shards and, if asked, the index.
    pub fn files(&self) -> BTreeMap<String, File> {
        let all = self.all();
        let total = self.bytes();
        let Some(count) = self.count() else {
            return BTreeMap::from([(format!("{}.safetensors", self.stem), self.shard(&all))]);
        };
        let mut groups = vec![Vec::new(); count as usize];
        let mut before = 0_u64;
        for tensor in all {
            let at = (u128::from(before) * u128::from(count) / u128::from(total.max(1))) as usize;
            before += tensor.bytes();
            groups[at.min(count as usize - 1)].push(tensor);
        }
        let mut files = BTreeMap::new();
        let mut places = Vec::new();
        for (at, group) in groups.iter().enumerate() {
            let name = self.shard_name(at as u64 + 1, count);
            places.extend(group.iter().map(|tensor| (tensor.name.as_str(), at as u64 + 1)));
            files.insert(name, self.shard(group));
        }
        if self.index {
            places.sort_unstable();
            let parameters = self.parameters().values().sum::<u64>();
            let metadata = json!({"total_parameters": parameters, "total_size": total});
            let mut text = format!("{{\n  \"metadata\": {metadata},\n  \"weight_map\": {{");
            for (name, at) in places {
                let end = if text.ends_with('{') { "" } else { "," };
                let place = self.shard_name(at, count);
                write!(text, "{end}\n    \"{name}\": \"{place}\"").expect("a string takes it");
            }
            text.push_str("\n  }\n}\n");
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
    // By hand: hundreds of thousands of entries as JSON values take many seconds in a debug build.
    let (mut text, mut at) = (String::from("{"), 0);
    if let Some(metadata) = metadata {
        let metadata = serde_json::to_string(metadata).expect("JSON");
        write!(text, "\"__metadata__\":{metadata},").expect("a string takes it");
    }
    for tensor in tensors {
        let (Tensor { name, dtype, shape }, end) = (tensor, at + tensor.bytes());
        write!(
            text,
            "\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":{shape:?},\"data_offsets\":[{at},{end}]}},"
        )
        .expect("a string takes it");
        at = end;
    }
    if text.ends_with(',') {
        text.pop();
    }
    text.push('}');
    let mut text = text.into_bytes();
    text.resize(text.len().next_multiple_of(8), b' ');
    let mut head = (text.len() as u64).to_le_bytes().to_vec();
    head.extend_from_slice(&text);
    (head.into(), at)
}

impl Pattern {
    fn count(&self) -> u64 {
        self.at.iter().map(|list| numbers(list).len() as u64).product()
    }

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

/// Pads numbers so that `layers.10` comes after `layers.9`.
fn natural(name: &str) -> String {
    let mut key = String::with_capacity(name.len() + 16);
    for part in name.split('.') {
        if part.starts_with(|first: char| first.is_ascii_digit()) {
            (part.len()..6).for_each(|_| key.push('0'));
        }
        key.push_str(part);
        key.push('.');
    }
    key
}

fn bytes(dtype: &str, shape: &[u64]) -> u64 {
    (shape.iter().product::<u64>() * bits(dtype)).div_ceil(8)
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
