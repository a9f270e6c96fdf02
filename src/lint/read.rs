//! Reading a file and what lies around it: the only part of the room that touches the disk.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use super::error::LintError;
use super::subject::Around;
use crate::git::Repo;

/// Larger files are no source that anyone reads: the largest model file of mlx-lm has 50 KB.
const LIMIT: u64 = 4 << 20;

/// A file's text.
#[derive(Debug)]
pub enum Loaded {
    Text(String),
    /// It exists and is no UTF-8: the port's fault, not a mistake of the person who named it.
    NotText(LintError),
}

/// Reads one file.
pub fn read(path: &Path) -> Result<Loaded, LintError> {
    let here = || path.to_path_buf();
    // Asked before opening: opening a named pipe waits for ever.
    let meta = std::fs::metadata(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => LintError::Missing { path: here() },
        _ => LintError::Read { path: here(), source },
    })?;
    if meta.is_dir() {
        return Err(LintError::Folder { path: here() });
    }
    if !meta.is_file() {
        return Err(LintError::NotAFile { path: here() });
    }
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(path).and_then(|file| file.take(LIMIT + 1).read_to_end(&mut bytes));
    opened.map_err(|source| LintError::Read { path: here(), source })?;
    if bytes.len() as u64 > LIMIT {
        return Err(LintError::TooBig { path: here(), size: meta.len() });
    }
    Ok(match String::from_utf8(bytes) {
        Ok(text) => Loaded::Text(text),
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let line = error.as_bytes()[..good].iter().filter(|byte| **byte == b'\n').count() + 1;
            Loaded::NotText(LintError::NotText { line })
        }
    })
}

/// Looks around a file. What is not there is left out: a file outside a checkout is judged too, by fewer rules.
pub fn around(path: &Path) -> Around {
    let Ok(real) = path.canonicalize() else { return Around::default() };
    let Some(models) = real.parent().filter(|folder| folder.ends_with("mlx_lm/models")) else {
        return Around::default();
    };
    let root = models.parent().and_then(Path::parent);
    Around {
        models: Some(models.to_path_buf()),
        modules: modules(models),
        tests: root.and_then(|root| std::fs::read_to_string(root.join("tests/test_models.py")).ok()),
        changed: root.and_then(changed),
    }
}

fn modules(models: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(models).into_iter().flatten().filter_map(Result::ok);
    let files =
        entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "py"));
    files.filter_map(|path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned())).collect()
}

fn changed(root: &Path) -> Option<Vec<String>> {
    // A checkout's own root only: an environment that lies below somebody's repository is no checkout.
    let repo =
        Repo::open(root).ok().filter(|repo| repo.root().canonicalize().is_ok_and(|own| own == root))?;
    let base = repo.base().ok()?;
    Some(repo.layers(&base).ok()?.into_iter().map(|file| file.path).collect())
}
