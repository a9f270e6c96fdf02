//! `mlxport check load SOURCE`.

use std::process::ExitCode;

use super::family::{self, Limited};
use crate::cli::{Common, source};
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
    let mut request = args.limited.request("load", &name, (600, 8192));
    family::put(&mut request.target, "checkpoint", Some(folder.to_string_lossy().into_owned()));
    request.reads.push(folder);
    family::run(request, common)
}
