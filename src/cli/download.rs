//! `mlxport download`: starts the detached download, or follows the one that runs.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use super::source::waits;
use super::{COULD_NOT_RUN, Common, INTERRUPTED, output, task};
use crate::config::Settings;
use crate::hub::data::{DownloadEvent, DownloadRequest, RepoRef};
use crate::hub::download::job::{End, cancel, follow};
use crate::hub::download::plan;
use crate::hub::remote::{Hub, RemoteError};
use crate::port::data::Machine;
use crate::util::blame::Report;
use crate::util::sink::Sink;
use crate::util::text::bytes;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A repository, owner/name or owner/name@revision, or the link of its page
    #[arg(value_name = "REPO", required_unless_present = "cancel")]
    repo: Option<String>,
    /// Put the files here instead of the Hub cache
    #[arg(long, value_name = "DIR")]
    local_dir: Option<PathBuf>,
    /// Say what would be fetched, and fetch nothing
    #[arg(long, conflicts_with = "cancel")]
    plan: bool,
    /// Stop the downloads that run; what was fetched is kept
    #[arg(long, conflicts_with_all = ["repo", "local_dir"])]
    cancel: bool,
}

pub fn run(args: Args, common: &Common) -> Result<ExitCode, Report> {
    let settings = common.settings()?;
    let Some(repo) = &args.repo else { return task::run(async |_| stop(&settings).await) };
    let repo = RepoRef::parse(repo).map_err(|error| Report::from(&RemoteError::from(error)))?;
    let local_dir = args.local_dir.map(|folder| std::path::absolute(&folder).unwrap_or(folder));
    let request = DownloadRequest { repo: repo.id, revision: repo.revision, local_dir };
    if args.plan {
        let plan = task::run(async |_| {
            let hub = Hub::open(&settings, waits()).map_err(|error| Report::from(&error))?;
            plan(&hub, &request, Machine::here().await.ram).await.map_err(|error| Report::from(&error))
        })?;
        match common.json {
            true => output::json(&plan),
            false => plan.lines().iter().for_each(|line| output::line(line)),
        }
        return Ok(ExitCode::SUCCESS);
    }
    let sink: Sink<DownloadEvent> =
        Arc::new(|event| event.lines().iter().for_each(|line| output::progress(line)));
    match task::run(async |leave| follow(&settings, &request, sink, leave).await)? {
        End::Left => {
            output::progress(
                "[download] goes on by itself; the same command follows it, `mlxport download --cancel` stops it",
            );
            Ok(ExitCode::from(INTERRUPTED))
        }
        End::Done(done) if common.json => {
            output::json(&done);
            Ok(ExitCode::SUCCESS)
        }
        End::Done(done) => {
            output::line(&format!("[ready] {}", done.folder.display()));
            let (files, total, moved) = (done.files, bytes(done.total), bytes(done.moved));
            output::line(&format!("[ready] {files} files, {total}, hashes verified; {moved} moved"));
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn stop(settings: &Settings) -> Result<ExitCode, Report> {
    match cancel(&settings.home.value).await? {
        0 => {
            output::line("[download] none is running");
            Ok(ExitCode::from(COULD_NOT_RUN))
        }
        count => {
            output::line(&format!("[download] {count} stopped; what was fetched is kept"));
            Ok(ExitCode::SUCCESS)
        }
    }
}
