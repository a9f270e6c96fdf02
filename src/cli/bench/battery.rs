//! `mlxport bench battery`: the battery beside upstream's way of doing the same tests, metered in one run.

use std::path::PathBuf;
use std::process::ExitCode;

use super::package::Line;
use crate::cli::Common;
use crate::util::blame::Report;

/// Flags of `mlxport bench battery`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A checkpoint folder
    checkpoint: PathBuf,
    /// A clone of upstream's harness: its own scripts are run [default: the same work, written anew]
    #[arg(long, value_name = "PATH")]
    upstream_harness: Option<PathBuf>,
    /// A folder of packages that only its scripts need: accelerate, psutil
    #[arg(long, value_name = "DIR", requires = "upstream_harness")]
    upstream_packages: Option<PathBuf>,
    /// Also the three generation tests
    #[arg(long)]
    generation: bool,
    /// Tokens generated, for both sides
    #[arg(long, value_name = "N", requires = "generation")]
    max_tokens: Option<u32>,
}

/// Runs `mlxport bench battery`.
pub fn run(args: Args, common: &Common) -> Result<ExitCode, Report> {
    Line::of(&["bench", "battery"])
        .path("--upstream-harness", args.upstream_harness.as_ref())?
        .path("--upstream-packages", args.upstream_packages.as_ref())?
        .when("--generation", args.generation)
        .flag("--max-tokens", args.max_tokens)
        .path("", Some(&args.checkpoint))?
        .metering()
        .run(common)
}
