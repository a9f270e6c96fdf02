//! What the person has rejected in a ledger, with reasons, kept per model type in the data folder: `ledger/<type>.json`. An
//! alarm stays silent while its reason stands there; taking it back makes it ring again.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::data::{Rejection, Rejections};
use crate::util::blame::{Blame, Explain};
use crate::util::fs::{FsError, read_text, write_atomic};
use crate::util::id::timestamp;

const SCHEMA: u32 = 1;
const LONGEST: usize = 2_000;

/// What went wrong with the person's decisions.
#[derive(Debug, Error)]
pub enum DecisionError {
    #[error("`{model_type}` is not a model type: letters, digits, `_`, `-` and `.` only")]
    ModelType { model_type: String },
    #[error("a rejected key needs a reason")]
    NoReason,
    #[error("`{key}` is not rejected for {model_type}")]
    NotRejected { key: String, model_type: String },
    #[error("{path} cannot be read as rejected keys: {source}")]
    Broken { path: PathBuf, source: serde_json::Error },
    #[error(transparent)]
    Fs(#[from] FsError),
}

impl Explain for DecisionError {
    fn blame(&self) -> Blame {
        match self {
            Self::Fs(error) => error.blame(),
            Self::Broken { .. } => Blame::Environment,
            _ => Blame::User,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoReason => Some("say why the port may ignore it, so that a reviewer can judge".into()),
            Self::NotRejected { .. } => Some("`mlxport ledger MODEL` shows which keys are".into()),
            Self::Broken { path, .. } => Some(format!("mend or remove {}", path.display())),
            Self::Fs(error) => error.hint(),
            Self::ModelType { .. } => None,
        }
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    schema: u32,
    model_type: String,
    rejected: Rejections,
}

/// Gives what is rejected; nothing where nothing was ever.
pub fn load(home: &Path, model_type: &str) -> Result<Rejections, DecisionError> {
    let path = file(home, model_type)?;
    if !path.exists() {
        return Ok(Rejections::new());
    }
    let text = read_text(&path)?;
    let kept: Kept = serde_json::from_str(&text).map_err(|source| DecisionError::Broken { path, source })?;
    Ok(kept.rejected)
}

/// Rejects a key, or gives another reason.
pub fn reject(home: &Path, model_type: &str, key: &str, reason: &str) -> Result<Rejections, DecisionError> {
    let reason: String = reason.trim().chars().take(LONGEST).collect();
    if reason.is_empty() {
        return Err(DecisionError::NoReason);
    }
    let mut rejected = load(home, model_type)?;
    rejected.insert(key.to_string(), Rejection { reason, at: timestamp() });
    save(home, model_type, rejected)
}

/// Takes a rejection back.
pub fn restore(home: &Path, model_type: &str, key: &str) -> Result<Rejections, DecisionError> {
    let mut rejected = load(home, model_type)?;
    if rejected.remove(key).is_none() {
        return Err(DecisionError::NotRejected { key: key.into(), model_type: model_type.into() });
    }
    save(home, model_type, rejected)
}

fn save(home: &Path, model_type: &str, rejected: Rejections) -> Result<Rejections, DecisionError> {
    let path = file(home, model_type)?;
    let kept = Kept { schema: SCHEMA, model_type: model_type.into(), rejected };
    let text = serde_json::to_vec_pretty(&kept)
        .map_err(|source| DecisionError::Broken { path: path.clone(), source })?;
    write_atomic(&path, &text)?;
    Ok(kept.rejected)
}

fn file(home: &Path, model_type: &str) -> Result<PathBuf, DecisionError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if model_type.is_empty() || model_type.starts_with('.') || !model_type.chars().all(legal) {
        return Err(DecisionError::ModelType { model_type: model_type.into() });
    }
    Ok(home.join("ledger").join(format!("{model_type}.json")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejection_needs_a_reason_stays_and_can_be_taken_back() {
        let home = tempfile::tempdir().expect("a folder");
        assert!(load(home.path(), "llama").expect("none yet").is_empty());
        assert!(matches!(reject(home.path(), "llama", "hidden_act", "  "), Err(DecisionError::NoReason)));
        reject(home.path(), "llama", "hidden_act", " silu everywhere ").expect("kept");
        let kept = load(home.path(), "llama").expect("kept");
        assert_eq!(kept["hidden_act"].reason, "silu everywhere");
        assert!(load(home.path(), "qwen3").expect("another type").is_empty());
        assert!(restore(home.path(), "llama", "hidden_act").expect("taken back").is_empty());
        assert!(matches!(
            restore(home.path(), "llama", "hidden_act"),
            Err(DecisionError::NotRejected { .. })
        ));
        assert!(matches!(load(home.path(), "../up"), Err(DecisionError::ModelType { .. })));
    }
}
