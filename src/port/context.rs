//! What every step of setup shares: the settings, where events go, and how its commands are started: with a stated
//! environment that holds no keys, cancelled with the setup, their lines passed on.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::data::{SetupEvent, StepId};
use super::error::PortError;
use crate::config::{Home, Settings};
use crate::util::process::{Command, Output};
use crate::util::sink::Sink;

/// The surroundings of a running setup.
#[derive(Clone)]
pub(super) struct Context {
    pub settings: Settings,
    pub sink: Sink<SetupEvent>,
    pub cancel: CancellationToken,
}

impl Context {
    pub fn home(&self) -> &Home {
        &self.settings.home.value
    }

    /// Starts a trusted tool's command: nothing of the environment that may be a key.
    pub fn tool(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let command = tool(&self.settings, program);
        command.cancel(self.cancel.clone())
    }

    /// Runs a command of a step, each line of its stderr becoming an event.
    pub async fn run(&self, step: StepId, command: Command) -> Result<Output, PortError> {
        command.run_with(|line| self.line(step, line)).await.map_err(PortError::step(step))
    }

    pub fn line(&self, step: StepId, text: &str) {
        // git rewrites its progress line with carriage returns; the last state is what a log wants.
        let last = text.rsplit('\r').find(|part| !part.trim().is_empty()).unwrap_or("");
        if !last.is_empty() {
            (self.sink)(SetupEvent::Line { step, text: last.to_string() });
        }
    }

    /// Finds a program in the folders of PATH.
    pub fn which(&self, name: &str) -> Option<PathBuf> {
        which(&self.settings, name)
    }

    pub fn git(&self, folder: &Path) -> Command {
        git(&self.settings, folder).cancel(self.cancel.clone())
    }
}

fn tool(settings: &Settings, program: impl AsRef<std::ffi::OsStr>) -> Command {
    settings.tool_env.iter().fold(Command::new(program).clear_env(), |command, (k, v)| command.env(k, v))
}

/// Starts git in a folder: never asks for a login, speaks English, ignores a repository named by the environment.
pub(super) fn git(settings: &Settings, folder: &Path) -> Command {
    let program = which(settings, "git").unwrap_or_else(|| "git".into());
    tool(settings, program)
        .arg("-C")
        .arg(folder)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_ASKPASS", "")
        .env("SSH_ASKPASS", "")
        .env("GCM_INTERACTIVE", "never")
        .env("GIT_SSH_COMMAND", settings.tool_var("GIT_SSH_COMMAND").unwrap_or("ssh -o BatchMode=yes"))
        .env("LC_ALL", "C")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .timeout(Duration::from_secs(20 * 60))
}

/// Finds a program in the folders of PATH.
pub(super) fn which(settings: &Settings, name: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let runs = |path: &PathBuf| {
        std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(settings.tool_var("PATH")?).map(|folder| folder.join(name)).find(runs)
}
