//! The configs beside a recording: `x.jsonl` has them in `x/<variant>/config.json`. A recording is of checks on these
//! configs, and its replay needs them.

use std::path::{Path, PathBuf};

use super::data::Live;
use super::error::SessionError;
use super::redact::Redactor;
use crate::util::fs;

const CONFIG: &str = "config.json";

/// One variant: its name, and its config's text.
pub type Variant = (String, String);

/// Reads the configs beside a recording, by name.
pub fn read(recording: &Path) -> Result<Vec<Variant>, SessionError> {
    let folder = recording.with_extension("");
    let Ok(entries) = std::fs::read_dir(&folder) else { return Ok(Vec::new()) };
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    found.retain(|path| path.join(CONFIG).is_file());
    found.sort();
    let variant = |path: PathBuf| Ok((name(&path), fs::read_text(&path.join(CONFIG))?));
    found.into_iter().map(variant).collect()
}

/// Writes variants below a folder. Gives their folders.
pub fn write(variants: &[Variant], below: &Path) -> Result<Vec<PathBuf>, SessionError> {
    let mut folders = Vec::new();
    for (name, text) in variants {
        let folder = below.join(name);
        fs::write_atomic(&folder.join(CONFIG), text.as_bytes())?;
        folders.push(folder);
    }
    Ok(folders)
}

/// Copies a session's configs beside its recording. Gives how many.
pub(super) fn keep(live: &Live, recording: &Path, redactor: &Redactor) -> Result<usize, SessionError> {
    let named = live.panes.get("app").and_then(|app| app.get("configs")?.as_array().cloned());
    let mut variants: Vec<Variant> = Vec::new();
    for path in named.unwrap_or_default().iter().filter_map(|path| path.as_str()) {
        let path = PathBuf::from(redactor.expanded(path.to_string()));
        let file = if path.is_dir() { path.join(CONFIG) } else { path.clone() };
        let named = if file.ends_with(CONFIG) { file.parent().unwrap_or(&file) } else { &file };
        let name = unlike(&variants, named.file_stem().map(|name| name.to_string_lossy().into_owned()));
        variants.push((name, fs::read_text(&file)?));
    }
    write(&variants, &recording.with_extension("")).map(|folders| folders.len())
}

fn name(folder: &Path) -> String {
    folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// A name that no variant has yet.
fn unlike(known: &[Variant], name: Option<String>) -> String {
    let name = name.unwrap_or_else(|| "config".into());
    let taken = |name: &str| known.iter().any(|(known, _)| known == name);
    let numbered = (2..).map(|count| format!("{name}-{count}"));
    std::iter::once(name.clone()).chain(numbered).find(|name| !taken(name)).unwrap_or(name)
}
