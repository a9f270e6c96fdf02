//! `mlxport check load SOURCE`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::family::{self, Limited};
use crate::cli::Common;
use crate::util::blame::Report;

/// Flags of `mlxport check load`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// A checkpoint folder: config.json and model*.safetensors, whole or cut after their headers
    source: PathBuf,
    #[command(flatten)]
    limited: Limited,
}

/// Runs one load check.
pub fn run(args: Args, common: &Common) -> Result<ExitCode, Report> {
    let folder = family::existing(&args.source, "the checkpoint folder")?;
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut request = args.limited.request("load", &name, (600, 8192));
    family::put(&mut request.target, "checkpoint", Some(folder.to_string_lossy().into_owned()));
    request.reads.push(folder);
    family::run(request, common)
}
