//! `mlxport check shard MODEL`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::family::{self, Limited};
use super::target;
use crate::cli::Common;
use crate::cli::source::Need;
use crate::harness::asks;
use crate::util::blame::{Blame, Report};

/// Flags of `mlxport check shard`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// A model type, or a checkpoint folder with its config.json
    #[arg(id = "architecture", value_name = "MODEL")]
    model: String,
    /// A released config.json [default: the config class's own values]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Processes on this machine, comma-separated
    #[arg(long, value_delimiter = ',', default_values_t = [2, 4], value_parser = clap::value_parser!(u32).range(2..=64))]
    processes: Vec<u32>,
    /// Hosts of a real cluster, handed to mlx.launch as they are; needs a network, so it is not run in here
    #[arg(long, value_name = "FILE")]
    hostfile: Option<PathBuf>,
    #[command(flatten)]
    limited: Limited,
}

/// Runs one shard check, in a network of its own that has a loopback device and nothing else.
pub fn run(args: Args, common: &Common) -> Result<ExitCode, Report> {
    if let Some(hostfile) = &args.hostfile {
        let hostfile = family::existing(hostfile, "the hostfile")?;
        let text = "other hosts cannot be reached from inside the sandbox".to_string();
        return Err(Report::new(Blame::User, text).hint(format!(
            "run the package by itself, on a cluster of your own: mlxport-harness check shard {} --hostfile {}",
            args.model,
            hostfile.display()
        )));
    }
    let target = target::read(&args.model, Need::Config, common)?;
    let config = args.config.or(target.config);
    let config = config.map(|config| family::existing(&config, "the config")).transpose()?;
    let request = args.limited.put(asks::shard(&target.model_type, config, &args.processes));
    family::run(request, common)
}
