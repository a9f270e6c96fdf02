//! Reading one Python file, and finding the files of a reference. The only part of the room that touches the disk.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use thiserror::Error;

use super::data::{LoadedSource, ReferenceFiles};
use super::parse;
use crate::util::blame::{Blame, Explain};
use crate::util::text;

/// Larger files are not read: the largest of transformers is 200 KB.
const LIMIT: u64 = 8 << 20;

/// What went wrong with a source file.
#[derive(Debug, Error)]
pub enum SourceError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path} is {}, too large for a source file", text::bytes(*size))]
    TooBig { path: PathBuf, size: u64 },
    #[error("{path} is not a file")]
    NotAFile { path: PathBuf },
    #[error("transformers has no folder for model_type {model_type} in {models}")]
    NoReference { model_type: String, models: PathBuf },
    #[error("transformers has no model `{model_type}`")]
    UnknownType { model_type: String, near: Vec<String> },
    #[error(
        "{model_type} is not a causal language model in transformers: mlx-lm runs decoders that generate text"
    )]
    NotCausal { model_type: String, parts: Vec<String> },
}

impl Explain for SourceError {
    fn blame(&self) -> Blame {
        match self {
            Self::Read { source, .. } if source.kind() != std::io::ErrorKind::NotFound => Blame::Environment,
            _ => Blame::User,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoReference { .. } => {
                Some("check the spelling, or give a newer transformers; a Hub repository with its own code is not read yet".into())
            }
            Self::UnknownType { near, .. } if !near.is_empty() => {
                Some(format!("did you mean {}?", near.join(", ")))
            }
            Self::UnknownType { .. } => Some(
                "give the model_type as it stands in config.json; a model whose code is in its Hub repository only, or in a \
                 newer transformers, is not read yet"
                    .into(),
            ),
            Self::NotCausal { parts, .. } if !parts.is_empty() => {
                Some(format!("its text part may be {}", parts.join(", ")))
            }
            Self::NotCausal { .. } => Some("give a decoder's model_type, such as arcee".into()),
            _ => None,
        }
    }
}

/// Reads and parses one file. Bytes that are not UTF-8 are replaced.
pub fn load(path: &Path) -> Result<LoadedSource, SourceError> {
    let failed = |source| SourceError::Read { path: path.to_path_buf(), source };
    // Asked before opening: opening a named pipe waits for ever.
    let meta = std::fs::metadata(path).map_err(failed)?;
    if !meta.is_file() {
        return Err(SourceError::NotAFile { path: path.to_path_buf() });
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LIMIT {
        return Err(SourceError::TooBig { path: path.to_path_buf(), size: meta.len() });
    }
    let digest = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(LoadedSource { doc: Arc::new(parse(path, &String::from_utf8_lossy(&bytes))), digest })
}

/// Finds the files of a model_type under `transformers/models`. A model_type that has no folder of its own, such as
/// `gemma3_text`, is looked for in the configuration files of the folders whose name it starts with.
pub fn reference_files(models: &Path, model_type: &str) -> Result<ReferenceFiles, SourceError> {
    let missing = || SourceError::NoReference { model_type: model_type.into(), models: models.into() };
    let plain = model_type.replace('-', "_");
    if plain.is_empty()
        || !plain.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')
        || plain.contains("..")
    {
        return Err(missing());
    }
    let starts = (1..=plain.len()).rev().map(|end| &plain[..end]);
    starts
        .filter_map(|start| in_folder(models, start, (start != plain).then_some(model_type)))
        .next()
        .ok_or_else(missing)
}

fn in_folder(models: &Path, name: &str, must_name: Option<&str>) -> Option<ReferenceFiles> {
    let folder = models.join(name);
    let file = |kind: &str| Some(folder.join(format!("{kind}_{name}.py"))).filter(|path| path.is_file());
    let modeling = file("modeling")?;
    let configuration = file("configuration");
    if let Some(wanted) = must_name {
        let text = std::fs::read_to_string(configuration.as_ref()?).ok()?;
        if !text.contains(&format!("model_type = \"{wanted}\"")) {
            return None;
        }
    }
    Some(ReferenceFiles { modeling, modular: file("modular"), configuration })
}
