//! `mlxport check shard MODEL`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

use super::family::{self, Limited};
use super::target;
use crate::cli::Common;
use crate::cli::source::Need;
use crate::harness::data::Sockets;
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
    let mut request = args.limited.request("shard", &target.model_type, (900, 8192));
    let config = args.config.or(target.config);
    if let Some(config) = config {
        let config = family::existing(&config, "the config")?;
        request.target.insert("config".into(), json!(config));
        request.reads.push(config);
    }
    request.target.insert("model_type".into(), json!(target.model_type));
    request.params.insert("processes".into(), json!(args.processes));
    request.sockets = Sockets::Loopback;
    // mlx.launch starts and ends each rank by a line of bash, which no other check needs.
    let tools = ["bash", "cat", "mktemp", "ps", "rm"];
    let places = ["/bin", "/usr/bin"].map(Path::new);
    request.reads.extend(places.iter().flat_map(|folder| tools.map(|tool| folder.join(tool))));
    family::run(request, common)
}
