//! `mlxport check load SOURCE`.

use std::process::ExitCode;

use super::family::{self, Limited};
use crate::cli::{Common, source};
use crate::harness::asks;
use crate::util::blame::Report;

/// Flags of `mlxport check load`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// A checkpoint folder (config.json and model*.safetensors, whole or cut after their headers), a Hub repository or link
    source: String,
    #[command(flatten)]
    limited: Limited,
}

/// Runs one load check.
pub fn run(args: Args, common: &Common) -> Result<ExitCode, Report> {
    let (folder, name) = source::checkpoint(&args.source, common)?;
    let request = args.limited.put(asks::load(&name, folder));
    family::run(request, common)
}
