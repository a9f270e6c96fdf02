//! mlx-lm without git hosting: the pinned release's source archive from the package index, committed as a baseline.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::checkout::{Means, Places, add_remote, bare_copy, head, hookless, is_mlx_lm, settle};
use super::context::Context;
use super::data::{Baseline, Remote, StepId};
use super::error::PortError;
use super::uv::clear;
use crate::util::fs::{create_dir, write_atomic};

const STEP: StepId = StepId::Checkout;

/// What the archive has and upstream's repository has not: made by the build, kept out of the baseline.
const BUILT: [&str; 3] = ["PKG-INFO", "setup.cfg", "mlx_lm.egg-info"];

/// The archive comes without upstream's .gitignore.
const EXCLUDE: &str = "mlx_lm/_version.py\n*.egg-info/\n__pycache__/\n.pytest_cache/\n";

/// Downloads, verifies, unpacks and commits the release. `why` says why not git.
pub(super) async fn make(
    context: &Context,
    places: &Places,
    (means, why): (Means<'_>, Option<String>),
) -> Result<(Baseline, Remote), PortError> {
    let (version, requirement) = means
        .recipe
        .package("mlx-lm")
        .ok_or_else(|| PortError::Release("the lock does not name mlx-lm".into()))?;
    let archive = download(context, &means, &requirement).await?;
    clear(&places.partial)?;
    create_dir(&places.partial)?;
    let unpack = context.tool("tar").arg("-xzf").arg(&archive).args(["--strip-components", "1", "-C"]);
    context.run(STEP, unpack.arg(&places.partial)).await?;
    is_mlx_lm(&places.partial)
        .map_err(|_| PortError::Release("the archive holds no mlx_lm/models".into()))?;
    let commit = commit(context, &places.partial, &version).await?;
    if !places.upstream.exists() {
        bare_copy(context, &places.partial, &places.upstream).await?;
    }
    let url = format!("file://{}", places.upstream.display());
    let upstream = add_remote(context, &places.partial, ("upstream", url, true)).await?;
    context.run(STEP, context.git(&places.partial).args(["fetch", "--quiet", "upstream"])).await?;
    settle(places)?;
    Ok((Baseline::Release { version, commit, why }, upstream))
}

/// Downloads the source archive. pip does it, since uv cannot download without installing; pip checks the hash that
/// the lock holds and asks the archive's build backend for its name.
async fn download(context: &Context, means: &Means<'_>, requirement: &str) -> Result<PathBuf, PortError> {
    let folder = context.home().cache().join("mlx-lm-release");
    if let Some(found) = archive(&folder) {
        return Ok(found);
    }
    let partial = context.home().cache().join(".mlx-lm-release.partial");
    clear(&partial)?;
    let file = partial.join("requirement.txt");
    write_atomic(&file, requirement.as_bytes())?;
    let python = match means.uv {
        None => means.python.to_path_buf(),
        Some(uv) => {
            let venv = partial.join("pip");
            let seed = uv.command(context).args(["venv", "--seed", "--no-project", "--python"]);
            context.run(STEP, seed.arg(means.python).arg(&venv)).await?;
            venv.join("bin/python")
        }
    };
    let download = context
        .tool(python)
        .args(["-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check", "--no-deps"])
        .args(["--no-binary", "mlx-lm", "--require-hashes", "--dest"])
        .arg(partial.join("files"))
        .arg("-r")
        .arg(&file)
        .timeout(Duration::from_secs(600));
    context.run(STEP, download).await?;
    clear(&folder)?;
    super::uv::rename(&partial.join("files"), &folder)?;
    clear(&partial)?;
    archive(&folder).ok_or_else(|| PortError::Release("pip left no archive".into()))
}

fn archive(folder: &Path) -> Option<PathBuf> {
    let files = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    files.into_iter().find(|path| path.to_string_lossy().ends_with(".tar.gz"))
}

/// Commits the release on `main`, by a neutral author and at the release's own time: the same release gives the same
/// commit on every machine.
async fn commit(context: &Context, folder: &Path, version: &str) -> Result<String, PortError> {
    let date = modified(&folder.join("PKG-INFO"));
    for name in BUILT {
        let path = folder.join(name);
        let removed =
            if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        // An archive without it is as good.
        let _ = removed;
    }
    let git = || {
        let command = context.git(folder);
        let command = hookless(command).args(["-c", "core.autocrlf=false", "-c", "commit.gpgsign=false"]);
        let who = [("NAME", "mlxport baseline"), ("EMAIL", "baseline@mlxport.invalid"), ("DATE", &date)];
        who.iter().fold(command, |command, (key, value)| {
            command.env(format!("GIT_AUTHOR_{key}"), value).env(format!("GIT_COMMITTER_{key}"), value)
        })
    };
    context.run(STEP, git().args(["init", "--quiet", "-b", "main", "--template="])).await?;
    write_atomic(&folder.join(".git/info/exclude"), EXCLUDE.as_bytes())?;
    context.run(STEP, git().args(["add", "--all"])).await?;
    let message = format!("mlx-lm {version}, as released");
    context.run(STEP, git().args(["commit", "--quiet", "-m", &message])).await?;
    head(context, folder).await
}

fn modified(path: &Path) -> String {
    let since = std::fs::metadata(path)
        .and_then(|meta| meta.modified())
        .ok()
        .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    format!("{} +0000", since.map_or(0, |since| since.as_secs()))
}
