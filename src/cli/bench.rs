//! `mlxport bench`: figures of this machine, measured and printed, never judged.

use std::process::ExitCode;

use super::Common;
use crate::util::blame::Report;

mod harness;

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
}

/// Runs `mlxport bench`.
pub fn run(args: Args, common: &Common) -> Result<ExitCode, Report> {
    match args.what {
        What::Harness(args) => harness::run(args, common),
    }
}
