//! uv: the person's, else ours, else installed from the package index into our own folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::context::Context;
use super::data::StepId;
use super::error::PortError;
use super::step::Told;
use crate::util::blame::Explain;
use crate::util::fs::create_dir;
use crate::util::process::{Command, ProcessError};

/// Pinned: what an older or newer uv does with the lock was not tried.
const PIN: &str = "uv==0.13.9";

/// A uv that runs.
#[derive(Clone, Debug)]
pub(super) struct Uv {
    pub path: PathBuf,
    pub version: String,
}

impl Uv {
    /// Starts a command of this uv, which keeps its downloads in our cache unless the person named one.
    pub fn command(&self, context: &Context) -> Command {
        let command = context.tool(&self.path).env("UV_NO_PROGRESS", "1").env("NO_COLOR", "1");
        match context.settings.tool_var("UV_CACHE_DIR") {
            Some(_) => command,
            None => command.env("UV_CACHE_DIR", cache(context)),
        }
    }
}

/// Gives the folder of uv's downloads.
pub(super) fn cache(context: &Context) -> PathBuf {
    match context.settings.tool_var("UV_CACHE_DIR") {
        Some(folder) => folder.into(),
        None => context.home().cache().join("uv"),
    }
}

/// Finds uv, or installs it.
pub(super) async fn find_or_install(context: &Context) -> Result<(Uv, Told), PortError> {
    if let Some(uv) = find(context).await {
        let told = Told::skipped(format!("uv {} at {}", uv.version, uv.path.display()));
        return Ok((uv, told));
    }
    install(context).await?;
    let path = ours(context);
    match version(context, &path).await {
        Some(version) => {
            Ok((Uv { path, version: version.clone() }, Told::done(format!("installed uv {version}"))))
        }
        None => {
            Err(PortError::NoUv { why: "the installed program does not run".into(), detail: String::new() })
        }
    }
}

/// Finds a uv that runs: on PATH, else the one we installed.
pub(super) async fn find(context: &Context) -> Option<Uv> {
    for path in context.which("uv").into_iter().chain([ours(context)]) {
        if let Some(version) = version(context, &path).await {
            return Some(Uv { path, version });
        }
    }
    None
}

fn ours(context: &Context) -> PathBuf {
    context.home().env().join("uv/bin/uv")
}

async fn version(context: &Context, path: &Path) -> Option<String> {
    if !path.exists() {
        return None;
    }
    let output = context.tool(path).arg("--version").timeout(Duration::from_secs(20)).run().await.ok()?;
    output.text().split_whitespace().nth(1).map(str::to_string)
}

/// Installs beside and renames, so that a half-installed uv is never found.
async fn install(context: &Context) -> Result<(), PortError> {
    let python = ["python3", "python"].into_iter().find_map(|name| context.which(name)).ok_or_else(|| {
        let detail = "neither uv nor python3 is on PATH".to_string();
        PortError::NoPython { detail }
    })?;
    let env = context.home().env();
    let (partial, place, venv) = (env.join(".uv.partial"), env.join("uv"), env.join(".uv.venv"));
    clear(&partial)?;
    create_dir(&env)?;
    context.line(StepId::Uv, &format!("installing {PIN} with {}", python.display()));
    let direct = pip(context, &python, &partial).await;
    if let Err(ProcessError::Cancelled { .. }) = direct {
        return Err(PortError::Cancelled);
    }
    if let Err(first) = direct {
        // A system Python often comes without pip but with venv, which brings its own.
        clear(&partial)?;
        clear(&venv)?;
        let made = context.tool(&python).args(["-m", "venv"]).arg(&venv).run().await;
        let second = match made {
            Ok(_) => pip(context, &venv.join("bin/python"), &partial).await.map(|_| ()),
            Err(error) => Err(error),
        };
        if let Err(second) = second {
            let detail =
                [first.detail(), second.detail()].into_iter().flatten().collect::<Vec<_>>().join("\n");
            return Err(PortError::NoUv { why: format!("{first}; {second}"), detail });
        }
        clear(&venv)?;
    }
    clear(&place)?;
    rename(&partial, &place)
}

async fn pip(context: &Context, python: &Path, target: &Path) -> Result<(), ProcessError> {
    let command = context
        .tool(python)
        .args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--target"])
        .arg(target)
        .arg(PIN)
        .timeout(Duration::from_secs(600));
    command.run_with(|line| context.line(StepId::Uv, line)).await.map(|_| ())
}

/// Removes a folder of ours, if it is there.
pub(super) fn clear(folder: &Path) -> Result<(), PortError> {
    match std::fs::remove_dir_all(folder) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(crate::util::fs::FsError::Write { path: folder.to_path_buf(), source }.into())
        }
        _ => Ok(()),
    }
}

/// Renames a finished folder into its place.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), PortError> {
    std::fs::rename(from, to)
        .map_err(|source| crate::util::fs::FsError::Write { path: to.to_path_buf(), source }.into())
}
