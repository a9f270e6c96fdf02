//! The Python package inside the binary, unpacked where the worker can import it. A folder is keyed by the hash of
//! its contents: an older program's worker never imports a newer program's files. It lies outside what the worker
//! may write.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use include_dir::{Dir, DirEntry, File, include_dir};

use super::error::HarnessError;
use crate::util::fs::{FsError, create_dir, write_atomic};
use crate::util::id::{new_id, sha256_hex};

static PYTHON: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/harness/python");

/// Gives one embedded file by its path below `src/harness/python`: the lock, the project file.
pub fn file(path: &str) -> Option<&'static [u8]> {
    PYTHON.get_file(path).map(File::contents)
}

/// Unpacks the package below the cache folder, once, and gives the folder to put on Python's path.
pub fn unpack(cache: &Path) -> Result<PathBuf, HarnessError> {
    let folder = cache.join(format!("mlxport_harness-{}", &hash()[..12]));
    if folder.is_dir() {
        return Ok(folder);
    }
    place(&folder, sources().into_iter())?;
    Ok(folder)
}

/// Writes files beside and renames: another process sees the whole folder or none of it.
fn place(folder: &Path, files: impl Iterator<Item = &'static File<'static>>) -> Result<(), HarnessError> {
    let beside = folder.with_file_name(format!(".mlxport_harness-{}", new_id()));
    create_dir(&beside)?;
    for file in files {
        write_atomic(&beside.join(file.path()), file.contents())?;
    }
    match std::fs::rename(&beside, folder) {
        Ok(()) => Ok(()),
        Err(_) if folder.is_dir() => {
            // Another process was faster; what it wrote is the same.
            let _ = std::fs::remove_dir_all(&beside);
            Ok(())
        }
        Err(source) => Err(FsError::Write { path: folder.to_path_buf(), source }.into()),
    }
}

/// Keeps the package, its project file and its lock in a folder, once, for whoever wants the same verdict later.
pub fn archive(folder: &Path) -> Result<(), HarnessError> {
    if folder.is_dir() {
        return Ok(());
    }
    let project =
        ["pyproject.toml", "requirements.lock"].into_iter().filter_map(|path| PYTHON.get_file(path));
    place(folder, sources().into_iter().chain(project))
}

/// Gives the hash of what the worker imports.
pub fn hash() -> &'static str {
    static HASH: LazyLock<String> = LazyLock::new(|| key(&sources()));
    &HASH
}

/// Gives the hash of the lock that pins the packages.
pub fn lock_hash() -> &'static str {
    static HASH: LazyLock<String> =
        LazyLock::new(|| sha256_hex(file("requirements.lock").unwrap_or_default()));
    &HASH
}

/// What the worker imports, sorted by path; leftovers of a developer's interpreter stay out.
fn sources() -> Vec<&'static File<'static>> {
    let mut files = Vec::new();
    collect(&PYTHON, &mut files);
    files.retain(|file| {
        let wanted = |extension: &std::ffi::OsStr| extension == "py" || extension == "json";
        file.path().starts_with("mlxport_harness") && file.path().extension().is_some_and(wanted)
    });
    files.sort_unstable_by_key(|file| file.path());
    files
}

fn collect(folder: &'static Dir<'static>, files: &mut Vec<&'static File<'static>>) {
    for entry in folder.entries() {
        match entry {
            DirEntry::Dir(folder) => collect(folder, files),
            DirEntry::File(file) => files.push(file),
        }
    }
}

fn key(files: &[&File<'_>]) -> String {
    let mut all = Vec::new();
    for file in files {
        all.extend_from_slice(file.path().to_string_lossy().as_bytes());
        all.push(0);
        all.extend_from_slice(sha256_hex(file.contents()).as_bytes());
    }
    sha256_hex(&all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_is_unpacked_whole_and_once() {
        let cache = tempfile::tempdir().expect("a temporary folder");
        let folder = unpack(cache.path()).expect("unpack");
        assert!(folder.join("mlxport_harness/__main__.py").is_file());
        assert!(folder.join("mlxport_harness/twin/rules.json").is_file());
        assert_eq!(unpack(cache.path()).expect("again"), folder);
        assert_eq!(std::fs::read_dir(cache.path()).expect("list").count(), 1);
    }
}
