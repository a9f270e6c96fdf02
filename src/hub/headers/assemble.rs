//! Headers put together to a checkpoint: files against the index, tensors that are in two files, files that are missing.

use std::collections::{HashMap, HashSet};

use super::header::{self, Header};
use super::index::Places;
use super::{Fault, HeaderError};
use crate::hub::data::headers::{Index, Shard, Tensor};

/// More files than any checkpoint has.
pub const MOST_FILES: usize = 4096;

/// What mlx-lm loads: `model*.safetensors` beside config.json.
pub fn is_shard(file: &str) -> bool {
    file.starts_with("model") && file.ends_with(".safetensors") && !file.contains('/')
}

/// One file as it was found.
#[derive(Clone, Debug)]
pub struct Found {
    pub file: String,
    pub header: Header,
    /// The file ends right after its header.
    pub header_only: bool,
}

/// Reads the header of one file; `size` is that of the whole file. `place` is for the error.
pub fn found(place: &str, file: &str, bytes: &[u8], size: Option<u64>) -> Result<Found, HeaderError> {
    let named = |fault: Fault| HeaderError::file(place, file, fault);
    header::length(bytes, size).map_err(named)?;
    let header = header::parse(bytes).map_err(named)?;
    if let Some(size) = size {
        header::sized(&header, size).map_err(named)?;
    }
    let header_only = header.data > 0 && size == Some(header.bytes);
    Ok(Found { file: file.into(), header, header_only })
}

/// Everything that the files hold together.
#[derive(Debug)]
pub struct Assembled {
    pub shards: Vec<Shard>,
    pub tensors: Vec<Tensor>,
    pub index: Index,
    pub remarks: Vec<String>,
}

/// Refuses a set of files that cannot be a checkpoint, before any is read. `files` are all names at the top.
pub fn listed(place: &str, files: &[String], places: Option<&Places>) -> Result<Vec<String>, HeaderError> {
    let place = place.to_string();
    let mut shards: Vec<String> = files.iter().filter(|file| is_shard(file)).cloned().collect();
    shards.sort();
    if shards.is_empty() {
        let weights = |file: &&String| {
            [".safetensors", ".bin", ".gguf", ".pt", ".pth"].iter().any(|end| file.ends_with(end))
        };
        let mut others: Vec<String> = files.iter().filter(weights).cloned().collect();
        others.sort();
        return Err(HeaderError::NoSafetensors { place, others });
    }
    if shards.len() > MOST_FILES {
        return Err(HeaderError::TooManyFiles { place, count: shards.len(), limit: MOST_FILES });
    }
    match places {
        Some(places) => {
            let present: HashSet<&str> = shards.iter().map(String::as_str).collect();
            let mut missing: Vec<&str> =
                places.map.values().map(String::as_str).filter(|file| !present.contains(file)).collect();
            missing.sort_unstable();
            if let Some(file) = missing.first() {
                let tensors = missing.iter().filter(|other| *other == file).count();
                let others = missing.iter().collect::<HashSet<_>>().len() - 1;
                return Err(HeaderError::MissingFile { place, file: (*file).into(), tensors, others });
            }
        }
        None => numbered(&place, &shards)?,
    }
    Ok(shards)
}

