//! What a person has accepted, by hash. Kept in the data folder; the last word on whether code may be a reference.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::CodeError;
use crate::config::Home;
use crate::hub::data::RemoteCode;
use crate::util::fs::{read_text, write_atomic};
use crate::util::id::timestamp;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Yes {
    digest: String,
    source: String,
    when: String,
}

/// Tells when this very code was accepted.
///
/// # Errors
/// The file of what was accepted is broken.
pub fn accepted(home: &Home, code: &RemoteCode) -> Result<Option<String>, CodeError> {
    let yes = load(&path(home))?.into_iter().find(|yes| yes.digest == code.digest);
    Ok(yes.map(|yes| yes.when))
}

/// Takes a person's yes to a hash. The hash is typed, so that it is this code that was read; 12 digits are enough.
///
/// # Errors
/// Another hash than this code's.
pub fn accept(home: &Home, code: &RemoteCode, given: &str) -> Result<(), CodeError> {
    let given = given.trim().to_ascii_lowercase();
    if given.len() < 12 || !code.digest.starts_with(&given) {
        return Err(CodeError::OtherHash { given, digest: code.digest.clone() });
    }
    let path = path(home);
    let mut all = load(&path)?;
    all.retain(|yes| yes.digest != code.digest);
    all.push(Yes { digest: code.digest.clone(), source: code.source.clone(), when: timestamp() });
    save(&path, &all)
}

/// Takes a yes back; says whether there was one.
///
/// # Errors
/// The file of what was accepted is broken or cannot be written.
pub fn revoke(home: &Home, code: &RemoteCode) -> Result<bool, CodeError> {
    let path = path(home);
    let mut all = load(&path)?;
    let before = all.len();
    all.retain(|yes| yes.digest != code.digest);
    save(&path, &all)?;
    Ok(all.len() < before)
}

fn path(home: &Home) -> PathBuf {
    home.shared().join("accepted-code.json")
}

fn load(path: &Path) -> Result<Vec<Yes>, CodeError> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    serde_json::from_str(&read_text(path)?)
        .map_err(|error| CodeError::Store { path: path.to_path_buf(), text: error.to_string() })
}

fn save(path: &Path, all: &[Yes]) -> Result<(), CodeError> {
    let text = serde_json::to_vec_pretty(all)
        .map_err(|error| CodeError::Store { path: path.to_path_buf(), text: error.to_string() })?;
    Ok(write_atomic(path, &text)?)
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    #[test]
    fn a_yes_is_to_one_hash_and_can_be_taken_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::at(folder.path().join("home"));
        let own = folder.path().join("own");
        write_atomic(&own.join("modeling_own.py"), b"import torch\n").expect("code");
        write_atomic(&own.join("config.json"), br#"{"auto_map": {"AutoConfig": "a.B"}}"#).expect("a config");
        let code = read(&own).expect("code");
        assert_eq!(code.auto_map, [("AutoConfig".to_string(), "a.B".to_string())]);
        assert_eq!(accepted(&home, &code).expect("no file yet"), None);
        assert!(accept(&home, &code, "0123456789abcdef").is_err());
        assert!(accept(&home, &code, &code.digest[..4]).is_err(), "too short to mean this code");
        accept(&home, &code, &code.digest[..12]).expect("a yes");
        assert!(accepted(&home, &code).expect("read").is_some());
        write_atomic(&own.join("modeling_own.py"), b"import os\n").expect("changed");
        assert_eq!(accepted(&home, &read(&own).expect("code")).expect("read"), None);
        assert!(revoke(&home, &code).expect("taken back"));
        assert_eq!(accepted(&home, &code).expect("read"), None);
    }
}
