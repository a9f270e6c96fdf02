//! What a Python environment consists of on disk: its own folder and the installation its interpreter comes from.

use std::path::{Path, PathBuf};

/// Gives the folders and files that an environment's interpreter needs to run.
pub fn folders(environment: &Path) -> Vec<PathBuf> {
    let mut found = vec![environment.to_path_buf()];
    let mut bins: Vec<PathBuf> = config_home(environment).into_iter().collect();
    if let Ok(real) = environment.join("bin/python").canonicalize() {
        bins.extend(real.parent().map(Path::to_path_buf));
    }
    for bin in bins {
        for path in installation(&bin) {
            if !found.contains(&path) {
                found.push(path);
            }
        }
    }
    found
}

/// Reads `home` of `pyvenv.cfg`: the folder of the interpreter that made the environment.
fn config_home(environment: &Path) -> Option<PathBuf> {
    let text = std::fs::read_to_string(environment.join("pyvenv.cfg")).ok()?;
    let home = text.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "home").then(|| value.trim().to_string())
    })?;
    Path::new(&home).canonicalize().ok()
}

/// Names the parts of an installation around its `bin`, never the prefix itself: that may be the person's home.
fn installation(bin: &Path) -> Vec<PathBuf> {
    let Some(prefix) = bin.parent() else { return Vec::new() };
    let mut parts = vec![bin.to_path_buf()];
    parts.extend(["lib", "lib64", "include", "Python", "Resources"].map(|name| prefix.join(name)));
    parts.retain(|path| path.exists());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_brings_its_installation_but_not_the_folder_around_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().canonicalize().expect("a real path");
        let (base, venv) = (root.join("person/base"), root.join("venv"));
        for path in [base.join("bin"), base.join("lib/python3.12"), venv.join("bin")] {
            std::fs::create_dir_all(path).expect("a folder");
        }
        crate::util::fs::write_atomic(&base.join("bin/python3.12"), b"").expect("an interpreter");
        std::os::unix::fs::symlink(base.join("bin/python3.12"), venv.join("bin/python")).expect("a link");
        let config = format!("home = {}\nversion = 3.12\n", base.join("bin").display());
        crate::util::fs::write_atomic(&venv.join("pyvenv.cfg"), config.as_bytes()).expect("a config");
        assert_eq!(folders(&venv), [venv.clone(), base.join("bin"), base.join("lib")]);
    }
}
