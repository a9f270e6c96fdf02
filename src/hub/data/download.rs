//! Downloads as data: what is planned, how it goes, what is there at the end.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::remote::{RepoFile, Wait};
use super::repo::RepoId;
use crate::util::text::{bytes, one_line};

/// What to download.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DownloadRequest {
    pub repo: RepoId,
    /// A branch, tag or commit; `None` is the default branch.
    pub revision: Option<String>,
    /// Where the files go; `None` is the Hub cache.
    pub local_dir: Option<PathBuf>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum DownloadEvent {
    /// Known before the first byte.
    Planned {
        plan: DownloadPlan,
    },
    /// Several times a second at most.
    Progress {
        done: u64,
        total: u64,
        rate: u64,
        seconds_left: Option<u64>,
        files_done: usize,
        files: usize,
    },
    /// A file is there and its hash is right.
    Verified {
        path: String,
        bytes: u64,
    },
    /// A file is there from before.
    Kept {
        path: String,
        bytes: u64,
    },
    /// A file's beginning is there from before.
    Resumed {
        path: String,
        from: u64,
    },
    /// What came was not what the Hub promised; it is fetched once more.
    Damaged {
        path: String,
        why: String,
    },
    /// Another process downloads the same file.
    Locked {
        path: String,
    },
    Waiting {
        wait: Wait,
    },
}

impl DownloadEvent {
    /// Writes it as labelled lines; names are untrusted.
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Planned { plan } => plan.lines(),
            Self::Progress { done, total, rate, seconds_left, files_done, files } => {
                let rest = seconds_left.map_or(String::new(), |seconds| format!(", about {seconds} s left"));
                vec![format!(
                    "[bytes] {} of {}, {}/s{rest}, {files_done} of {files} files",
                    bytes(*done),
                    bytes(*total),
                    bytes(*rate)
                )]
            }
            Self::Verified { path, bytes: size } => {
                vec![format!("[done] {}, {}, hash verified", one_line(path), bytes(*size))]
            }
            Self::Kept { path, .. } => vec![format!("[have] {}", one_line(path))],
            Self::Resumed { path, from } => {
                vec![format!("[resume] {} from {}", one_line(path), bytes(*from))]
            }
            Self::Damaged { path, why } => {
                vec![format!("[damaged] {}: {}; once more", one_line(path), one_line(why))]
            }
            Self::Locked { path } => vec![format!("[wait] another process fetches {}", one_line(path))],
            Self::Waiting { wait } => vec![wait.line()],
        }
    }
}

/// What a download will do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DownloadPlan {
    pub repo: RepoId,
    /// The commit.
    pub sha: String,
    pub files: Vec<RepoFile>,
    /// Files of the repository that are not fetched, with the reason.
    pub left_out: Vec<(String, String)>,
    /// Bytes of all files.
    pub total: u64,
    /// Bytes that are there already.
    pub have: u64,
    /// Bytes free on the disk.
    pub free: Option<u64>,
    /// Bytes of memory of this machine, 0 where unknown, and what the weights take.
    pub ram: u64,
    pub weights: u64,
    /// Where the files will be.
    pub folder: PathBuf,
}

impl DownloadPlan {
    /// Writes it as labelled lines; names are untrusted.
    pub fn lines(&self) -> Vec<String> {
        let free = self.free.map_or(String::new(), |free| format!("; {} free", bytes(free)));
        let mut lines = vec![
            format!(
                "[plan] {} at {}, {} files, {}",
                self.repo,
                self.sha.get(..9).unwrap_or(&self.sha),
                self.files.len(),
                bytes(self.total)
            ),
            format!("[plan] {} there already{free}; into {}", bytes(self.have), self.folder.display()),
        ];
        lines.extend(self.left_out.iter().map(|(path, why)| format!("[skip] {}: {why}", one_line(path))));
        lines.extend(self.warning().map(|warning| format!("[note] {warning}")));
        lines
    }

    /// Says what the person should know before the start, if anything.
    pub fn warning(&self) -> Option<String> {
        (self.ram > 0 && self.weights > self.ram).then(|| {
            format!(
                "the weights take {} and this machine has {} of memory: they can be checked layer by layer or quantized, not loaded whole",
                bytes(self.weights),
                bytes(self.ram)
            )
        })
    }
}

/// What is there at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Downloaded {
    pub repo: RepoId,
    pub sha: String,
    /// The checkpoint folder.
    pub folder: PathBuf,
    pub files: usize,
    /// Bytes of all files.
    pub total: u64,
    /// Bytes that went over the wire.
    pub moved: u64,
}
