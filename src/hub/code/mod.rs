//! Custom code (`auto_map`, `trust_remote_code`): brought, shown, hashed; usable as the reference only after a person's yes
//! to that hash, and then only inside the sandbox. Nothing here runs it.

mod look;
mod read;
mod yes;

use std::path::{Path, PathBuf};

use thiserror::Error;

pub use read::read;
pub use yes::{accept, accepted, revoke};

use super::data::{FileAt, RemoteCode, RepoRef};
use super::remote::{Ask, Hub, RemoteError};
use crate::util::blame::{Blame, Explain};
use crate::util::fs::{FsError, write_atomic};

/// No file of a model's code is larger.
const LARGEST: u64 = 4 << 20;
const MOST_FILES: usize = 200;

/// Why code cannot be shown or accepted.
#[derive(Debug, Error)]
pub enum CodeError {
    #[error("{place} brings no code: it has no Python file")]
    None { place: String },
    #[error("{place} brings {count} Python files, which no model needs")]
    TooMany { place: String, count: usize },
    #[error("{path} is larger than {}, which no model's code is", crate::util::text::bytes(LARGEST))]
    TooLarge { path: PathBuf },
    #[error("the path {path:?} of {place} would leave its folder")]
    BadPath { place: String, path: String },
    #[error("{given} is not the hash of this code, which is {digest}")]
    OtherHash { given: String, digest: String },
    #[error("the code in {folder} has not been accepted")]
    NotAccepted { folder: PathBuf },
    #[error("{path} cannot be read as what was accepted: {text}")]
    Store { path: PathBuf, text: String },
    #[error(transparent)]
    Remote(#[from] RemoteError),
    #[error(transparent)]
    Fs(#[from] FsError),
}

impl Explain for CodeError {
    fn blame(&self) -> Blame {
        match self {
            Self::Remote(error) => error.blame(),
            Self::Fs(_) | Self::Store { .. } => Blame::Environment,
            Self::TooMany { .. } | Self::TooLarge { .. } | Self::BadPath { .. } => Blame::Upstream,
            Self::None { .. } | Self::OtherHash { .. } | Self::NotAccepted { .. } => Blame::User,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Remote(error) => error.hint(),
            Self::Fs(error) => error.hint(),
            Self::None { .. } => {
                Some("its reference is in transformers; nothing needs to be accepted".into())
            }
            Self::OtherHash { .. } => Some(
                "the code changed or the hash was mistyped: read it again, then accept the hash shown".into(),
            ),
            Self::NotAccepted { folder } => {
                Some(format!("read it with `mlxport code {}`, then accept its hash", folder.display()))
            }
            Self::Store { path, .. } => Some(format!("mend or remove {}", path.display())),
            Self::TooMany { .. } | Self::TooLarge { .. } | Self::BadPath { .. } => None,
        }
    }
}

/// Brings a repository's code and config.json into `cache`, a folder a commit; nothing else, and nothing is run.
///
/// # Errors
/// No code, too much of it, the Hub's refusals.
pub async fn bring(hub: &Hub, repo: &RepoRef, cache: &Path) -> Result<RemoteCode, CodeError> {
    let info = hub.whole(repo).await?;
    let id = info.id.unwrap_or_else(|| repo.id.clone());
    let place = format!("{id}@{}", info.sha.get(..12).unwrap_or(&info.sha));
    let wanted: Vec<_> = info
        .files
        .into_iter()
        .filter(|file| file.path.ends_with(".py") || file.path == "config.json")
        .collect();
    let count = wanted.iter().filter(|file| file.path.ends_with(".py")).count();
    match count {
        0 => return Err(CodeError::None { place }),
        count if count > MOST_FILES => return Err(CodeError::TooMany { place, count }),
        _ => {}
    }
    let folder = cache.join(id.cache_folder()).join(&info.sha);
    for file in wanted {
        let normal = |part: std::path::Component<'_>| matches!(part, std::path::Component::Normal(_));
        if file.path.contains('\\') || !Path::new(&file.path).components().all(normal) {
            return Err(CodeError::BadPath { place, path: file.path });
        }
        if file.size > LARGEST {
            return Err(CodeError::TooLarge { path: file.path.into() });
        }
        let to = folder.join(&file.path);
        if std::fs::metadata(&to).is_ok_and(|meta| meta.len() == file.size) {
            continue;
        }
        let at = FileAt { repo: id.clone(), revision: info.sha.clone(), path: file.path };
        let (_, bytes) = hub.bytes(&at, Ask { limit: LARGEST, ..Ask::default() }).await?;
        write_atomic(&to, &bytes)?;
    }
    Ok(RemoteCode { source: place, ..read(&folder)? })
}
