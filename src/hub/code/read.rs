//! The code in a folder, hashed as the harness hashes it before it imports anything.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{CodeError, LARGEST, MOST_FILES, look};
use crate::hub::data::{CodeFile, Json, RemoteCode};
use crate::util::fs::FsError;

/// Reads the Python files of a checkpoint folder; nothing is run.
///
/// # Errors
/// No Python file, too many, one too large.
pub fn read(folder: &Path) -> Result<RemoteCode, CodeError> {
    let folder = std::fs::canonicalize(folder)
        .map_err(|source| FsError::Read { path: folder.to_path_buf(), source })?;
    let place = folder.display().to_string();
    let mut found = Vec::new();
    collect(&folder, &folder, &mut found)?;
    match found.len() {
        0 => return Err(CodeError::None { place }),
        count if count > MOST_FILES => return Err(CodeError::TooMany { place, count }),
        _ => {}
    }
    let config = folder.join("config.json");
    if config.is_file() {
        found.push(("config.json".to_string(), config.clone()));
    }
    // The order of Python's sorted(): by code point, which is by byte in UTF-8.
    found.sort();
    let mut digest = Sha256::new();
    let mut files = Vec::new();
    for (name, path) in found {
        let bytes = std::fs::read(&path).map_err(|source| FsError::Read { path: path.clone(), source })?;
        if bytes.len() as u64 > LARGEST {
            return Err(CodeError::TooLarge { path });
        }
        let sha256 = hex(&Sha256::digest(&bytes));
        digest.update(format!("{name}\0{sha256}\n"));
        if name.ends_with(".py") {
            let text = String::from_utf8_lossy(&bytes);
            let looks = look::at(&text);
            files.push(CodeFile {
                path: name,
                lines: text.lines().count(),
                bytes: bytes.len() as u64,
                sha256,
                looks,
            });
        }
    }
    Ok(RemoteCode {
        source: place,
        auto_map: auto_map(&config),
        files,
        digest: hex(&digest.finalize()),
        accepted: None,
        folder,
    })
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<(String, PathBuf)>) -> Result<(), CodeError> {
    let failed = |source| FsError::Read { path: folder.to_path_buf(), source };
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() && !path.is_symlink() {
            collect(root, &path, found)?;
        } else if path.extension().is_some_and(|end| end == "py") && path.is_file() {
            let name = path.strip_prefix(root).unwrap_or(&path);
            let parts: Vec<_> = name.components().map(|part| part.as_os_str().to_string_lossy()).collect();
            found.push((parts.join("/"), path));
        }
        if found.len() > MOST_FILES {
            break;
        }
    }
    Ok(())
}

fn auto_map(config: &Path) -> Vec<(String, String)> {
    let Ok(config) = crate::hub::read(config) else { return Vec::new() };
    let Some(Json::Object(places)) =
        config.root.into_iter().find(|member| member.key == "auto_map").map(|member| member.value)
    else {
        return Vec::new();
    };
    places.into_iter().map(|member| (member.key, member.value.written())).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
