//! `mlxport check speed MODEL`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::family::{self, Limited};
use super::target;
use crate::cli::Common;
use crate::cli::source::Need;
use crate::harness::asks::{self, Pace};
use crate::util::blame::Report;

/// Flags of `mlxport check speed`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// A model type, or a checkpoint folder with its config.json
    #[arg(id = "architecture", value_name = "MODEL")]
    model: String,
    /// A released config.json, for its widths [default: the config class's own]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The accepted port to measure beside [default: the nearest by its config]
    #[arg(long, value_name = "TYPE")]
    against: Option<String>,
    /// Seconds it may take, its start apart: fewer tokens, layers and widths where needed [default: 60]
    #[arg(long, value_name = "SECONDS")]
    budget_s: Option<u32>,
    /// Tokens of the prompt [default: up to 64]
    #[arg(long, value_name = "N")]
    prompt: Option<u32>,
    /// Tokens decoded [default: up to 16]
    #[arg(long, value_name = "N")]
    decode: Option<u32>,
    /// Repetitions [default: up to 3]
    #[arg(long, value_name = "N")]
    repeat: Option<u32>,
    #[command(flatten)]
    limited: Limited,
}

/// Measures prefill, decode and memory at full width with random 4-bit weights.
pub fn run(args: Args, common: &Common) -> Result<ExitCode, Report> {
    let target = target::read(&args.model, Need::Config, common)?;
    let config = args.config.or(target.config);
    let config = config.map(|config| family::existing(&config, "the config")).transpose()?;
    let Args { against, budget_s, prompt, decode, repeat, .. } = args;
    let pace = Pace { against, budget_s, prompt, decode, repeat };
    let request = args.limited.put(asks::speed(&target.model_type, config, pace));
    family::run(request, common)
}
