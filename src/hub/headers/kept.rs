//! Headers kept on the disk: `cache/headers/` of the data folder. A file is kept under its ETag, so that a new commit with
//! the same weights costs nothing; each commit is a folder of links, in the form that the harness's load check takes:
//! files that end right after their header. What the standard Hub cache holds whole is read from there.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::header;
use crate::hub::HubError;
use crate::hub::data::{RepoFile, RepoId};
use crate::util::fs::create_dir;

/// Where headers are kept, and where whole files may be.
#[derive(Clone, Debug)]
pub struct Kept {
    blobs: PathBuf,
    /// Of this repository: one folder a commit, and `refs`.
    repo: PathBuf,
    /// Of this repository in the standard Hub cache.
    standard: PathBuf,
    /// The repository's name without its owner: what a folder of it is called, and so a variant made of it.
    name: String,
}

/// A commit that is on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Last {
    pub sha: String,
    pub folder: PathBuf,
    /// When the revision was last looked up.
    pub when: Option<std::time::SystemTime>,
}

impl Kept {
    /// Finds the places of a repository; nothing is made.
    pub fn of(cache: &Path, standard: &Path, id: &RepoId) -> Self {
        let own = cache.join("headers");
        let folder = id.cache_folder();
        let name = plain(id.name());
        Self { blobs: own.join("blobs"), repo: own.join(&folder), standard: standard.join(folder), name }
    }

    /// Gives the folder of a commit.
    pub fn folder(&self, sha: &str) -> PathBuf {
        self.repo.join(plain(sha)).join(&self.name)
    }

    /// Gives what was kept of a file: a header, or all of it.
    pub fn known(&self, file: &RepoFile) -> Option<Vec<u8>> {
        let bytes = std::fs::read(self.blobs.join(plain(file.etag()))).ok()?;
        let whole = if super::is_shard(&file.path) {
            header::length(&bytes, None).is_ok_and(|length| length == bytes.len() as u64)
        } else {
            bytes.len() as u64 == file.size
        };
        whole.then_some(bytes)
    }

    /// Reads a file of the standard cache: its header, or all of it.
    pub fn standard(&self, file: &RepoFile) -> Option<Vec<u8>> {
        let path = self.standard.join("blobs").join(plain(file.etag()));
        if std::fs::metadata(&path).ok()?.len() != file.size {
            return None;
        }
        if !super::is_shard(&file.path) {
            return std::fs::read(path).ok();
        }
        let named = |fault| super::HeaderError::file("", &file.path, fault);
        super::local::header_bytes(&path, named).ok().map(|(bytes, _)| bytes)
    }

    /// Keeps a file, and links it into a commit's folder.
    pub fn keep(&self, sha: &str, file: &RepoFile, bytes: &[u8]) -> Result<(), HubError> {
        let blob = self.blobs.join(plain(file.etag()));
        put(&blob, bytes)?;
        let folder = self.folder(sha);
        create_dir(&folder)?;
        let link = folder.join(&file.path);
        // Taken away first: an older one may be of another form.
        let _ = std::fs::remove_file(&link);
        match std::fs::hard_link(&blob, &link) {
            Ok(()) => Ok(()),
            // Another process has linked it meanwhile, or the disk knows no links.
            Err(_) => put(&link, bytes),
        }
    }

    /// Remembers which commit a revision stood for.
    pub fn remember(&self, revision: &str, sha: &str) -> Result<(), HubError> {
        put(&self.repo.join("refs").join(plain(revision)), sha.as_bytes())
    }

    /// Gives the commit that a revision last stood for, of ours or of the standard cache.
    pub fn last(&self, revision: &str) -> Option<Last> {
        let named = |refs: PathBuf| {
            let sha = std::fs::read_to_string(&refs).ok()?.trim().to_string();
            Some((sha, std::fs::metadata(&refs).and_then(|meta| meta.modified()).ok()))
        };
        let commit = || (revision.to_string(), None);
        let own = named(self.repo.join("refs").join(plain(revision))).unwrap_or_else(commit);
        let standard = named(self.standard.join("refs").join(revision)).unwrap_or_else(commit);
        let own = Last { folder: self.folder(&own.0), sha: own.0, when: own.1 };
        let snapshot = self.standard.join("snapshots").join(plain(&standard.0));
        let standard = Last { folder: snapshot, sha: standard.0, when: standard.1 };
        [own, standard].into_iter().find(|last| last.folder.join("config.json").is_file())
    }
}

/// Names from a server make no paths of their own.
fn plain(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let name: String = name.chars().take(128).map(safe).collect();
    if name.starts_with('.') || name.is_empty() { format!("_{name}") } else { name }
}

/// Writes a file whole or not at all. Not synced: four hundred headers would wait for the disk, and a damaged one is
/// noticed and fetched again.
fn put(path: &Path, bytes: &[u8]) -> Result<(), HubError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    create_dir(folder)?;
    let failed = |source| HubError::Keep { path: path.into(), source };
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.persist(path).map(|_| ()).map_err(|error| failed(error.error))
}
