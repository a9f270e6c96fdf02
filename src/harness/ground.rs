//! What a verdict rests on beside the port, the configs and the harness's own sources: the pinned versions, and the
//! modules of mlx-lm that ports share. A change there makes evidence stale as a change of the port does. Leaves out the
//! packages themselves: the lock pins them.

use std::path::{Path, PathBuf};

use super::data::{Ground, PortFile};
use super::embed;
use super::store::read_port;

/// Below `mlx_lm/`. Files that are absent are passed over; other ports that a port imports are found in its text.
const SHARED: [&str; 12] = [
    "models/activations.py",
    "models/base.py",
    "models/bitlinear_layers.py",
    "models/cache.py",
    "models/gated_delta.py",
    "models/mla.py",
    "models/pipeline.py",
    "models/rope_utils.py",
    "models/ssm.py",
    "models/switch_layers.py",
    "generate.py",
    "utils.py",
];

/// Reads what a port of this checkout rests on now.
pub fn look(checkout: &Path, port: Option<&[u8]>) -> Ground {
    let root = checkout.join("mlx_lm");
    let mut paths: Vec<PathBuf> = SHARED.iter().map(|name| root.join(name)).collect();
    for name in imported(port.unwrap_or_default()) {
        let path = root.join("models").join(format!("{name}.py"));
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    let shared = paths.iter().filter_map(|path| read_port(path).ok()).map(|(_, file)| file).collect();
    Ground { lock: Some(embed::lock_hash().to_string()), shared }
}

/// Says what has changed since; an old run that did not note it says nothing.
pub fn changed(ground: &Ground) -> Vec<String> {
    let other = |file: &&PortFile| read_port(&file.path).map_or(true, |(_, now)| now.sha256 != file.sha256);
    let mut reasons: Vec<String> = ground
        .shared
        .iter()
        .filter(other)
        .map(|file| format!("mlx-lm's {} has changed since", file.path.display()))
        .collect();
    if ground.lock.as_deref().is_some_and(|hash| hash != embed::lock_hash()) {
        reasons.push("the pinned versions (requirements.lock) have changed since".into());
    }
    reasons
}

/// The names in a port's `from .name import …` lines.
fn imported(port: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(port);
    let lines = text.lines().filter_map(|line| line.trim_start().strip_prefix("from ."));
    let names = lines.filter_map(|rest| rest.split_whitespace().next());
    let plain = |name: &&str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.is_empty();
    names.filter(plain).map(str::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::fs::write_atomic;

    #[test]
    fn a_shared_module_or_another_port_that_is_imported_is_noted_and_its_change_is_told() {
        let checkout = tempfile::tempdir().expect("a temporary folder");
        let models = checkout.path().join("mlx_lm/models");
        std::fs::create_dir_all(&models).expect("create");
        for name in ["base.py", "llama.py", "qwen3.py"] {
            write_atomic(&models.join(name), b"one").expect("write");
        }
        let port = b"from .base import BaseModelArgs\nfrom .llama import (\n    Model,\n)\nfrom . import x\n";
        let ground = look(checkout.path(), Some(port));
        let names: Vec<_> = ground.shared.iter().filter_map(|file| file.path.file_name()).collect();
        assert_eq!(names, ["base.py", "llama.py"]);
        assert_eq!(changed(&ground), Vec::<String>::new());
        write_atomic(&models.join("qwen3.py"), b"two").expect("write");
        assert_eq!(changed(&ground), Vec::<String>::new());
        write_atomic(&models.join("llama.py"), b"two").expect("write");
        assert!(matches!(changed(&ground).as_slice(), [reason] if reason.contains("llama.py has changed")));
    }

    #[test]
    fn other_pinned_versions_are_told_and_a_run_that_noted_nothing_says_nothing() {
        let ground = Ground { lock: Some("another".into()), shared: Vec::new() };
        assert_eq!(changed(&ground), ["the pinned versions (requirements.lock) have changed since"]);
        assert_eq!(changed(&Ground::default()), Vec::<String>::new());
    }
}
