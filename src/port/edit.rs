//! Edits of the port and its test: only listed files, whole or not at all, with the old bytes kept.

use std::path::{Component, Path, PathBuf};

use super::data::{AllowList, EditReceipt};
use super::error::EditError;
use crate::util::fs::{FsError, write_atomic};
use crate::util::id::sha256_hex;

/// What the caller last saw of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect<'a> {
    /// The file with this SHA-256.
    Sha(&'a str),
    /// No file.
    Absent,
    /// Whatever is there: the person's own save.
    Anything,
}

/// Writes an allowed file, keeping a backup. `path` is absolute, or relative to the checkout.
pub fn apply_edit(
    allow: &AllowList,
    path: &Path,
    expect: Expect<'_>,
    text: &str,
) -> Result<EditReceipt, EditError> {
    let target = allowed(allow, path)?;
    let old = read(&target)?;
    let old_sha = old.as_deref().map(sha256_hex);
    let as_seen = match expect {
        Expect::Sha(sha) => old_sha.as_deref() == Some(sha),
        Expect::Absent => old.is_none(),
        Expect::Anything => true,
    };
    if !as_seen {
        return Err(EditError::Conflict { path: target, found: old_sha });
    }
    let backup = match (&old, &old_sha) {
        (Some(bytes), Some(sha)) => Some(keep(allow, &target, bytes, sha)?),
        _ => None,
    };
    write_atomic(&target, text.as_bytes())?;
    Ok(EditReceipt { path: target, backup, old_sha, new_sha: sha256_hex(text.as_bytes()) })
}

/// Puts the bytes back that an edit replaced, unless the file has changed since.
pub fn undo_edit(allow: &AllowList, receipt: &EditReceipt) -> Result<(), EditError> {
    let target = allowed(allow, &receipt.path)?;
    let found = read(&target)?.as_deref().map(sha256_hex);
    if found.as_deref() != Some(&receipt.new_sha) {
        return Err(EditError::Conflict { path: target, found });
    }
    match &receipt.backup {
        Some(backup) => {
            let bytes = read(backup)?.ok_or_else(|| missing(backup))?;
            Ok(write_atomic(&target, &bytes)?)
        }
        None => std::fs::remove_file(&target)
            .map_err(|source| EditError::Fs(FsError::Write { path: target, source })),
    }
}

/// Gives the real path of an allowed file, or says why it may not be touched.
fn allowed(allow: &AllowList, path: &Path) -> Result<PathBuf, EditError> {
    let refused = || EditError::NotAllowed {
        path: path.to_path_buf(),
        allowed: allow.files.iter().map(|file| file.display().to_string()).collect(),
    };
    let inside =
        if path.is_absolute() { path.strip_prefix(&allow.checkout).map_err(|_| refused())? } else { path };
    // `..` is refused even where it would lead back: nobody who means well writes it.
    if inside.components().any(|part| !matches!(part, Component::Normal(_))) {
        return Err(refused());
    }
    if !allow.files.iter().any(|file| file == inside) {
        return Err(refused());
    }
    let mut walked = allow.checkout.clone();
    for part in inside.components() {
        walked.push(part);
        if std::fs::symlink_metadata(&walked).is_ok_and(|meta| meta.file_type().is_symlink()) {
            return Err(EditError::Symlink { path: walked });
        }
    }
    Ok(walked)
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, EditError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(EditError::Fs(FsError::Read { path: path.to_path_buf(), source })),
    }
}

fn missing(path: &Path) -> EditError {
    let source = std::io::ErrorKind::NotFound.into();
    EditError::Fs(FsError::Read { path: path.to_path_buf(), source })
}

