//! What the families with subcommands of their own share: their common flags, running, printing.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use super::show;
use crate::cli::{Common, INTERRUPTED, output, site, task};
use crate::harness::data::{FamilyRequest, Limits};
use crate::harness::{Harness, HarnessError};
use crate::util::blame::{Blame, Report};

/// Flags that every family takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Limited {
    /// The port's file [default: mlx_lm/models/<model_type>.py of the checkout]
    #[arg(long, value_name = "FILE")]
    pub port: Option<PathBuf>,
    /// Seconds for the whole run
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=604_800))]
    pub timeout: Option<u64>,
    /// Memory that each side may use
    #[arg(long, value_name = "N")]
    pub mem_mb: Option<u64>,
    /// Seed of what is random
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

impl Limited {
    /// Puts port, seed and limits into a request, where they were given.
    pub fn put(&self, request: FamilyRequest) -> FamilyRequest {
        let Limits { timeout, mem_mb } = request.limits;
        let timeout = self.timeout.map_or(timeout, Duration::from_secs);
        let limits = Limits { timeout, mem_mb: self.mem_mb.unwrap_or(mem_mb) };
        FamilyRequest { port: self.port.clone(), seed: self.seed, limits, ..request }
    }
}

/// Makes a path of the command line absolute; what is not there is the person's mistake.
pub fn existing(path: &Path, what: &str) -> Result<PathBuf, Report> {
    std::fs::canonicalize(path).map_err(|error| {
        Report::new(Blame::User, format!("{what} {} cannot be opened: {error}", path.display()))
            .hint("check the path")
    })
}

/// Runs a request attached to this command and prints its result.
pub fn run(request: FamilyRequest, common: &Common) -> Result<ExitCode, Report> {
    let done = task::run(async |cancel| {
        let Some(site) = site::find(common, &cancel).await? else { return Ok(None) };
        match Harness::new(site).check_family(request.clone(), show::sink(), cancel).await {
            Ok(result) => Ok(Some(result)),
            Err(HarnessError::Cancelled) => Ok(None),
            Err(error) => Err(Report::from(&error)),
        }
    });
    match done {
        Ok(Some(result)) => Ok(show::result(&result, common)),
        Ok(None) => Ok(ExitCode::from(INTERRUPTED)),
        Err(report) => Err(failed(&request, report, common)),
    }
}

/// Prints the object of a run that did not come about, where `--json` asks for one.
pub fn failed(request: &FamilyRequest, report: Report, common: &Common) -> Report {
    if common.json {
        output::json(&request.could_not_run(&report));
    }
    report
}
