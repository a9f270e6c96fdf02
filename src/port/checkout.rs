//! The checkout of mlx-lm: cloned from a URL, a worktree of the person's clone, or the release committed as a
//! baseline. Built beside and renamed, so that a half-made checkout is never found.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::context::Context;
use super::data::{Baseline, Remote, Remotes, StepId};
use super::error::PortError;
use super::lock::Recipe;
use super::release;
use super::step::Told;
use super::uv::{Uv, clear, rename};
use crate::config::MlxLmSource;
use crate::util::fs::{create_dir, read_text, write_atomic};
use crate::util::process::{Command, ProcessError};

/// How long git may take to say that a repository is there.
const REACH: Duration = Duration::from_secs(30);

/// A checkout and where it came from. Kept beside it, so that a rerun knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checkout {
    pub path: PathBuf,
    pub baseline: Baseline,
    pub remotes: Remotes,
}

/// The folders of the checkout and of its local remotes.
pub(super) struct Places {
    pub checkout: PathBuf,
    pub partial: PathBuf,
    pub upstream: PathBuf,
    pub fork: PathBuf,
    record: PathBuf,
}

impl Places {
    pub fn of(context: &Context) -> Self {
        let base = context.home().checkouts();
        Self {
            checkout: base.join("mlx-lm"),
            partial: base.join(".mlx-lm.partial"),
            upstream: base.join("upstream.git"),
            fork: base.join("fork.git"),
            record: base.join("mlx-lm.json"),
        }
    }
}

/// What making a checkout needs besides the context.
pub(super) struct Means<'a> {
    pub recipe: &'a Recipe,
    pub uv: Option<&'a Uv>,
    pub python: &'a Path,
}

/// Gives the checkout, made now or found.
pub(super) async fn make(context: &Context, means: Means<'_>) -> Result<(Checkout, Told), PortError> {
    let places = Places::of(context);
    if let Some(found) = recorded(&places) {
        let told = Told::skipped(found.baseline.to_string());
        return Ok((found, told));
    }
    create_dir(&context.home().checkouts())?;
    let (baseline, upstream) = match context.settings.mlx_lm.value.clone() {
        MlxLmSource::Git(url) => match clone(context, &places, &url).await {
            Ok(baseline) => (baseline, Remote { name: "upstream".into(), url, local: false }),
            Err(PortError::Cancelled) => return Err(PortError::Cancelled),
            Err(error) => {
                let why = format!("{url} could not be cloned ({})", last_words(&error));
                context.line(StepId::Checkout, &format!("{why}; using the release from the package index"));
                release::make(context, &places, (means, Some(why))).await?
            }
        },
        MlxLmSource::Local(path) => worktree(context, &places, &path).await?,
        MlxLmSource::Pypi => release::make(context, &places, (means, None)).await?,
    };
    let fork = add_fork(context, &places).await?;
    let checkout = Checkout { path: places.checkout.clone(), baseline, remotes: Remotes { upstream, fork } };
    let text =
        serde_json::to_vec_pretty(&checkout).map_err(|error| PortError::Internal(error.to_string()))?;
    write_atomic(&places.record, &text)?;
    let note = checkout.baseline.to_string();
    Ok((checkout, Told::done(note)))
}

fn recorded(places: &Places) -> Option<Checkout> {
    let checkout: Checkout = serde_json::from_str(&read_text(&places.record).ok()?).ok()?;
    checkout.path.join("mlx_lm").is_dir().then_some(checkout)
}

/// Gives what the command said last, for one line of the screen.
fn last_words(error: &PortError) -> String {
    match error {
        PortError::Step { source: ProcessError::Failed { tail, status, .. }, .. } => {
            let last = tail.lines().rfind(|line| !line.trim().is_empty()).unwrap_or(status).trim();
            // git repeats the URL, which is named already.
            last.rsplit_once("': ").map_or(last, |(_, reason)| reason).to_string()
        }
        PortError::Step { source: ProcessError::Timeout { limit, .. }, .. } => {
            format!("no answer within {} s", limit.as_secs())
        }
        error => error.to_string(),
    }
}

async fn clone(context: &Context, places: &Places, url: &str) -> Result<Baseline, PortError> {
    // Asked first, since a host that never answers would hold the clone for its whole time.
    let reach =
        context.git(&context.home().checkouts()).args(["ls-remote", "--quiet", url, "HEAD"]).timeout(REACH);
    context.run(StepId::Checkout, reach).await?;
    clear(&places.partial)?;
    let command = context
        .git(&context.home().checkouts())
        .args(["clone", "--progress", "--origin", "upstream", "--", url])
        .arg(&places.partial);
    context.run(StepId::Checkout, command).await?;
    is_mlx_lm(&places.partial)?;
    let commit = head(context, &places.partial).await?;
    settle(places)?;
    Ok(Baseline::Git { url: url.to_string(), commit })
}

