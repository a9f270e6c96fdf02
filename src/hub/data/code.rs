//! A repository's own code as data: what there is to read before a yes.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The Python that a checkpoint brings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteCode {
    /// Where it is to be read.
    pub folder: PathBuf,
    /// The repository and commit it came from; the folder's path where it is local.
    pub source: String,
    /// What config.json's `auto_map` would have run: `AutoModelForCausalLM` → `modeling_x.XForCausalLM`.
    pub auto_map: Vec<(String, String)>,
    pub files: Vec<CodeFile>,
    /// One SHA-256 over config.json and every Python file, names included: what a yes is said to.
    pub digest: String,
    /// When a person accepted this very code, RFC 3339.
    pub accepted: Option<String>,
}

/// One file of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeFile {
    /// From the folder, `/` between folders.
    pub path: String,
    pub lines: usize,
    pub bytes: u64,
    pub sha256: String,
    /// What a reader should look at: imports of processes, sockets, files; `eval`, `exec`; each with its line.
    pub looks: Vec<(u32, String)>,
}
