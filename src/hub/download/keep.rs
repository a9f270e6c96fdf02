//! One small file that is in memory already: verified, and put into the Hub cache where every other tool finds it.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::error::DownloadError;
use super::place::Place;
use crate::hub::data::{RepoFile, RepoRef};
use crate::util::fs::{FileLock, write_atomic};

/// A file as the Hub gave it.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    pub path: &'a str,
    /// The commit, and the content's hash: of git, or SHA-256 for large files.
    pub commit: &'a str,
    pub etag: &'a str,
    pub bytes: &'a [u8],
}

/// Keeps a file of a repository in the Hub cache; gives where it is in the snapshot.
///
/// # Errors
/// Bytes that are not what the Hub's hash says; a cache that cannot be written.
pub fn keep(cache: &Path, repo: &RepoRef, given: Given<'_>) -> Result<PathBuf, DownloadError> {
    let (path, large) = (given.path.to_string(), given.etag.len() == 64);
    let found = match large {
        true => Sha256::digest(given.bytes).iter().map(|byte| format!("{byte:02x}")).collect(),
        false => crate::git::blob_id(given.bytes)?,
    };
    if !found.eq_ignore_ascii_case(given.etag) {
        let why = format!("hash {found} instead of {}", given.etag);
        return Err(DownloadError::Damaged { repo: repo.id.clone(), path, why });
    }
    let place =
        Place::Cache { cache: cache.to_path_buf(), repo: repo.id.clone(), sha: given.commit.to_string() };
    let file = RepoFile {
        path,
        size: given.bytes.len() as u64,
        oid: given.etag.to_string(),
        sha256: large.then(|| given.etag.to_string()),
    };
    place.prepare()?;
    let _lock = FileLock::wait(&place.lock(&file), || ())?;
    if !place.is_whole(&file) {
        write_atomic(&place.whole(&file), given.bytes)?;
    }
    place.settle(&file)?;
    place.finish(repo.revision.as_deref())?;
    Ok(place.folder().join(&file.path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::data::RepoId;

    #[test]
    fn a_file_is_kept_where_its_tools_look_and_another_content_is_refused() {
        let cache = tempfile::tempdir().expect("a temporary folder");
        let repo = RepoRef { id: RepoId::parse("acme/one").expect("an id"), revision: None };
        let etag = crate::git::blob_id(b"{}").expect("a hash");
        let given = Given { path: "config.json", commit: "c0ffee", etag: &etag, bytes: b"{}" };
        let at = keep(cache.path(), &repo, given).expect("kept");
        let folder = cache.path().join("models--acme--one");
        assert_eq!(at, folder.join("snapshots/c0ffee/config.json"));
        assert_eq!(std::fs::read(&at).expect("a file"), b"{}");
        assert_eq!(std::fs::read_to_string(folder.join("refs/main")).expect("a ref"), "c0ffee");
        let other = keep(cache.path(), &repo, Given { bytes: b"<html>", ..given });
        assert!(matches!(other, Err(DownloadError::Damaged { .. })), "{other:?}");
        assert_eq!(std::fs::read(&at).expect("still there"), b"{}");
    }
}
