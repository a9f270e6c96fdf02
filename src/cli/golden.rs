//! `mlxport golden write|check`: the reference's numbers in a file, and a port against them on another machine.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

use super::Common;
use super::check::family::{self, Limited};
use super::check::target;
use super::source::Need;
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
    let mut request = args.limited.request("golden", &target.model_type, (1800, 8192));
    let folder = args.output.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = family::existing(folder.unwrap_or(Path::new(".")), "the folder of the pack")?;
    let Some(name) = args.output.file_name() else {
        return Err(Report::new(Blame::User, format!("{} is not a file's name", args.output.display())));
    };
    let params = &mut request.params;
    params.insert("action".into(), json!("write"));
    params.insert("pack".into(), json!(folder.join(name)));
    match target.config.as_deref().and_then(Path::parent) {
        Some(checkpoint) => {
            let checkpoint = family::existing(checkpoint, "the checkpoint folder")?;
            params.insert("checkpoint".into(), json!(checkpoint));
            request.reads.push(checkpoint);
        }
        None => {
            request.target.insert("model_type".into(), json!(target.model_type));
        }
    }
    request.writes.push(folder);
    family::run(request, common)
}

fn check(args: Check, common: &Common) -> Result<ExitCode, Report> {
    let pack = family::existing(&args.pack, "the pack")?;
    let name = pack.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut request = args.limited.request("golden", &name, (1800, 8192));
    request.params.insert("action".into(), json!("check"));
    request.params.insert("pack".into(), json!(pack));
    if let Some(folder) = &args.checkpoint {
        let folder = family::existing(folder, "the checkpoint folder")?;
        request.params.insert("checkpoint".into(), json!(folder));
        request.reads.push(folder);
    }
    request.reads.push(pack);
    family::run(request, common)
}
