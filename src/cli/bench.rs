//! `mlxport bench`: figures of this machine, measured and printed, never judged.

use std::process::ExitCode;

use super::Common;
use crate::util::blame::Report;

mod agent;
mod battery;
mod harness;
mod mutants;
mod package;

/// Flags of `mlxport bench`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// From the port's save to the verdict, with a warm worker
    Harness(harness::Args),
    /// Would the checks have caught it? Single faults in ports, and what finds them
    Mutants(mutants::Args),
    /// A model ports again what is accepted already, unseen, within one budget
    Agent(agent::Args),
    /// The battery beside upstream's way of doing the same tests
    Battery(battery::Args),
}

/// Runs `mlxport bench`.
pub fn run(args: Args, common: &Common) -> Result<ExitCode, Report> {
    match args.what {
        What::Harness(args) => harness::run(args, common),
        What::Mutants(args) => mutants::run(args, common),
        What::Agent(args) => agent::run(args, common),
        What::Battery(args) => battery::run(args, common),
    }
}
