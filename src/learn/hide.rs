//! Makes the copy. It is no git checkout: no object of a repository can be read from it. The accepted file goes, then
//! every port that imports it, since it could not be imported; then tests and words. At the end the whole copy is read
//! again: a name that is left is an error, not a smaller score.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::error::LearnError;
use super::text;
use crate::git::Repo;
use crate::util::fs::{create_dir, read_text, write_atomic};

const MODELS: &str = "mlx_lm/models";
/// Texts that a reader may look into.
const TEXTS: [&str; 8] = ["py", "md", "toml", "txt", "json", "jinja", "cfg", "rst"];

/// A copy in which a port is hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    pub folder: PathBuf,
    pub model_type: String,
    /// Files that were removed, from the folder.
    pub removed: Vec<String>,
    /// Lines of tests that were removed.
    pub lines: usize,
    /// Words that were masked.
    pub words: usize,
}

/// Lists the accepted ports of a checkout: files of `mlx_lm/models` with a class Model.
pub fn accepted(checkout: &Path) -> Result<Vec<String>, LearnError> {
    let folder = checkout.join(MODELS);
    let failed = |source| LearnError::Read { path: folder.clone(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let python = path.extension().is_some_and(|end| end == "py");
        let model =
            || read_text(&path).is_ok_and(|text| text.lines().any(|line| line.starts_with("class Model(")));
        if python && model() {
            found.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    found.sort();
    Ok(found)
}

/// Writes a revision of the checkout into an empty folder and hides a port in it.
pub fn export(
    (checkout, revision): (&Path, &str),
    model_type: &str,
    folder: &Path,
) -> Result<Hidden, LearnError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if model_type.is_empty() || !model_type.chars().all(plain) {
        return Err(LearnError::Name(crate::util::text::one_line(model_type)));
    }
    create_dir(folder)?;
    Repo::open(checkout)?.lay_out_all(revision, folder)?;
    // Upstream's build writes it and its repository ignores it; without it the package cannot be imported.
    if let Ok(version) = read_text(&checkout.join("mlx_lm/_version.py")) {
        write_atomic(&folder.join("mlx_lm/_version.py"), version.as_bytes())?;
    }
    let known = accepted(folder)?;
    if !known.iter().any(|name| name == model_type) {
        let start = model_type.get(..3).unwrap_or(model_type);
        let near = known.into_iter().filter(|name| name.starts_with(start)).collect();
        let (model_type, checkout) = (model_type.to_string(), checkout.to_path_buf());
        return Err(LearnError::NotAccepted { model_type, checkout, near });
    }
    hide(folder, model_type)
}

fn hide(folder: &Path, model_type: &str) -> Result<Hidden, LearnError> {
    let mut hidden = Hidden {
        folder: folder.to_path_buf(),
        model_type: model_type.to_string(),
        removed: Vec::new(),
        lines: 0,
        words: 0,
    };
    remove_ports(&mut hidden)?;
    for path in texts(folder) {
        let before = read(&path)?;
        if !text::names(&before, model_type) {
            continue;
        }
        let name = path.strip_prefix(folder).unwrap_or(&path).to_path_buf();
        let (after, lines) = match name.starts_with("tests") {
            true => text::without_tests(&before, model_type),
            false => (before.clone(), 0),
        };
        let (after, words) = text::mask(&after, model_type);
        hidden.lines += lines;
        hidden.words += words;
        write_atomic(&path, after.as_bytes())?;
    }
    match left(folder, model_type)? {
        left if left.is_empty() => Ok(hidden),
        left => Err(LearnError::Leak { model_type: model_type.to_string(), left }),
    }
}

/// Removes the accepted file, and in rounds whatever imports what was removed; tests of its own too.
fn remove_ports(hidden: &mut Hidden) -> Result<(), LearnError> {
    let mut gone = vec![hidden.model_type.clone()];
    let mut round = gone.clone();
    remove(hidden, &Path::new(MODELS).join(format!("{}.py", hidden.model_type)))?;
    while !round.is_empty() {
        let mut next = Vec::new();
        for port in accepted_or_helper(&hidden.folder)? {
            let text = read(&hidden.folder.join(&port))?;
            let stem = port.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            if !gone.contains(&stem) && round.iter().any(|name| text::imports(&text, name)) {
                remove(hidden, &port)?;
                next.push(stem);
            }
        }
        gone.extend(next.clone());
        round = next;
    }
    let own = format!("test_{}", hidden.model_type);
    let tests = texts(&hidden.folder.join("tests"));
    let is_own = |path: &&PathBuf| path.file_stem().is_some_and(|stem| stem.to_string_lossy() == own);
    for path in tests.iter().filter(is_own) {
        let name = path.strip_prefix(&hidden.folder).unwrap_or(path).to_path_buf();
        remove(hidden, &name)?;
    }
    Ok(())
}

/// The files of `mlx_lm/models`, from the folder.
fn accepted_or_helper(folder: &Path) -> Result<Vec<PathBuf>, LearnError> {
    let models = texts(&folder.join(MODELS)).into_iter();
    Ok(models.filter_map(|path| path.strip_prefix(folder).ok().map(Path::to_path_buf)).collect())
}

fn remove(hidden: &mut Hidden, name: &Path) -> Result<(), LearnError> {
    let path = hidden.folder.join(name);
    std::fs::remove_file(&path).map_err(|source| LearnError::Read { path, source })?;
    hidden.removed.push(name.to_string_lossy().into_owned());
    Ok(())
}

/// Gives where the architecture is still named, or still there.
pub fn left(folder: &Path, model_type: &str) -> Result<Vec<String>, LearnError> {
    let mut found = Vec::new();
    for path in texts(folder) {
        let name = path.strip_prefix(folder).unwrap_or(&path);
        for (at, line) in read(&path)?.lines().enumerate().filter(|(_, line)| text::names(line, model_type)) {
            let _ = line;
            found.push(format!("{}:{}", name.display(), at + 1));
        }
    }
    let models = folder.join(MODELS);
    let stays = WalkDir::new(&models).into_iter().filter_map(Result::ok).filter(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.split('.').next() == Some(model_type)
    });
    found.extend(stays.map(|entry| entry.path().display().to_string()));
    if folder.join(".git").exists() {
        found.push(".git".into());
    }
    Ok(found)
}

fn texts(folder: &Path) -> Vec<PathBuf> {
    let files = WalkDir::new(folder).sort_by_file_name().into_iter().filter_map(Result::ok);
    let is_text = |path: &Path| path.extension().is_some_and(|end| TEXTS.iter().any(|text| end == *text));
    files
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .filter(|path| is_text(path))
        .collect()
}

fn read(path: &Path) -> Result<String, LearnError> {
    let bytes =
        std::fs::read(path).map_err(|source| LearnError::Read { path: path.to_path_buf(), source })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
