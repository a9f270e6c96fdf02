//! Reading a folder without one thing in it. Landlock only allows: what is around the hidden path is allowed piece by
//! piece, and the folders that lead to it may be listed.

use std::path::{Path, PathBuf};

/// What may be read, and what may only be listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Around {
    pub read: Vec<PathBuf>,
    pub list: Vec<PathBuf>,
}

/// Splits readable paths around hidden ones. Links count as what they lead to.
pub fn around(read: &[PathBuf], hidden: &[PathBuf]) -> Around {
    let real = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
    let hidden: Vec<PathBuf> = hidden.iter().map(real).collect();
    let mut found = Around::default();
    for path in read {
        take(path, &hidden, &mut found);
    }
    found
}

fn take(path: &Path, hidden: &[PathBuf], found: &mut Around) {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    if hidden.iter().any(|hidden| real.starts_with(hidden)) {
        return;
    }
    if !hidden.iter().any(|hidden| hidden.starts_with(&real)) {
        return found.read.push(path.to_path_buf());
    }
    if found.list.contains(&real) {
        return;
    }
    found.list.push(real.clone());
    let Ok(entries) = std::fs::read_dir(&real) else { return };
    let mut entries: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    entries.iter().for_each(|entry| take(entry, hidden, found));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_around_stays_and_links_to_the_hidden_thing_go() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().canonicalize().expect("a real path");
        for path in ["env/bin", "env/lib/site/mlx_lm/models", "env/lib/site/torch", "other"] {
            std::fs::create_dir_all(root.join(path)).expect("a folder");
        }
        std::os::unix::fs::symlink("lib", root.join("env/lib64")).expect("a link");
        std::os::unix::fs::symlink("site/mlx_lm", root.join("env/lib/same")).expect("a link");
        let hidden = root.join("env/lib/site/mlx_lm");
        let split = around(&[root.join("env"), root.join("other")], std::slice::from_ref(&hidden));
        let at = |names: &[&str]| names.iter().map(|name| root.join(name)).collect::<Vec<_>>();
        assert_eq!(split.read, at(&["env/bin", "env/lib/site/torch", "other"]));
        assert_eq!(split.list, at(&["env", "env/lib", "env/lib/site"]));
        assert_eq!(around(&[root.join("env")], &[]).read, at(&["env"]));
    }
}
