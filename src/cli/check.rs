//! `mlxport check`: the checks without the screen.

use std::process::ExitCode;

use super::{Common, output};
use crate::harness::plan;
use crate::util::blame::{Blame, Report};

mod all;
mod battery;
pub mod family;
mod load;
mod shard;
mod show;
mod speed;
pub mod target;
mod twin;

/// Flags of `mlxport check`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    /// List the checks, what each proves and what it costs
    #[arg(long)]
    list: bool,
    #[command(subcommand)]
    family: Option<Family>,
}

#[derive(Debug, clap::Subcommand)]
enum Family {
    /// Compare a port with its transformers reference on small random twins
    Twin(twin::Args),
    /// Load a checkpoint at full size from its headers alone: every tensor accounted for, no weights read
    Load(load::Args),
    /// Run the battery on a real checkpoint, as a job that outlasts this command
    Battery(battery::Args),
    /// The port over several processes against one
    Shard(shard::Args),
    /// Prefill, decode and memory at full width, beside an accepted port
    Speed(speed::Args),
}

/// Runs `mlxport check`.
pub fn run(args: Args, common: &Common) -> Result<ExitCode, Report> {
    match args.family {
        Some(Family::Twin(args)) if args.all => all::run(args, common),
        Some(Family::Twin(args)) => twin::run(args, common),
        Some(Family::Load(args)) => load::run(args, common),
        Some(Family::Battery(args)) => battery::run(args, common),
        Some(Family::Shard(args)) => shard::run(args, common),
        Some(Family::Speed(args)) => speed::run(args, common),
        None if args.list => Ok(list(common)),
        None => Err(Report::new(Blame::User, "no check is named").hint(
            "`mlxport check twin MODEL` compares a port with its reference; `mlxport check --list` says what it does",
        )),
    }
}

fn list(common: &Common) -> ExitCode {
    let checks = plan::list();
    if common.json {
        output::json(&serde_json::json!({ "schema": 1, "checks": checks }));
        return ExitCode::SUCCESS;
    }
    for check in checks {
        let cost = match check.cost {
            plan::Cost::Fast => "at each save",
            plan::Cost::Slow => "seconds",
            plan::Cost::Heavy => "heavy",
        };
        let (id, number, family) = (check.id, &check.number, &check.family);
        let text = format!(
            "{id:<14} {number:<4} {family:<8} {cost}\n        {}\n        {}: {}",
            check.title, check.decides, check.rule
        );
        for line in text.lines() {
            show::line("check", line, common);
        }
    }
    ExitCode::SUCCESS
}
