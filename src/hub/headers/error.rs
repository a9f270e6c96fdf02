//! What can be wrong with a checkpoint's headers and index: by file, by tensor, with the way out.

use safetensors::Dtype;
use thiserror::Error;

use crate::util::blame::{Blame, Explain};

/// What is wrong with one safetensors file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    #[error("it is truncated: {held} bytes, no header")]
    NoHeader { held: u64 },
    #[error("its first 8 bytes ask for a header of {wanted} bytes, above {limit}")]
    TooLarge { wanted: u64, limit: u64 },
    #[error("it is truncated: {held} of the header's {wanted} bytes are there")]
    CutHeader { held: u64, wanted: u64 },
    #[error("its header is not UTF-8 (byte {at})")]
    NotUtf8 { at: usize },
    #[error("its header is nested deeper than {limit}")]
    TooDeep { limit: usize },
    #[error("its header names more than {limit} tensors")]
    TooMany { limit: usize },
    #[error("its header is not valid: {error}")]
    Json { error: String },
    #[error("the tensor `{name}` is there twice")]
    Twice { name: String },
    #[error("the tensor `{name}`: {error}")]
    Entry { name: String, error: String },
    #[error("the tensor `{name}` has dtype {dtype}, which safetensors does not know")]
    Dtype { name: String, dtype: String },
    #[error("the shape of `{name}` {shape:?} has more elements than can be counted")]
    Overflow { name: String, shape: Vec<u64> },
    #[error("`{name}` ({dtype}, {shape:?}) needs {wanted} bytes, its offsets {offsets:?} hold {held}")]
    Size { name: String, dtype: Dtype, shape: Vec<u64>, offsets: (u64, u64), wanted: u64, held: u64 },
    #[error("the offsets {offsets:?} of `{name}` run backwards")]
    Backwards { name: String, offsets: (u64, u64) },
    #[error("`{name}` overlaps `{before}`: it begins at byte {begin}, before {end}")]
    Overlap { name: String, before: String, begin: u64, end: u64 },
    #[error("{bytes} bytes before `{name}` belong to no tensor")]
    Hole { name: String, bytes: u64 },
    #[error("it is truncated: {held} of {wanted} bytes of weights")]
    Truncated { held: u64, wanted: u64 },
    #[error("it is longer than its header says: {held} bytes of weights, not {wanted}")]
    Longer { held: u64, wanted: u64 },
    #[error("the safetensors library refuses it: {error}")]
    Refused { error: String },
}

/// What is wrong with a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HeaderError {
    #[error("{place}/{file}: {fault}")]
    File { place: String, file: String, fault: Box<Fault> },
    #[error("{place} holds no model*.safetensors")]
    NoSafetensors { place: String, others: Vec<String> },
    #[error("{place} holds {count} safetensors files, above {limit}")]
    TooManyFiles { place: String, count: usize, limit: usize },
    #[error("{place}/{INDEX}: {error}")]
    Index { place: String, error: String },
    #[error("{place}/{INDEX} names {file} ({tensors} tensors){}, which is not there", more(*others))]
    MissingFile { place: String, file: String, tensors: usize, others: usize },
    #[error("{place}: of {total} numbered files, {missing} is not there")]
    MissingNumber { place: String, missing: String, total: usize },
    #[error("{place}: the tensor `{tensor}` is in both {first} and {second}")]
    TensorTwice { place: String, tensor: String, first: String, second: String },
    #[error("{place}/{INDEX}: `{tensor}` should be in {file}; {found}")]
    Misplaced { place: String, tensor: String, file: String, found: String },
    #[error("{place}/{INDEX}: `{tensor}`, in {file}, has no entry")]
    NoEntry { place: String, tensor: String, file: String },
}

/// The index's name.
pub const INDEX: &str = "model.safetensors.index.json";

const REFETCH: &str = "the file is damaged: fetch it again, or tell the repository's owner";

fn more(others: usize) -> String {
    if others == 0 { String::new() } else { format!(" and {others} other files") }
}

impl HeaderError {
    /// Names the file of a fault, and the folder or repository that it is in.
    pub fn file(place: &str, file: &str, fault: Fault) -> Self {
        Self::File { place: place.into(), file: file.into(), fault: Box::new(fault) }
    }
}

impl Explain for HeaderError {
    fn blame(&self) -> Blame {
        Blame::User
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::File { fault, .. } => match **fault {
                Fault::TooLarge { .. } => "it is no safetensors file, or it is damaged".into(),
                Fault::Dtype { .. } => {
                    "a newer format, or a damaged file: convert it with the library that wrote it".into()
                }
                _ => REFETCH.into(),
            },
            Self::NoSafetensors { others, .. } if others.iter().any(|name| name.ends_with(".bin")) => {
                "it has PyTorch .bin files only, which mlx-lm does not read and which run code when opened: \
                 ask for a safetensors revision (Hub: refs/pr/…), or convert it with transformers' save_pretrained"
                    .into()
            }
            Self::NoSafetensors { others, .. } if !others.is_empty() => {
                format!("it has {}; mlx-lm reads model*.safetensors", others[..others.len().min(3)].join(", "))
            }
            Self::NoSafetensors { .. } => {
                "give a checkpoint folder, or a repository with safetensors weights".into()
            }
            Self::TooManyFiles { .. } => "that is no checkpoint of one model".into(),
            Self::MissingFile { .. } | Self::MissingNumber { .. } => {
                "fetch the missing files (headers alone are enough), or tell the repository's owner".into()
            }
            Self::TensorTwice { .. } => {
                "keep one set of files: mlx-lm would load all of them, in no fixed order".into()
            }
            Self::Misplaced { .. } | Self::NoEntry { .. } => {
                "index and files are of different versions: fetch them again from one revision".into()
            }
            Self::Index { .. } => REFETCH.into(),
        })
    }
}
