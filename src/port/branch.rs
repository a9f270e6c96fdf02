//! The branch `add-<model_type>`: one a port, made from the baseline, switched only when nothing would be lost.

use std::path::Path;

use super::context::{self, Context};
use super::data::{StepId, Workspace};
use super::error::PortError;
use super::step::Told;
use super::workspace;
use crate::config::Settings;
use crate::util::process::{Command, Output};
use crate::util::sink::discard;

/// Makes the branch of a model type, or switches to it, and gives the workspace as it is then.
pub async fn open_branch(
    settings: &Settings,
    workspace: &Workspace,
    model_type: &str,
) -> Result<Workspace, PortError> {
    let cancel = tokio_util::sync::CancellationToken::new();
    let context = Context { settings: settings.clone(), sink: discard(), cancel };
    let (branch, _) =
        switch(&context, &workspace.checkout, (workspace.baseline.commit(), model_type)).await?;
    let changed = Workspace { branch, ..workspace.clone() };
    workspace::save(&changed)?;
    Ok(changed)
}

/// Gives the file in which mlx-lm, without the person's work, already has a model type: its own or the one it is an alias of.
pub async fn upstream_port(settings: &Settings, workspace: &Workspace, model_type: &str) -> Option<String> {
    let commit = workspace.baseline.commit();
    let show = |what: String| {
        let git = context::git(settings, &workspace.checkout).arg("show").arg(what).any_exit();
        async move { git.run().await.ok() }
    };
    let utils = show(format!("{commit}:mlx_lm/utils.py")).await?;
    let name = alias(&utils.text(), model_type).unwrap_or_else(|| model_type.to_string());
    let file = format!("mlx_lm/models/{name}.py");
    let found = show(format!("{commit}:{file}")).await?;
    found.status.success().then_some(file)
}

/// Looks a model type up in upstream's table of aliases.
fn alias(utils: &str, model_type: &str) -> Option<String> {
    let table = utils.split_once("MODEL_REMAPPING = {")?.1.split('}').next()?;
    let entry = table.split_once(&format!("\"{model_type}\": \""))?.1;
    entry.split('"').next().map(str::to_string)
}

/// Says whether a text can be a model type: it becomes a file name, a branch name and a Python module.
pub fn check_model_type(text: &str) -> Result<(), PortError> {
    let inside = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let good = text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(inside)
        && !text.contains("..")
        && !text.ends_with('.')
        && !text.ends_with(".lock")
        && text.len() <= 100;
    if good { Ok(()) } else { Err(PortError::ModelType(text.to_string())) }
}

/// Switches the checkout to the model type's branch.
pub(super) async fn switch(
    context: &Context,
    checkout: &Path,
    (baseline, model_type): (&str, &str),
) -> Result<(String, Told), PortError> {
    check_model_type(model_type)?;
    let branch = format!("add-{model_type}");
    let current = workspace::current_branch(checkout);
    if current == branch {
        return Ok((branch.clone(), Told::skipped(format!("{branch} is checked out"))));
    }
    let files = changed_files(context, checkout).await?;
    if !files.is_empty() {
        return Err(PortError::Uncommitted { branch: current, files });
    }
    let reference = format!("refs/heads/{branch}");
    let known =
        run(context.git(checkout).args(["rev-parse", "--verify", "--quiet", &reference]).any_exit()).await?;
    let git = super::checkout::hookless(context.git(checkout));
    if known.status.success() {
        run(git.args(["switch", "--quiet", &branch])).await?;
        return Ok((branch.clone(), Told::done(format!("opened {branch}"))));
    }
    run(git.args(["switch", "--quiet", "--no-track", "-c", &branch, baseline])).await?;
    Ok((branch.clone(), Told::done(format!("made {branch}"))))
}

/// Lists what differs from the last commit, files unknown to git included: they would travel into the other branch.
async fn changed_files(context: &Context, checkout: &Path) -> Result<Vec<String>, PortError> {
    let status =
        context.git(checkout).args(["status", "--porcelain", "-z", "--untracked-files=all", "--no-renames"]);
    let text = run(status).await?.text();
    let names = text.split('\0').filter_map(|entry| entry.get(3..)).filter(|name| !ours(name));
    Ok(names.map(str::to_string).collect())
}

/// The file that setup writes into clones in which upstream's build has not.
fn ours(name: &str) -> bool {
    name == "mlx_lm/_version.py" || name.contains("__pycache__/")
}

async fn run(command: Command) -> Result<Output, PortError> {
    command.run().await.map_err(PortError::step(StepId::Branch))
}

/// Says whether commits made in the checkout would carry the person's name.
pub(super) async fn identity(settings: &Settings, folder: &Path) -> (Option<String>, Option<String>) {
    let get = |key: &'static str| async move {
        let output = context::git(settings, folder).args(["config", "--get", key]).run().await.ok()?;
        Some(output.text()).filter(|text| !text.is_empty())
    };
    tokio::join!(get("user.name"), get("user.email"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_read_from_upstreams_table_and_from_nowhere_else() {
        let utils = "X = {\"a\": \"b\"}\nMODEL_REMAPPING = {\n    \"mistral\": \"llama\",  # same\n}\nY = {\"c\": \"d\"}\n";
        assert_eq!(
            ["mistral", "a", "c", "llama"].map(|name| alias(utils, name)),
            [Some("llama".to_string()), None, None, None]
        );
    }

    #[test]
    fn model_types_are_names_and_nothing_else() {
        for good in ["arcee", "gemma3_text", "gpt-sw3", "qwen2.5", "phi4"] {
            check_model_type(good).expect(good);
        }
        for bad in ["", "../x", "a/b", "-rf", "a b", "x.lock", "a..b", "ä", ".hidden"] {
            assert!(check_model_type(bad).is_err(), "{bad}");
        }
    }
}
