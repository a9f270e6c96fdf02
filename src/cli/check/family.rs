//! What the families with subcommands of their own share: the request's common part, running, printing.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Map, Value};

use super::show;
use crate::cli::{Common, INTERRUPTED, output, site, task};
use crate::harness::data::{FamilyRequest, Limits, Sockets};
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
    /// Makes the request of a family, its target and parameters still empty.
    pub fn request(&self, family: &str, subject: &str, (seconds, mem_mb): (u64, u64)) -> FamilyRequest {
        let timeout = Duration::from_secs(self.timeout.unwrap_or(seconds));
        FamilyRequest {
            family: family.into(),
            subject: subject.into(),
            target: Map::new(),
            params: Map::new(),
            port: self.port.clone(),
            reads: Vec::new(),
            writes: Vec::new(),
            sockets: Sockets::None,
            seed: self.seed,
            limits: Limits { timeout, mem_mb: self.mem_mb.unwrap_or(mem_mb) },
        }
    }
}

/// Makes a path of the command line absolute; what is not there is the person's mistake.
pub fn existing(path: &Path, what: &str) -> Result<PathBuf, Report> {
    std::fs::canonicalize(path).map_err(|error| {
        Report::new(Blame::User, format!("{what} {} cannot be opened: {error}", path.display()))
            .hint("check the path")
    })
}

/// Takes a flag's value into a request, where it was given.
pub fn put(map: &mut Map<String, Value>, key: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        map.insert(key.into(), value.into());
    }
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

/// Nine tenths of the machine's memory, in MiB; a checkpoint needs what it needs.
pub fn memory_mb() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB"));
    total.and_then(|kib| kib.trim().parse::<u64>().ok()).map_or(65_536, |kib| kib / 1024 * 9 / 10)
}
