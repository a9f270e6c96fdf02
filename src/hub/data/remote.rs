//! What a Hub says of a repository, and what a person is told while waiting, as plain data.

use serde::{Deserialize, Serialize};

use super::repo::RepoId;
use crate::util::text::one_line;

/// What a Hub knows of a model repository at one commit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RepoInfo {
    /// As the Hub spells it; another than asked for where the repository was renamed.
    pub id: Option<RepoId>,
    /// The commit.
    pub sha: String,
    pub private: bool,
    pub gated: Gate,
    pub disabled: bool,
    pub author: Option<String>,
    pub downloads: Option<u64>,
    pub likes: Option<u64>,
    /// RFC 3339.
    pub created: Option<String>,
    /// RFC 3339.
    pub modified: Option<String>,
    pub library: Option<String>,
    /// `text-generation`, …
    pub task: Option<String>,
    pub tags: Vec<String>,
    /// The repositories that the card names as its base models.
    pub base_models: Vec<String>,
    /// What the Hub keeps of config.json.
    pub model_type: Option<String>,
    pub architectures: Vec<String>,
    /// The `quant_method` of config.json's quantization_config, where the Hub keeps it.
    pub quant_method: Option<String>,
    /// Parameters by dtype, as the Hub counted them from the safetensors headers.
    pub parameters: Vec<(String, u64)>,
    /// Empty in listings.
    pub files: Vec<RepoFile>,
}

/// Whether a repository asks for something before it gives files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    #[default]
    Open,
    /// Accept the conditions on the page.
    Auto,
    /// The owner looks at each request.
    Manual,
}

/// One file of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepoFile {
    /// From the repository's root, `/` between folders.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// The git object's SHA-1: of the file itself, or of the pointer for large files.
    pub oid: String,
    /// The content's SHA-256, for large files.
    pub sha256: Option<String>,
}

impl RepoFile {
    /// Gives the name of the file's blob in the Hub cache: what the Hub sends as its ETag.
    pub fn etag(&self) -> &str {
        self.sha256.as_deref().unwrap_or(&self.oid)
    }
}

/// A file of a repository at a commit or revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileAt {
    pub repo: RepoId,
    pub revision: String,
    pub path: String,
}

/// Something takes longer than it should; told before each pause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wait {
    /// What is being fetched.
    pub what: String,
    /// Why it did not come.
    pub why: String,
    /// The attempt that follows the pause, from 2.
    pub attempt: u32,
    pub of: u32,
    /// Seconds until then.
    pub seconds: f64,
}

impl Wait {
    /// Writes it as a labelled line.
    pub fn line(&self) -> String {
        let (why, what) = (one_line(&self.why), one_line(&self.what));
        format!(
            "[wait] {why}; {what} again in {:.1} s, attempt {} of {}",
            self.seconds, self.attempt, self.of
        )
    }
}

/// What went over the wire so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    pub requests: u64,
    /// Bytes of bodies.
    pub bytes: u64,
}
