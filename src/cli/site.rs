//! Finds the workspace that a subcommand works in, and makes the harness's site of it.

use tokio_util::sync::CancellationToken;

use super::Common;
use crate::config::{Env, Flags, Settings};
use crate::harness::Site;
use crate::port::Workspace;
use crate::util::blame::{Blame, Report};
use crate::util::fs::read_text;

/// Gives the site of the workspace.
pub async fn find(common: &Common, cancel: &CancellationToken) -> Result<Site, Report> {
    of(&workspace(common, cancel).await?)
}

/// Gives the workspace.
pub async fn workspace(common: &Common, _cancel: &CancellationToken) -> Result<Workspace, Report> {
    let flags = Flags { home: common.home.clone(), ..Flags::default() };
    let settings = Settings::load(flags, &Env::from_process()).map_err(|error| Report::from(&error))?;
    let file = settings.home.value.root().join("workspace.json");
    let missing = || Report::new(Blame::Environment, "there is no workspace yet").hint("run `mlxport setup`");
    let text = read_text(&file).map_err(|_| missing())?;
    serde_json::from_str(&text).map_err(|_| missing())
}

/// Makes the site of a workspace.
pub fn of(workspace: &Workspace) -> Result<Site, Report> {
    let failed =
        |error| Report::new(Blame::Environment, format!("cannot find this program's own file: {error}"));
    let program = std::env::current_exe().map_err(failed)?;
    Site::of(program, workspace).map_err(|error| Report::from(&error))
}
