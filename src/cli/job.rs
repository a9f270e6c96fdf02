//! `mlxport __job ID`: the process of a long job. Takes its folder, then does what the folder's `job.json` says.
//!
//! A kind is one arm of [`work`]: parse `args`, call the room's function with the sink and the token, give its result as
//! a value. Whoever starts the job parses the events back into the room's type.

use std::process::ExitCode;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::Common;
use crate::config::Home;
use crate::util::blame::{Blame, Report};
use crate::util::detached::{Ending, JobDir, JobSpec, own};
use crate::util::process::Command;
use crate::util::sink::Sink;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The job's folder in the results
    id: String,
}

pub fn run(args: Args, common: &Common) -> Result<ExitCode, Report> {
    let Some(home) = &common.home else {
        return Err(Report::new(Blame::User, "a job needs --home DIR"));
    };
    let dir = JobDir::of(&Home::at(home).results(), &args.id);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Report::new(Blame::Environment, error.to_string()))?;
    match runtime.block_on(own(&dir, work)) {
        Ok(Ending::Done { .. }) => Ok(ExitCode::SUCCESS),
        Ok(Ending::Cancelled) => Ok(ExitCode::from(super::INTERRUPTED)),
        Ok(Ending::Failed { report }) => Err(report),
        Ok(Ending::Died { .. }) => Ok(ExitCode::from(super::FAILED)),
        Err(error) => Err(Report::from(&error)),
    }
}

async fn work(job: JobSpec, sink: Sink<Value>, cancel: CancellationToken) -> Result<Value, Report> {
    match job.kind.as_str() {
        crate::port::job::KIND => crate::port::job::work(&job, &sink, cancel).await,
        crate::harness::job::KIND => {
            let home = Home::at(&job.home);
            let Some(workspace) = crate::port::Workspace::open(&home) else {
                let text = format!("there is no workspace in {}", job.home.display());
                return Err(Report::new(Blame::Environment, text).hint("`mlxport setup` builds it"));
            };
            crate::harness::job::work(super::site::of(&workspace)?, &job, &sink, cancel).await
        }
        crate::hub::download::job::KIND => {
            let ram = crate::port::data::Machine::here().await.ram;
            crate::hub::download::job::work(&job, ram, &sink, cancel).await
        }
        "sleep" => sleep(&job.args, &sink, cancel).await,
        other => Err(Report::new(Blame::Bug, format!("there is no kind of job called `{other}`"))),
    }
}

/// Rehearses a job: says each of `lines`, then waits for a shell that runs `script`. Tests use it.
async fn sleep(args: &Value, sink: &Sink<Value>, cancel: CancellationToken) -> Result<Value, Report> {
    args["lines"].as_array().into_iter().flatten().cloned().for_each(|line| sink(line));
    let script = args["script"].as_str().unwrap_or("true");
    let output = Command::new("/bin/sh").arg("-c").arg(script).cancel(cancel).run().await;
    output.map(|output| output.text().into()).map_err(|error| Report::from(&error))
}