/// Keeps the old bytes under their own hash, so that the same state is kept once.
fn keep(allow: &AllowList, target: &Path, bytes: &[u8], sha: &str) -> Result<PathBuf, EditError> {
    let name = target.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let backup = allow.backups.join(format!("{}-{name}", sha.get(..12).unwrap_or(sha)));
    write_atomic(&backup, bytes)?;
    Ok(backup)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::fs::read_text;

    struct Place {
        _folder: tempfile::TempDir,
        allow: AllowList,
    }

    fn place() -> Place {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let checkout = folder.path().join("mlx-lm");
        std::fs::create_dir_all(checkout.join("mlx_lm/models")).expect("folders");
        let allow = AllowList {
            checkout,
            files: vec!["mlx_lm/models/arcee.py".into(), "tests/test_models.py".into()],
            backups: folder.path().join("backups/s1"),
        };
        Place { _folder: folder, allow }
    }

    const PORT: &str = "mlx_lm/models/arcee.py";

    #[test]
    fn an_edit_keeps_the_old_bytes_and_can_be_undone() {
        let place = place();
        let target = place.allow.checkout.join(PORT);
        let first = apply_edit(&place.allow, Path::new(PORT), Expect::Absent, "one\n").expect("a new file");
        assert_eq!((first.backup.clone(), first.old_sha.clone()), (None, None));
        let second =
            apply_edit(&place.allow, &target, Expect::Sha(&first.new_sha), "two\n").expect("an edit");
        assert_eq!(read_text(&target).expect("read"), "two\n");
        assert_eq!(read_text(second.backup.as_ref().expect("a backup")).expect("read"), "one\n");
        undo_edit(&place.allow, &second).expect("undo");
        assert_eq!(read_text(&target).expect("read"), "one\n");
        undo_edit(&place.allow, &first).expect("undo of a new file");
        assert!(!target.exists());
    }

    #[test]
    fn a_file_that_changed_since_is_a_conflict_and_stays() {
        let place = place();
        let first = apply_edit(&place.allow, Path::new(PORT), Expect::Absent, "one\n").expect("a new file");
        write_atomic(&first.path, b"by hand\n").expect("a change from outside");
        let seen = apply_edit(&place.allow, Path::new(PORT), Expect::Sha(&first.new_sha), "two\n");
        assert!(matches!(seen, Err(EditError::Conflict { .. })));
        assert!(matches!(undo_edit(&place.allow, &first), Err(EditError::Conflict { .. })));
        assert!(matches!(
            apply_edit(&place.allow, Path::new(PORT), Expect::Absent, "two\n"),
            Err(EditError::Conflict { .. })
        ));
        assert_eq!(read_text(&first.path).expect("read"), "by hand\n");
    }

    #[test]
    fn paths_outside_the_list_and_symlinks_are_refused() {
        let place = place();
        let refused = [
            "mlx_lm/models/llama.py",
            "mlx_lm/models/../models/arcee.py",
            "../mlx-lm/mlx_lm/models/arcee.py",
            "/etc/passwd",
            "setup.py",
        ];
        for path in refused {
            let result = apply_edit(&place.allow, Path::new(path), Expect::Anything, "x");
            assert!(matches!(result, Err(EditError::NotAllowed { .. })), "{path}");
        }
        let outside = place.allow.checkout.with_file_name("outside.py");
        write_atomic(&outside, b"keep").expect("a file outside");
        std::os::unix::fs::symlink(&outside, place.allow.checkout.join(PORT)).expect("a link");
        let result = apply_edit(&place.allow, Path::new(PORT), Expect::Anything, "x");
        assert!(matches!(result, Err(EditError::Symlink { .. })));
        assert_eq!(read_text(&outside).expect("read"), "keep");
    }

    #[test]
    fn a_linked_folder_is_refused_too() {
        let place = place();
        let elsewhere = place.allow.checkout.with_file_name("elsewhere");
        std::fs::create_dir_all(&elsewhere).expect("a folder");
        std::os::unix::fs::symlink(&elsewhere, place.allow.checkout.join("tests")).expect("a link");
        let result = apply_edit(&place.allow, Path::new("tests/test_models.py"), Expect::Anything, "x");
        assert!(matches!(result, Err(EditError::Symlink { .. })));
    }
}
