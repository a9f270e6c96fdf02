//! The person's acts on git: writing the index, committing, pushing. Each takes a [`PersonAct`] by value, so one key is
//! one act. Only `pr` may import this module (and `runtime`, for [`PersonAct`] alone); tests/arch.rs checks both. No
//! tool, no model and no replay can reach it.

mod commit;
mod index;
mod person;
mod push;

pub use commit::commit;
pub use index::{Change, Entry, Target, write};
pub use person::PersonAct;
pub use push::{Push, PushMode, PushPlan, Pushed, plan, push};

use std::time::Duration;

use super::Repo;
use crate::util::process::Command;

// Not for a hook or a remote to read; the first four point git elsewhere, the last makes gpg ask on our screen.
const REMOVED: [&str; 9] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "MLXPORT_API_KEY",
    "OPENAI_API_KEY",
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "GPG_TTY",
];

/// The git binary in the checkout, unable to ask questions on the terminal.
fn git(repo: &Repo) -> Command {
    let command = Command::new("git")
        .cwd(repo.root())
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_EDITOR", "true")
        .env("LC_ALL", "C")
        .timeout(Duration::from_secs(120));
    REMOVED.iter().fold(command, |command, key| command.env_remove(key))
}
