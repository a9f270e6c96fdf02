//! Formats Python text as upstream's pre-commit does: isort with black's profile, then black, both pinned by the lock.
//! The formatters parse and never import, so they need no sandbox; they get no keys all the same.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::data::Workspace;
use crate::util::blame::{Blame, Explain, Report};
use crate::util::process::{Command, ProcessError};

const LIMIT: Duration = Duration::from_secs(60);

/// Formats a text. The error names the line that does not parse.
pub async fn format(workspace: &Workspace, text: &str, cancel: &CancellationToken) -> Result<String, Report> {
    let sorted = run(workspace, "isort", &["--profile", "black", "--quiet"], (text, cancel)).await?;
    run(workspace, "black", &["--quiet"], (&sorted, cancel)).await
}

async fn run(
    workspace: &Workspace,
    tool: &str,
    flags: &[&str],
    (text, cancel): (&str, &CancellationToken),
) -> Result<String, Report> {
    // In the folder above all others no project's settings are found: the formatters' own defaults hold.
    let command = Command::new(&workspace.python)
        .args(["-I", "-m", tool])
        .args(flags)
        .arg("-")
        .cwd("/")
        .clear_env()
        .env("PATH", "/usr/bin:/bin")
        .env("LANG", "C.UTF-8")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(text)
        .timeout(LIMIT)
        .cancel(cancel.clone());
    match command.run().await {
        Ok(output) => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Err(error) => Err(told(tool, &error)),
    }
}

fn told(tool: &str, error: &ProcessError) -> Report {
    let said = error.detail().unwrap_or_default();
    let mut report = match error {
        ProcessError::Failed { .. } if said.contains("cannot format") || said.contains("Cannot parse") => {
            Report::new(Blame::Port, format!("{tool} cannot format the file: it does not parse"))
        }
        _ if said.contains("No module named") => {
            Report::new(Blame::Environment, format!("{tool} is not in the Python environment"))
                .hint("run `mlxport setup`, or install black and isort in your own environment")
        }
        _ => Report::from(error),
    };
    report.detail = Some(said);
    report
}
