//! `/tree`, `/paths-info` and `/refs` of a repository.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::Shared;
use super::body::Answer;
use super::file::{File, sha256};
use super::list::page;
use super::repo::Repo;
use super::route::Query;
use super::store::Entry;

/// The Hub's own page lengths.
const PAGE: usize = 1000;
const EXPANDED_PAGE: usize = 50;

enum Node<'a> {
    Folder,
    File(&'a File),
}

pub fn tree(
    shared: &Shared,
    path: &str,
    query: &Query,
    repo: &Arc<Repo>,
    revision: &str,
    inside: &str,
) -> Answer {
    let files = repo.files();
    let prefix = if inside.is_empty() { String::new() } else { format!("{inside}/") };
    let mut nodes = BTreeMap::new();
    for (name, file) in files.iter().filter_map(|(path, file)| Some((path.strip_prefix(&prefix)?, *file))) {
        let parts = name.split('/').collect::<Vec<_>>();
        let depth = if query.yes("recursive") { parts.len() } else { 1 };
        for length in 1..=depth.min(parts.len()) {
            let node = if length == parts.len() { Node::File(file) } else { Node::Folder };
            nodes.insert(format!("{prefix}{}", parts[..length].join("/")), node);
        }
    }
    if nodes.is_empty() && !inside.is_empty() {
        let message = format!("{inside} does not exist on \"{revision}\"");
        return Answer::refusal(404, Some("EntryNotFound"), &message).with("x-repo-commit", repo.sha());
    }
    let expand = query.yes("expand");
    let nodes = nodes.into_iter().collect::<Vec<_>>();
    let own = if expand { EXPANDED_PAGE } else { PAGE };
    let limit = query.one("limit").and_then(|limit| limit.parse().ok()).unwrap_or(own).min(own);
    page(shared, path, query, &nodes, limit, |(path, node)| show(repo, path, node, expand))
}

/// Answers for the paths that exist; the others are left out, as the Hub does.
pub fn paths(repo: &Arc<Repo>, asked: &[String]) -> Answer {
    let files = repo.files();
    let found = asked.iter().filter_map(|path| {
        if let Some(file) = files.get(path.as_str()) {
            return Some(show(repo, path, &Node::File(file), false));
        }
        let folder = files
            .keys()
            .any(|file| file.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with('/')));
        folder.then(|| show(repo, path, &Node::Folder, false))
    });
    Answer::json(&found.collect::<Vec<_>>().into())
}

fn show(repo: &Repo, path: &str, node: &Node<'_>, expand: bool) -> Value {
    let mut out = match node {
        Node::Folder => {
            let oid = &sha256(&[repo.sha().as_bytes(), path.as_bytes()])[..40];
            json!({"type": "directory", "oid": oid, "size": 0, "path": path})
        }
        Node::File(file) => {
            let mut out = json!({"type": "file", "oid": file.oid(), "size": file.size(), "path": path});
            if file.lfs {
                out["lfs"] =
                    json!({"oid": file.sha256(), "size": file.size(), "pointerSize": file.pointer().len()});
            }
            out
        }
    };
    if expand {
        out["lastCommit"] = json!({"id": repo.sha(), "title": "Upload", "date": repo.card.modified});
        if matches!(node, Node::File(_)) {
            out["securityFileStatus"] = json!({"status": "safe", "avScan": null, "pickleImportScan": null});
        }
    }
    out
}

pub fn refs(entry: &Entry, query: &Query) -> Answer {
    let (mut branches, mut converts, mut pulls) = (Vec::new(), Vec::new(), Vec::new());
    for (name, repo) in &entry.branches {
        let list = match name.as_str() {
            name if name.starts_with("refs/pr/") => &mut pulls,
            name if name.starts_with("refs/convert/") => &mut converts,
            _ => &mut branches,
        };
        let short = name.trim_start_matches("refs/convert/").trim_start_matches("refs/pr/");
        let full = if name.starts_with("refs/") { name.clone() } else { format!("refs/heads/{name}") };
        list.push(json!({"name": short, "ref": full, "targetCommit": repo.sha()}));
    }
    let mut out = json!({"tags": [], "branches": branches, "converts": converts});
    if query.one("include_prs").is_some() {
        out["pullRequests"] = pulls.into();
    }
    Answer::json(&out)
}
