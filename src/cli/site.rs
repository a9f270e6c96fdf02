//! Finds the workspace that a subcommand works in, building it where there is none, and makes the harness's site of it.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Common, output, setup};
use crate::harness::Site;
use crate::port::job::{SetupEnd, follow_setup};
use crate::port::{SetupEvent, SetupRequest, Workspace};
use crate::util::blame::{Blame, Report};
use crate::util::sink::Sink;

/// Gives the site of the workspace; none when the person left while it was being built.
pub async fn find(common: &Common, cancel: &CancellationToken) -> Result<Option<Site>, Report> {
    workspace(common, cancel).await?.as_ref().map(of).transpose()
}

/// Gives the workspace. The first run builds it, with progress on stderr.
pub async fn workspace(common: &Common, cancel: &CancellationToken) -> Result<Option<Workspace>, Report> {
    let settings = common.settings()?;
    if let Some(workspace) = Workspace::open(&settings.home.value) {
        return Ok(Some(workspace));
    }
    output::progress("there is no workspace yet: building it first, as `mlxport setup` does");
    let sink: Sink<SetupEvent> =
        Arc::new(|event| setup::shown(&event).iter().for_each(|line| output::progress(line)));
    let request = SetupRequest { model_type: None };
    match follow_setup(&settings, request, sink, cancel.clone()).await? {
        SetupEnd::Ready(workspace) => Ok(Some(*workspace)),
        SetupEnd::Left => Ok(None),
    }
}

/// Makes the site of a workspace.
pub fn of(workspace: &Workspace) -> Result<Site, Report> {
    let failed =
        |error| Report::new(Blame::Environment, format!("cannot find this program's own file: {error}"));
    let program = std::env::current_exe().map_err(failed)?;
    Site::of(program, workspace).map_err(|error| Report::from(&error))
}
