//! The safetensors headers that lie beside a config: `names` and `load` compare a twin with them. The worker may read its
//! scratch folder only, so that they are copied there, cut right after the header.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::util::fs::{FsError, write_atomic};

/// The format's own limit, as the harness has it; more is copied as it is cut and refused there.
const LARGEST: u64 = 100_000_000;
const INDEX: &str = "model.safetensors.index.json";

/// Copies the headers and the index beside `config` into a folder.
pub fn copy(config: &Path, into: &Path) -> Result<(), FsError> {
    let Some(folder) = config.parent() else { return Ok(()) };
    let failed = |path: &Path, source| FsError::Read { path: path.into(), source };
    for entry in std::fs::read_dir(folder).map_err(|source| failed(folder, source))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path();
        if name.starts_with("model") && name.ends_with(".safetensors") {
            let bytes = header(&path).map_err(|source| failed(&path, source))?;
            write_atomic(&into.join(&name), &bytes)?;
        } else if name == INDEX {
            let bytes = std::fs::read(&path).map_err(|source| failed(&path, source))?;
            write_atomic(&into.join(&name), &bytes)?;
        }
    }
    Ok(())
}

fn header(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut bytes = Vec::new();
    file.by_ref().take(8).read_to_end(&mut bytes)?;
    if let Some(length) = bytes.first_chunk::<8>() {
        let length = u64::from_le_bytes(*length).min(LARGEST);
        file.take(length).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_copied_and_weights_are_not() {
        let (from, into) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let mut file = 2u64.to_le_bytes().to_vec();
        file.extend(b"{}weights");
        write_atomic(&from.path().join("model.safetensors"), &file).expect("a file");
        write_atomic(&from.path().join("other.safetensors"), &file).expect("a file");
        copy(&from.path().join("config.json"), into.path()).expect("a copy");
        let copied = std::fs::read(into.path().join("model.safetensors")).expect("the header");
        assert_eq!(copied, [&2u64.to_le_bytes(), b"{}".as_slice()].concat());
        assert!(!into.path().join("other.safetensors").exists());
    }
}
