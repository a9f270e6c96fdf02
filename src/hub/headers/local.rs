//! A checkpoint folder: config.json and model*.safetensors, whole or cut right after their headers.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::assemble::{Found, assemble, found, listed};
use super::error::INDEX;
use super::header;
use super::index::{LARGEST_INDEX, Places};
use super::{Fault, HeaderError};
use crate::hub::data::headers::{Checkpoint, HeaderEvent, Moved, Origin};
use crate::hub::{HubError, read};
use crate::util::sink::Sink;

/// Small files that are noted where they are.
pub const SMALL: [&str; 2] = ["generation_config.json", "tokenizer_config.json"];
/// Where NVIDIA's exporter keeps its quantization.
pub const MODELOPT: &str = "hf_quant_config.json";

/// Reads the headers of a folder. No weight is read.
pub fn read_folder(folder: &Path, sink: &Sink<HeaderEvent>) -> Result<Checkpoint, HubError> {
    let config = read(folder)?;
    let failed = |source| HubError::Read { path: folder.into(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // A link into the cache's blobs counts as what it points to.
        if std::fs::metadata(entry.path()).is_ok_and(|meta| meta.is_file()) {
            files.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    let place = folder.display().to_string();
    let places = places(folder, &place)?;
    let shards = listed(&place, &files, places.as_ref())?;
    let mut read_ones = Vec::with_capacity(shards.len());
    for (done, file) in shards.iter().enumerate() {
        read_ones.push(one(folder, &place, file)?);
        sink(HeaderEvent::Read { done: done + 1, total: shards.len(), moved: 0 });
    }
    let whole = assemble(&place, read_ones, places.as_ref())?;
    let quant_config = folder.join(MODELOPT);
    Ok(Checkpoint {
        name: config.name.clone(),
        origin: Origin::Folder { path: folder.into() },
        quant_config: quant_config.is_file().then(|| read(&quant_config)).transpose()?,
        config,
        small: SMALL.iter().filter(|name| folder.join(name).is_file()).map(|name| (*name).into()).collect(),
        shards: whole.shards,
        tensors: whole.tensors,
        index: whole.index,
        remarks: whole.remarks,
        moved: Moved::default(),
    })
}

fn places(folder: &Path, place: &str) -> Result<Option<Places>, HubError> {
    let path = folder.join(INDEX);
    let failed = |source| HubError::Read { path: path.clone(), source };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = Vec::new();
    file.take(LARGEST_INDEX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LARGEST_INDEX {
        return Err(HubError::TooBig { path, limit: LARGEST_INDEX });
    }
    let wrong = |error| HeaderError::Index { place: place.into(), error };
    Ok(Some(Places::parse(&bytes).map_err(wrong)?))
}

/// Reads one file's header, and no byte after it.
fn one(folder: &Path, place: &str, name: &str) -> Result<Found, HubError> {
    let path = folder.join(name);
    let (bytes, size) = header_bytes(&path, |fault| HeaderError::file(place, name, fault))?;
    Ok(found(place, name, &bytes, Some(size))?)
}

/// Reads the first bytes of a file up to the end of its header, and the file's size.
pub fn header_bytes(path: &Path, named: impl Fn(Fault) -> HeaderError) -> Result<(Vec<u8>, u64), HubError> {
    let failed = |source| HubError::Read { path: path.into(), source };
    let mut file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let mut bytes = Vec::new();
    file.by_ref().take(8).read_to_end(&mut bytes).map_err(failed)?;
    let length = header::length(&bytes, Some(size)).map_err(named)?;
    file.take(length - 8).read_to_end(&mut bytes).map_err(failed)?;
    Ok((bytes, size))
}
