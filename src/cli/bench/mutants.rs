//! `mlxport bench mutants`: would the checks have caught it?

use std::path::PathBuf;
use std::process::ExitCode;

use super::package::Line;
use crate::cli::Common;
use crate::util::blame::Report;

/// Flags of `mlxport bench mutants`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Types of the library, comma-separated [default: all]
    #[arg(long)]
    types: Option<String>,
    /// Faults of the library whose names match, comma-separated; `*` stands for anything
    #[arg(long, value_name = "PATTERNS")]
    only: Option<String>,
    /// Your own port: single faults are made from its text
    #[arg(long, value_name = "FILE")]
    port: Option<PathBuf>,
    /// The model type of --port [default: the file's name]
    #[arg(long)]
    model_type: Option<String>,
    /// A config.json for --port [default: the config class's own values]
    #[arg(long, value_name = "FILE", requires = "port")]
    config: Option<PathBuf>,
    /// With --port: that many faults, spread over the file
    #[arg(long, value_name = "N", requires = "port")]
    limit: Option<u32>,
    /// A clone of mlx-lm with its history: its fixes, applied backwards
    #[arg(long, value_name = "PATH", conflicts_with = "port")]
    history: Option<PathBuf>,
    /// With --history: the first day
    #[arg(long, value_name = "DATE", requires = "history")]
    since: Option<String>,
    /// quick, or full: what survives the quick checks meets the slow ones
    #[arg(long, value_parser = ["quick", "full"], default_value = "full")]
    plan: String,
    /// Processes at once
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    jobs: u32,
    /// Seconds for one judgement; over it there is no answer, which counts as no kill
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..))]
    timeout: u32,
    /// Print the tables of docs/MUTANTS.md
    #[arg(long)]
    markdown: bool,
}

/// Runs `mlxport bench mutants`.
pub fn run(args: Args, common: &Common) -> Result<ExitCode, Report> {
    Line::of(&["bench", "mutants"])
        .flag("--types", args.types)
        .flag("--only", args.only)
        .path("--port", args.port.as_ref())?
        .flag("--model-type", args.model_type)
        .path("--config", args.config.as_ref())?
        .flag("--limit", args.limit)
        .path("--history", args.history.as_ref())?
        .flag("--since", args.since)
        .flag("--plan", Some(args.plan))
        .flag("--jobs", Some(args.jobs))
        .flag("--timeout", Some(args.timeout))
        .when("--markdown", args.markdown)
        .work("mutants")
        .run(common)
}