/// Moves the finished checkout into its place. What stands there has no record, so nobody has worked in it.
pub(super) fn settle(places: &Places) -> Result<(), PortError> {
    clear(&places.checkout)?;
    rename(&places.partial, &places.checkout)
}

pub(super) fn is_mlx_lm(path: &Path) -> Result<(), PortError> {
    match path.join("mlx_lm/models").is_dir() {
        true => Ok(()),
        false => Err(PortError::NotAClone {
            path: path.to_path_buf(),
            why: "it has no mlx_lm/models folder".into(),
        }),
    }
}

/// Makes a worktree of the person's clone: their HEAD, index and files stay as they are. A worktree shares branches
/// and remotes with its clone, so the remotes that are there are used and only missing ones are added.
async fn worktree(context: &Context, places: &Places, clone: &Path) -> Result<(Baseline, Remote), PortError> {
    let why = |why: &str| PortError::NotAClone { path: clone.to_path_buf(), why: why.into() };
    is_mlx_lm(clone)?;
    let git = |args: &[&str]| context.git(clone).args(args);
    if git(&["rev-parse", "--git-dir"]).run().await.is_err() {
        return Err(why("git knows no repository there"));
    }
    let bare_name = ["upstream/main", "origin/main", "main", "HEAD"];
    let mut commit = None;
    for name in bare_name {
        let found = git(&["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")]).run().await;
        if let Ok(found) = found {
            commit = Some(found.text());
            break;
        }
    }
    let commit = commit.ok_or_else(|| why("it has no commit"))?;
    // A leftover of an interrupted run is still registered in the clone.
    clear(&places.checkout)?;
    context.run(StepId::Checkout, git(&["worktree", "prune"])).await?;
    let add = git(&["worktree", "add", "--detach"]).arg(&places.checkout).arg(&commit);
    context.run(StepId::Checkout, add).await?;
    let upstream =
        match (remote_url(context, clone, "upstream").await, remote_url(context, clone, "origin").await) {
            (Some(url), _) => Remote { name: "upstream".into(), url, local: false },
            (None, Some(url)) => add_remote(context, &places.checkout, ("upstream", url, false)).await?,
            (None, None) => {
                let url = format!("file://{}", clone.display());
                add_remote(context, &places.checkout, ("upstream", url, true)).await?
            }
        };
    Ok((Baseline::Local { path: clone.to_path_buf(), commit }, upstream))
}

/// Adds the remote `fork`: the person's, or a bare repository of ours.
async fn add_fork(context: &Context, places: &Places) -> Result<Remote, PortError> {
    if let Some(url) = remote_url(context, &places.checkout, "fork").await {
        let local = url.starts_with("file://");
        return Ok(Remote { name: "fork".into(), url, local });
    }
    if let Some(url) = &context.settings.fork.value {
        return add_remote(context, &places.checkout, ("fork", url.clone(), false)).await;
    }
    if !places.fork.exists() {
        bare_copy(context, &places.checkout, &places.fork).await?;
    }
    let url = format!("file://{}", places.fork.display());
    add_remote(context, &places.checkout, ("fork", url, true)).await
}

/// Makes a bare repository with the checkout's main branch.
pub(super) async fn bare_copy(context: &Context, from: &Path, to: &Path) -> Result<(), PortError> {
    let partial = to.with_extension("partial");
    clear(&partial)?;
    let init = context
        .git(&context.home().checkouts())
        .args(["init", "--quiet", "--bare", "-b", "main"])
        .arg(&partial);
    context.run(StepId::Checkout, init).await?;
    // HEAD and not main: a worktree is detached, and the person's clone may name its branch otherwise.
    let push = hookless(context.git(from))
        .args(["push", "--quiet", "--no-verify"])
        .arg(&partial)
        .arg("HEAD:refs/heads/main");
    context.run(StepId::Checkout, push).await?;
    rename(&partial, to)
}

/// Keeps the person's hooks out of what setup does by itself.
pub(super) fn hookless(command: Command) -> Command {
    command.args(["-c", "core.hooksPath=/dev/null"])
}

pub(super) async fn add_remote(
    context: &Context,
    checkout: &Path,
    (name, url, local): (&str, String, bool),
) -> Result<Remote, PortError> {
    let has = remote_url(context, checkout, name).await.is_some();
    let verb: &[&str] = if has { &["remote", "set-url"] } else { &["remote", "add"] };
    context.run(StepId::Checkout, context.git(checkout).args(verb).args([name, &url])).await?;
    Ok(Remote { name: name.into(), url, local })
}

async fn remote_url(context: &Context, folder: &Path, name: &str) -> Option<String> {
    let output = context.git(folder).args(["remote", "get-url", name]).run().await.ok()?;
    Some(output.text()).filter(|url| !url.is_empty())
}

pub(super) async fn head(context: &Context, folder: &Path) -> Result<String, PortError> {
    let output = context.run(StepId::Checkout, context.git(folder).args(["rev-parse", "HEAD"])).await?;
    Ok(output.text())
}
