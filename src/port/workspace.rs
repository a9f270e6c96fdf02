//! `workspace.json`: written by setup, opened at every start without starting a process.

use std::path::{Path, PathBuf};

use super::data::Workspace;
use super::error::PortError;
use crate::config::Home;
use crate::util::fs::{read_text, write_atomic};

pub(super) const SCHEMA: u32 = 1;

fn file(home: &Path) -> PathBuf {
    home.join("workspace.json")
}

pub(super) fn save(workspace: &Workspace) -> Result<(), PortError> {
    let text =
        serde_json::to_vec_pretty(workspace).map_err(|error| PortError::Internal(error.to_string()))?;
    Ok(write_atomic(&file(&workspace.home), &text)?)
}

impl Workspace {
    /// Opens the workspace that setup left; none when it is missing, of another form, or no longer on the disk.
    pub fn open(home: &Home) -> Option<Self> {
        let mut workspace: Self = serde_json::from_str(&read_text(&file(home.root())).ok()?).ok()?;
        let there = workspace.python.exists() && workspace.checkout.join("mlx_lm/models").is_dir();
        if workspace.schema != SCHEMA || !there {
            return None;
        }
        // The person may have switched by hand; the checkout knows best.
        workspace.branch = current_branch(&workspace.checkout);
        Some(workspace)
    }

    /// Finds the reference's sources of a model type: modeling, modular and configuration files. Folder names and model
    /// types differ (`gemma3_text` lives in `gemma3`), so the configuration that names the type decides.
    pub fn reference_files(&self, model_type: &str) -> Vec<PathBuf> {
        let models = self.transformers_dir.join("models");
        let direct = models.join(model_type.replace('-', "_"));
        let folder = if direct.is_dir() { Some(direct) } else { declaring(&models, model_type) };
        let Some(folder) = folder else { return Vec::new() };
        let mut files: Vec<PathBuf> = python_files(&folder);
        files.retain(|path| kind(path).is_some());
        files.sort_by_key(|path| (kind(path).map(rank), path.clone()));
        files
    }
}

fn rank(kind: &str) -> usize {
    ["modeling", "modular", "configuration"].iter().position(|name| *name == kind).unwrap_or(3)
}

fn kind(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    // Other frameworks' files are not the reference.
    let (kind, _) = name.split_once('_')?;
    ["modeling", "modular", "configuration"].contains(&kind).then_some(kind)
}

fn python_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "py")).collect()
}

/// Finds the folder whose configuration declares the model type.
fn declaring(models: &Path, model_type: &str) -> Option<PathBuf> {
    let needle = format!("model_type = \"{model_type}\"");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(models)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders.into_iter().find(|folder| {
        let configs = python_files(folder).into_iter().filter(|path| kind(path) == Some("configuration"));
        configs.into_iter().any(|path| read_text(&path).is_ok_and(|text| text.contains(&needle)))
    })
}

/// Reads the branch from git's files; empty when HEAD is detached.
pub(super) fn current_branch(checkout: &Path) -> String {
    let dot = checkout.join(".git");
    let folder = match dot.is_dir() {
        true => dot,
        // A worktree's .git is a file that names its folder.
        false => match read_text(&dot)
            .ok()
            .and_then(|text| text.strip_prefix("gitdir:").map(|p| p.trim().to_string()))
        {
            Some(path) => checkout.join(path),
            None => return String::new(),
        },
    };
    let head = read_text(&folder.join("HEAD")).unwrap_or_default();
    head.trim().strip_prefix("ref: refs/heads/").unwrap_or("").to_string()
}
