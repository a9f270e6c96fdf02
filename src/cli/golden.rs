//! `mlxport golden write|check`: the reference's numbers in a file, and a port against them on another machine.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::Common;
use super::check::family::{self, Limited};
use super::check::target;
use super::source::Need;
use crate::harness::asks::{self, PackOf};
use crate::util::blame::{Blame, Report};

/// Flags of `mlxport golden`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Write a pack from the reference
    Write(Write),
    /// Check a port against a pack; needs no torch
    Check(Check),
}

#[derive(Debug, clap::Args)]
struct Write {
    /// A model type, or a checkpoint folder
    #[arg(id = "architecture", value_name = "MODEL")]
    model: String,
    /// The pack to write
    #[arg(short, long, value_name = "PACK")]
    output: PathBuf,
    #[command(flatten)]
    limited: Limited,
}

#[derive(Debug, clap::Args)]
struct Check {
    /// The pack
    pack: PathBuf,
    /// The folder of the checkpoint that the pack is of
    #[arg(long, value_name = "DIR")]
    checkpoint: Option<PathBuf>,
    #[command(flatten)]
    limited: Limited,
}

/// Writes or checks a pack.
pub fn run(args: Args, common: &Common) -> Result<ExitCode, Report> {
    match args.action {
        Action::Write(args) => write(args, common),
        Action::Check(args) => check(args, common),
    }
}

fn write(args: Write, common: &Common) -> Result<ExitCode, Report> {
    let target = target::read(&args.model, Need::Config, common)?;
    let folder = args.output.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = family::existing(folder.unwrap_or(Path::new(".")), "the folder of the pack")?;
    let Some(name) = args.output.file_name().map(Path::new) else {
        return Err(Report::new(Blame::User, format!("{} is not a file's name", args.output.display())));
    };
    let of = match target.config.as_deref().and_then(Path::parent) {
        Some(checkpoint) => PackOf::Checkpoint(family::existing(checkpoint, "the checkpoint folder")?),
        None => PackOf::Twin,
    };
    let request = args.limited.put(asks::golden_write(&target.model_type, of, (folder, name)));
    family::run(request, common)
}

fn check(args: Check, common: &Common) -> Result<ExitCode, Report> {
    let pack = family::existing(&args.pack, "the pack")?;
    let checkpoint = args.checkpoint.as_deref();
    let checkpoint =
        checkpoint.map(|folder| family::existing(folder, "the checkpoint folder")).transpose()?;
    let request = args.limited.put(asks::golden_check(pack, checkpoint));
    family::run(request, common)
}
