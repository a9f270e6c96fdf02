//! Files: atomic writes with a backup, cross-process locks, and errors that name the path.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::blame::{Blame, Explain};

/// What went wrong with a file, and which file.
#[derive(Debug, Error)]
pub enum FsError {
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} is locked by another mlxport process")]
    Locked { path: PathBuf },
}

impl Explain for FsError {
    fn blame(&self) -> Blame {
        Blame::Environment
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Write { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some("make the folder writable, or choose another with --home DIR".into())
            }
            Self::Write { source, .. } if source.kind() == io::ErrorKind::ReadOnlyFilesystem => {
                Some("choose a writable folder with --home DIR".into())
            }
            Self::Write { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Some("free some disk space and run the command again".into())
            }
            Self::Locked { .. } => Some("wait for it to finish, or stop it".into()),
            _ => None,
        }
    }
}

/// Writes a whole file so that readers see the old or the new bytes, never a part. Keeps the file's permissions.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), FsError> {
    let mode = mode(path).unwrap_or(0o644);
    write_with(path, bytes, mode)
}

/// Writes a whole file that its owner alone can read, from its first byte on.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), FsError> {
    write_with(path, bytes, 0o600)
}

/// Gives the permission bits of a file, if it is there.
pub fn mode(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).ok().map(|meta| meta.permissions().mode() & 0o777)
}

fn write_with(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FsError> {
    let failed = |source| FsError::Write { path: path.to_path_buf(), source };
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed)?;
    let mut temp = tempfile::Builder::new().prefix(".mlxport-").tempfile_in(folder).map_err(failed)?;
    temp.write_all(bytes).and_then(|()| temp.as_file().sync_data()).map_err(failed)?;
    // The temporary file is its owner's alone until here.
    use std::os::unix::fs::PermissionsExt;
    temp.as_file().set_permissions(fs::Permissions::from_mode(mode)).map_err(failed)?;
    temp.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Reads a whole file as text; bytes that are not UTF-8 are replaced.
pub fn read_text(path: &Path) -> Result<String, FsError> {
    let bytes = fs::read(path).map_err(|source| FsError::Read { path: path.to_path_buf(), source })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Makes a folder and its parents.
pub fn create_dir(path: &Path) -> Result<(), FsError> {
    fs::create_dir_all(path).map_err(|source| FsError::Write { path: path.to_path_buf(), source })
}

/// Opens a file for appending, making its folder.
pub fn open_append(path: &Path) -> Result<File, FsError> {
    let failed = |source| FsError::Write { path: path.to_path_buf(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    OpenOptions::new().create(true).append(true).open(path).map_err(failed)
}

/// Gives the bytes free for this user on the disk that holds a folder.
pub fn free(folder: &Path) -> Option<u64> {
    let stat = nix::sys::statvfs::statvfs(folder).ok()?;
    // The types differ between Linux and macOS.
    #[allow(clippy::useless_conversion, clippy::unnecessary_cast)]
    Some(stat.blocks_available() as u64 * stat.fragment_size() as u64)
}

/// A lock on a path, held until dropped, shared by all mlxport processes of the machine.
#[derive(Debug)]
pub struct FileLock {
    file: File,
}

impl FileLock {
    /// Waits for the lock; `waiting` is called once if another process holds it.
    pub fn wait(path: &Path, waiting: impl FnOnce()) -> Result<Self, FsError> {
        let file = open_append(path)?;
        if file.try_lock().is_err() {
            waiting();
            file.lock().map_err(|source| FsError::Write { path: path.to_path_buf(), source })?;
        }
        Ok(Self { file })
    }

    /// Lets child processes hold the lock too: it is free when the last of them has ended, even if this process was
    /// killed and could not end them.
    pub fn share_with_children(&self) -> Result<(), FsError> {
        use nix::fcntl::{F_SETFD, FdFlag, fcntl};
        let failed = |errno: nix::Error| FsError::Write { path: "the lock".into(), source: errno.into() };
        fcntl(&self.file, F_SETFD(FdFlag::empty())).map(|_| ()).map_err(failed)
    }

    /// Takes the lock or says at once that it is held.
    pub fn try_now(path: &Path) -> Result<Self, FsError> {
        let file = open_append(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(_) => Err(FsError::Locked { path: path.to_path_buf() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_replaces_the_whole_file_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a/b.txt");
        write_atomic(&path, b"one").expect("first write");
        write_atomic(&path, b"two").expect("second write");
        assert_eq!(read_text(&path).expect("read"), "two");
        assert_eq!(fs::read_dir(folder.path().join("a")).expect("list").count(), 1);
    }

    #[test]
    fn a_private_file_is_its_owners_and_a_replaced_one_keeps_its_mode() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("keys");
        write_private(&path, b"one").expect("write");
        assert_eq!(mode(&path), Some(0o600));
        write_atomic(&path, b"two").expect("write");
        assert_eq!(mode(&path), Some(0o600));
        write_atomic(&folder.path().join("other"), b"").expect("write");
        assert_eq!(mode(&folder.path().join("other")), Some(0o644));
    }

    #[test]
    fn a_held_lock_is_reported_by_path() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("lock");
        let held = FileLock::try_now(&path).expect("free lock");
        assert!(matches!(FileLock::try_now(&path), Err(FsError::Locked { .. })));
        drop(held);
        FileLock::try_now(&path).expect("free again");
    }
}