/// Puts the files together; they come in the order of their names.
pub fn assemble(place: &str, found: Vec<Found>, places: Option<&Places>) -> Result<Assembled, HeaderError> {
    let mut remarks = Vec::new();
    let count = found.iter().map(|one| one.header.tensors.len()).sum();
    let (mut shards, mut tensors) = (Vec::with_capacity(found.len()), Vec::with_capacity(count));
    for (number, one) in found.into_iter().enumerate() {
        let Header { bytes, data, tensors: entries, metadata } = one.header;
        if entries.is_empty() {
            remarks.push(format!("{} holds no tensor", one.file));
        }
        let (file, header_only) = (one.file, one.header_only);
        shards.push(Shard { file, header: bytes, data, header_only, tensors: entries.len(), metadata });
        tensors.extend(entries.into_iter().map(|entry| {
            let bytes = entry.end - entry.begin;
            Tensor { name: entry.name, dtype: entry.dtype, shape: entry.shape, shard: number, bytes }
        }));
    }
    once(place, &shards, &tensors)?;
    let index = match places {
        Some(places) => {
            agrees(place, &shards, &tensors, places)?;
            let data: u64 = shards.iter().map(|shard| shard.data).sum();
            if let Some(said) = places.total_size.filter(|said| *said != data) {
                remarks.push(format!("the index says {said} bytes of weights in all, the files hold {data}"));
            }
            Index::Agrees
        }
        None if shards.len() > 1 => {
            remarks.push(format!(
                "{} files and no index: mlx-lm loads them all, transformers refuses (the repository's fault)",
                shards.len()
            ));
            Index::Missing
        }
        None => Index::NotNeeded,
    };
    Ok(Assembled { shards, tensors, index, remarks })
}

/// `model-00001-of-00004.safetensors`: without an index the numbers alone say what is missing.
fn numbered(place: &str, shards: &[String]) -> Result<(), HeaderError> {
    let parts = |file: &str| {
        let (stem, of) = file.strip_suffix(".safetensors")?.rsplit_once("-of-")?;
        let (stem, number) = stem.rsplit_once('-')?;
        Some((stem.to_string(), number.len(), number.parse::<usize>().ok()?, of.parse::<usize>().ok()?))
    };
    let numbers: Vec<_> = shards.iter().filter_map(|file| parts(file)).collect();
    let Some((stem, width, _, total)) = numbers.first().cloned() else { return Ok(()) };
    if total > MOST_FILES {
        return Err(HeaderError::TooManyFiles { place: place.into(), count: total, limit: MOST_FILES });
    }
    let there: HashSet<usize> = numbers.iter().map(|(_, _, number, _)| *number).collect();
    match (1..=total).find(|number| !there.contains(number)) {
        Some(number) => {
            let missing = format!("{stem}-{number:0width$}-of-{total:0width$}.safetensors");
            Err(HeaderError::MissingNumber { place: place.into(), missing, total })
        }
        None => Ok(()),
    }
}

fn once(place: &str, shards: &[Shard], tensors: &[Tensor]) -> Result<(), HeaderError> {
    let mut first: HashMap<&str, usize> = HashMap::with_capacity(tensors.len());
    for tensor in tensors {
        if let Some(other) = first.insert(&tensor.name, tensor.shard) {
            return Err(HeaderError::TensorTwice {
                place: place.into(),
                tensor: tensor.name.clone(),
                first: shards[other].file.clone(),
                second: shards[tensor.shard].file.clone(),
            });
        }
    }
    Ok(())
}

/// Both ways: each entry's tensor is in the file it names, and each tensor has an entry.
fn agrees(place: &str, shards: &[Shard], tensors: &[Tensor], places: &Places) -> Result<(), HeaderError> {
    let place = place.to_string();
    for tensor in tensors {
        let real = &shards[tensor.shard].file;
        match places.map.get(&tensor.name) {
            Some(file) if file == real => {}
            Some(file) => {
                let (tensor, file) = (tensor.name.clone(), file.clone());
                return Err(HeaderError::Misplaced {
                    place,
                    tensor,
                    file,
                    found: format!("it is in {real}"),
                });
            }
            None => {
                return Err(HeaderError::NoEntry { place, tensor: tensor.name.clone(), file: real.clone() });
            }
        }
    }
    if places.map.len() == tensors.len() {
        return Ok(());
    }
    let real: HashSet<&str> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    let lost = places.map.iter().filter(|(tensor, _)| !real.contains(tensor.as_str())).min();
    match lost {
        Some((tensor, file)) => {
            let (tensor, file) = (tensor.clone(), file.clone());
            Err(HeaderError::Misplaced { place, tensor, file, found: "no file holds it".into() })
        }
        None => Ok(()),
    }
}
