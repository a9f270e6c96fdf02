//! All repositories, their branches and commits, and the keys of the CDN.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::file::sha256;
use super::repo::Repo;

#[derive(Default)]
pub struct Store {
    entries: Mutex<BTreeMap<String, Arc<Entry>>>,
    renamed: Mutex<BTreeMap<String, String>>,
    blobs: Mutex<BTreeMap<String, Blob>>,
}

/// A repository with all its branches; old commits stay reachable by their hash.
#[derive(Clone)]
pub struct Entry {
    pub id: String,
    pub branches: BTreeMap<String, Arc<Repo>>,
    commits: BTreeMap<String, Arc<Repo>>,
}

/// What a key of the CDN stands for.
#[derive(Clone)]
pub struct Blob {
    pub repo: Arc<Repo>,
    pub path: String,
}

impl Entry {
    /// Finds the commit of a branch or hash.
    pub fn at(&self, revision: &str) -> Option<&Arc<Repo>> {
        self.branches.get(revision).or_else(|| self.commits.get(revision))
    }

    /// Gives the head of `main`, or of the first branch.
    pub fn main(&self) -> &Arc<Repo> {
        let first = self.branches.values().next();
        self.branches.get("main").or(first).expect("an entry has a branch")
    }
}

impl Store {
    pub fn add(&self, repo: Repo) {
        let repo = Arc::new(repo);
        for old in &repo.card.renamed_from {
            lock(&self.renamed).insert(old.clone(), repo.id.clone());
        }
        let mut entries = lock(&self.entries);
        let mut entry = entries.get(&repo.id).map_or_else(
            || Entry { id: repo.id.clone(), branches: BTreeMap::new(), commits: BTreeMap::new() },
            |entry| entry.as_ref().clone(),
        );
        entry.branches.insert(repo.branch.clone(), repo.clone());
        entry.commits.insert(repo.sha().to_string(), repo.clone());
        entries.insert(repo.id.clone(), Arc::new(entry));
    }

    pub fn get(&self, id: &str) -> Option<Arc<Entry>> {
        lock(&self.entries).get(id).cloned()
    }

    pub fn all(&self) -> Vec<Arc<Entry>> {
        lock(&self.entries).values().cloned().collect()
    }

    /// Gives the id that an old one, or one in other letters, leads to.
    pub fn moved(&self, id: &str) -> Option<String> {
        if let Some(new) = lock(&self.renamed).get(id) {
            return Some(new.clone());
        }
        lock(&self.entries).keys().find(|known| *known != id && known.eq_ignore_ascii_case(id)).cloned()
    }

    /// Gives the CDN's key of a file, and remembers it.
    pub fn key(&self, repo: &Arc<Repo>, path: &str) -> String {
        let key = sha256(&[repo.id.as_bytes(), repo.sha().as_bytes(), path.as_bytes()]);
        lock(&self.blobs).insert(key.clone(), Blob { repo: repo.clone(), path: path.into() });
        key
    }

    pub fn blob(&self, key: &str) -> Option<Blob> {
        lock(&self.blobs).get(key).cloned()
    }
}

pub fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
