//! Where files go: the standard Hub cache (blobs by hash, snapshots of links, refs, locks), or a folder with the notes that
//! huggingface_hub keeps beside it. Both are what its own tools write and read.

use std::path::{Path, PathBuf};

use super::error::DownloadError;
use crate::hub::data::{DownloadRequest, RepoFile, RepoId};
use crate::hub::remote::Origin;
use crate::util::fs::{create_dir, write_atomic};

/// The place of one checkpoint.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Cache { cache: PathBuf, repo: RepoId, sha: String },
    Folder { folder: PathBuf, cached: Box<Place>, sha: String },
}

impl Place {
    pub(super) fn of(origin: &Origin, request: &DownloadRequest, repo: &RepoId, sha: &str) -> Self {
        let cache = Self::Cache { cache: origin.cache.clone(), repo: repo.clone(), sha: sha.to_string() };
        match &request.local_dir {
            Some(folder) => {
                Self::Folder { folder: folder.clone(), cached: Box::new(cache), sha: sha.to_string() }
            }
            None => cache,
        }
    }

    /// The checkpoint folder.
    pub(super) fn folder(&self) -> PathBuf {
        match self {
            Self::Cache { sha, .. } => self.repo_folder().join("snapshots").join(sha),
            Self::Folder { folder, .. } => folder.clone(),
        }
    }

    fn repo_folder(&self) -> PathBuf {
        match self {
            Self::Cache { cache, repo, .. } => cache.join(repo.cache_folder()),
            Self::Folder { cached, .. } => cached.repo_folder(),
        }
    }

    /// Where the file is when it is whole and verified.
    pub(super) fn whole(&self, file: &RepoFile) -> PathBuf {
        match self {
            Self::Cache { .. } => self.repo_folder().join("blobs").join(file.etag()),
            Self::Folder { folder, .. } => folder.join(&file.path),
        }
    }

    /// Where it grows.
    pub(super) fn incomplete(&self, file: &RepoFile) -> PathBuf {
        match self {
            Self::Cache { .. } => {
                self.repo_folder().join("blobs").join(format!("{}.incomplete", file.etag()))
            }
            Self::Folder { .. } => self.notes(&file.path, &format!("{}.incomplete", file.etag())),
        }
    }

    /// The lock that whoever writes this file holds, huggingface_hub too.
    pub(super) fn lock(&self, file: &RepoFile) -> PathBuf {
        match self {
            Self::Cache { cache, repo, .. } => {
                cache.join(".locks").join(repo.cache_folder()).join(format!("{}.lock", file.etag()))
            }
            Self::Folder { .. } => self.notes(&file.path, "lock"),
        }
    }

    fn notes(&self, path: &str, end: &str) -> PathBuf {
        self.folder().join(".cache").join("huggingface").join("download").join(format!("{path}.{end}"))
    }

    /// Bytes of the file that are there, by its size alone: whole, or a beginning.
    pub(super) fn have(&self, file: &RepoFile) -> u64 {
        if self.is_whole(file) || self.in_cache(file).is_some() {
            return file.size;
        }
        size_of(&self.incomplete(file)).filter(|size| *size <= file.size).unwrap_or(0)
    }

    /// Tells whether the file was written and verified before.
    pub(super) fn is_whole(&self, file: &RepoFile) -> bool {
        let whole = size_of(&self.whole(file)) == Some(file.size);
        match self {
            // A blob bears its hash as its name, and gets that name only once it is verified.
            Self::Cache { .. } => whole,
            Self::Folder { .. } => {
                let note = std::fs::read_to_string(self.notes(&file.path, "metadata")).unwrap_or_default();
                whole && note.lines().nth(1) == Some(file.etag())
            }
        }
    }

    /// The file in the Hub cache, for a folder that can take it from there.
    pub(super) fn in_cache(&self, file: &RepoFile) -> Option<PathBuf> {
        match self {
            Self::Cache { .. } => None,
            Self::Folder { cached, .. } => {
                Some(cached.whole(file)).filter(|path| size_of(path) == Some(file.size))
            }
        }
    }

    /// Makes the folders.
    pub(super) fn prepare(&self) -> Result<(), DownloadError> {
        create_dir(&self.folder())?;
        match self {
            Self::Cache { cache, .. } => {
                create_dir(&self.repo_folder().join("blobs"))?;
                let tag = cache.join("CACHEDIR.TAG");
                if !tag.exists() {
                    write_atomic(&tag, b"Signature: 8a477f597d28d172789f06886806bc55\n# This file marks a cache of Hugging Face Hub files.\n")?;
                }
                Ok(())
            }
            Self::Folder { .. } => {
                let ignore = self.folder().join(".cache").join("huggingface").join(".gitignore");
                Ok(write_atomic(&ignore, b"*")?)
            }
        }
    }

    /// Gives a whole and verified file its place among the others of the checkpoint.
    pub(super) fn settle(&self, file: &RepoFile) -> Result<(), DownloadError> {
        match self {
            Self::Cache { .. } => link(&self.whole(file), &self.folder().join(&file.path)),
            Self::Folder { sha, .. } => {
                let now = jiff::Timestamp::now().as_millisecond() as f64 / 1000.0;
                let note = format!("{sha}\n{}\n{now}\n", file.etag());
                Ok(write_atomic(&self.notes(&file.path, "metadata"), note.as_bytes())?)
            }
        }
    }

    /// Writes which commit a branch or tag stood for.
    pub(super) fn finish(&self, revision: Option<&str>) -> Result<(), DownloadError> {
        let Self::Cache { sha, .. } = self else { return Ok(()) };
        let revision = revision.unwrap_or("main");
        if revision == sha {
            return Ok(());
        }
        Ok(write_atomic(&self.repo_folder().join("refs").join(revision), sha.as_bytes())?)
    }
}

/// Gives the bytes free where a folder is or will be.
pub(super) fn free_at(folder: &Path) -> Option<u64> {
    folder.ancestors().find(|path| path.exists()).and_then(crate::util::fs::free)
}

pub(super) fn size_of(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|meta| meta.len())
}

/// Links by a relative path, so that the cache can be moved.
fn link(blob: &Path, pointer: &Path) -> Result<(), DownloadError> {
    if std::fs::canonicalize(pointer)
        .ok()
        .is_some_and(|there| Some(there) == std::fs::canonicalize(blob).ok())
    {
        return Ok(());
    }
    let failed = |source| DownloadError::Io { attempt: "link", path: pointer.to_path_buf(), source };
    let folder = pointer.parent().unwrap_or(Path::new("."));
    create_dir(folder)?;
    // snapshots/<sha>/<path>: up as often as the path has folders, and twice more.
    let depth = pointer.components().rev().skip(1).take_while(|part| part.as_os_str() != "snapshots").count();
    let up: PathBuf = std::iter::repeat_n("..", depth + 1).collect();
    let target = up.join("blobs").join(blob.file_name().unwrap_or_default());
    let temp = pointer.with_extension("mlxport-link");
    let _ = std::fs::remove_file(&temp);
    std::os::unix::fs::symlink(&target, &temp).map_err(failed)?;
    std::fs::rename(&temp, pointer).map_err(failed)
}
