//! Reads a root of repositories: `<org>/<name>[@branch]/`.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::repo::Repo;

/// Where a repository's own facts lie; not served.
const ASIDE: &str = ".hub";

pub fn read(root: &Path) -> Vec<Repo> {
    let mut repos = Vec::new();
    for org in folders(root) {
        for folder in folders(&org) {
            repos.push(repo(&org, &folder));
        }
    }
    assert!(!repos.is_empty(), "{} holds no <org>/<name> folders", root.display());
    repos
}

fn repo(org: &Path, folder: &Path) -> Repo {
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    let (org, name) = (name(org), name(folder));
    let (name, branch) = name.split_once('@').unwrap_or((&name, "main"));
    let mut repo = Repo::new(&format!("{org}/{name}")).branch(branch);
    let text = |file: &str| std::fs::read_to_string(folder.join(ASIDE).join(file)).ok();
    if let Some(text) = text("repo.json") {
        let card = serde_json::from_str(&text);
        repo = repo.card(card.unwrap_or_else(|error| panic!("repo.json of {org}/{name}: {error}")));
    }
    if let Some(text) = text("tensors.json") {
        repo = repo.tensors(&text);
    }
    let entries = WalkDir::new(folder).sort_by_file_name().into_iter();
    for entry in entries.filter_entry(|entry| entry.file_name() != ASIDE) {
        let entry = entry.expect("a readable folder");
        if !entry.file_type().is_dir() {
            let inside = entry.path().strip_prefix(folder).expect("inside").to_string_lossy().into_owned();
            let size = entry.metadata().expect("a file").len();
            repo = if super::repo::is_lfs(&inside, size) {
                repo.disk(&inside, entry.path().to_path_buf())
            } else {
                repo.file(&inside, std::fs::read(entry.path()).expect("readable"))
            };
        }
    }
    repo
}

fn folders(root: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root).unwrap_or_else(|error| panic!("{}: {error}", root.display()));
    let mut paths =
        entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_dir()).collect::<Vec<_>>();
    paths.sort();
    paths
}
