//! What `mlxport doctor` looks at: nothing is changed, nothing is installed.

use std::time::Duration;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::branch::identity;
use super::context::Context;
use super::data::{Machine, Workspace};
use super::lock::Recipe;
use super::{python, uv};
use crate::config::{Row, Settings};
use crate::util::sink::discard;
use crate::util::text::bytes;

/// How one thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Ok,
    /// Works, but the person should know.
    Note,
    /// The main job cannot be done like this.
    Bad,
}

/// One thing that doctor looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub name: &'static str,
    pub standing: Standing,
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Finding {
    /// Makes a finding.
    pub fn new(name: &'static str, standing: Standing, text: impl Into<String>) -> Self {
        Self { name, standing, text: text.into(), hint: None }
    }

    /// Adds what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Everything that doctor says.
#[derive(Clone, Debug, Serialize)]
pub struct Diagnosis {
    pub schema: u32,
    pub mlxport: &'static str,
    pub machine: Machine,
    pub findings: Vec<Finding>,
    pub workspace: Option<Workspace>,
    pub settings: Vec<Row>,
}

impl Diagnosis {
    /// Says whether the main job can be done.
    pub fn healthy(&self) -> bool {
        self.findings.iter().all(|finding| finding.standing != Standing::Bad)
    }
}

/// Looks at the machine, the data folder and the workspace.
pub async fn diagnose(settings: &Settings) -> Diagnosis {
    let context = Context { settings: settings.clone(), sink: discard(), cancel: CancellationToken::new() };
    let workspace = Workspace::open(context.home());
    let (machine, git, python, uv, who) = tokio::join!(
        Machine::here(),
        git(&context),
        system_python(&context),
        find_uv(&context),
        person(&context)
    );
    let mut findings = vec![folder(&context), disk(&context), git, who, python, uv];
    findings.push(environment(&context));
    findings.extend(work(workspace.as_ref()));
    findings.extend(
        settings
            .warnings
            .iter()
            .map(|warning| Finding::new("config.toml", Standing::Note, warning.to_string())),
    );
    Diagnosis {
        schema: 1,
        mlxport: env!("CARGO_PKG_VERSION"),
        machine,
        findings,
        workspace,
        settings: settings.rows(),
    }
}

fn folder(context: &Context) -> Finding {
    let root = context.home().root();
    let text = root.display().to_string();
    // The nearest folder that exists decides whether ours can be made.
    let Some(there) = root.ancestors().find(|path| path.exists()) else {
        return Finding::new("data folder", Standing::Bad, format!("{text} cannot be made"));
    };
    match tempfile::Builder::new().prefix(".mlxport-").tempfile_in(there) {
        Ok(_) => Finding::new("data folder", Standing::Ok, text),
        Err(error) => Finding::new("data folder", Standing::Bad, format!("{text} is not writable: {error}"))
            .hint("make the folder writable, or choose another with --home DIR"),
    }
}

fn disk(context: &Context) -> Finding {
    let there = context.home().root().ancestors().find(|path| path.exists());
    match there.and_then(crate::util::fs::free) {
        Some(free) => Finding::new("disk", Standing::Ok, format!("{} free", bytes(free))),
        None => Finding::new("disk", Standing::Note, "free space is unknown"),
    }
}

async fn git(context: &Context) -> Finding {
    let bad = |text: &str| Finding::new("git", Standing::Bad, text).hint("install git");
    let Some(path) = context.which("git") else { return bad("not found on PATH") };
    match context.tool(&path).arg("--version").timeout(Duration::from_secs(10)).run().await {
        Ok(output) => Finding::new("git", Standing::Ok, output.text()),
        Err(error) => bad(&error.to_string()),
    }
}

async fn person(context: &Context) -> Finding {
    let checkout = context.home().checkouts().join("mlx-lm");
    let folder = if checkout.is_dir() { checkout } else { std::env::temp_dir() };
    let hint =
        "git config --global user.name \"…\" and user.email \"…\"; commits carry your name, never mlxport's";
    match identity(&context.settings, &folder).await {
        (Some(name), Some(email)) => Finding::new("git identity", Standing::Ok, format!("{name} <{email}>")),
        (name, email) => {
            let missing: Vec<&str> = [("user.name", name), ("user.email", email)]
                .iter()
                .filter(|(_, v)| v.is_none())
                .map(|(k, _)| *k)
                .collect();
            Finding::new("git identity", Standing::Note, format!("{} is not set", missing.join(" and ")))
                .hint(hint)
        }
    }
}

async fn system_python(context: &Context) -> Finding {
    let name = "python";
    let Some(path) = ["python3", "python"].into_iter().find_map(|name| context.which(name)) else {
        return Finding::new(name, Standing::Note, "no python3 on PATH; uv may find or install one");
    };
    let script = "import platform; print(platform.python_version())";
    match context.tool(&path).args(["-I", "-c", script]).timeout(Duration::from_secs(20)).run().await {
        Ok(output) => Finding::new(name, Standing::Ok, format!("{} at {}", output.text(), path.display())),
        Err(error) => Finding::new(name, Standing::Note, error.to_string()),
    }
}

async fn find_uv(context: &Context) -> Finding {
    match uv::find(context).await {
        Some(uv) => Finding::new("uv", Standing::Ok, format!("{} at {}", uv.version, uv.path.display())),
        None => Finding::new("uv", Standing::Note, "not found; setup installs it into the data folder"),
    }
}

fn environment(context: &Context) -> Finding {
    let env = python::planned(context, &Recipe::embedded());
    match env.complete() {
        true => Finding::new("environment", Standing::Ok, env.dir.display().to_string()),
        false => Finding::new("environment", Standing::Bad, "not built, or not finished")
            .hint("run `mlxport setup`"),
    }
}

fn work(workspace: Option<&Workspace>) -> Vec<Finding> {
    let Some(workspace) = workspace else {
        return vec![
            Finding::new("workspace", Standing::Bad, "there is none yet").hint("run `mlxport setup`"),
        ];
    };
    let v = &workspace.versions;
    let branch = if workspace.branch.is_empty() { "no branch" } else { &workspace.branch };
    let remote = |remote: &super::data::Remote| match remote.local {
        true => format!("{} (local)", remote.url),
        false => remote.url.clone(),
    };
    let mut findings = vec![
        Finding::new("workspace", Standing::Ok, format!("{} on {branch}", workspace.checkout.display())),
        Finding::new("baseline", Standing::Ok, workspace.baseline.to_string()),
        Finding::new(
            "versions",
            Standing::Ok,
            format!(
                "Python {}, mlx {}, mlx-lm {}, transformers {}, torch {}",
                v.python, v.mlx, v.mlx_lm, v.transformers, v.torch
            ),
        ),
        Finding::new("upstream", Standing::Ok, remote(&workspace.remotes.upstream)),
    ];
    let fork = &workspace.remotes.fork;
    findings.push(match fork.local {
        false => Finding::new("fork", Standing::Ok, remote(fork)),
        true => Finding::new("fork", Standing::Note, remote(fork))
            .hint("set workspace.fork in config.toml to push to your own fork"),
    });
    findings
}
