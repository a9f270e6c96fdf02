//! Why a sandbox could not be made.

use std::path::PathBuf;

use nix::unistd::Pid;
use thiserror::Error;

use crate::util::blame::{Blame, Explain};

/// What stopped a process from restricting itself. The child is then not started at all.
#[derive(Debug, Error)]
pub enum SandboxError {
    #[error("this kernel has no Landlock, which keeps ports away from your files and keys")]
    NoLandlock,
    #[error("the sandbox cannot restrict files: {0}")]
    Files(String),
    #[error("the sandbox cannot restrict system calls: {0}")]
    Calls(String),
    #[error("the sandbox cannot set the limit on {what}: {source}")]
    Limit { what: &'static str, source: std::io::Error },
    #[error("the sandbox cannot give up root's privileges: {0}")]
    Privileges(std::io::Error),
    #[error("the sandbox cannot make a network of its own: {0}")]
    Network(std::io::Error),
    #[error("the sandbox may write {path}, which cannot be opened: {text}")]
    Folder { path: PathBuf, text: String },
    #[error("cannot start {program} inside the sandbox: {source}")]
    Start { program: PathBuf, source: std::io::Error },
    #[error("process {0}, which asked for this sandbox, is gone")]
    Orphan(Pid),
    #[error("there is no sandbox for this platform")]
    Platform,
}

impl Explain for SandboxError {
    fn blame(&self) -> Blame {
        match self {
            Self::Files(_) | Self::Calls(_) => Blame::Bug,
            _ => Blame::Environment,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoLandlock => Some(
                "use Linux 5.13 or newer with `landlock` among the kernel's lsm= modules; a container's seccomp profile \
                 may also hide it"
                    .into(),
            ),
            Self::Network(_) => Some("allow user namespaces, or run what needs no network".into()),
            _ => None,
        }
    }
}
