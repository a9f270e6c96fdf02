//! The command line: one file per subcommand; each parses, calls a room and prints. What is done here is done by the
//! same room functions in the panes.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Env, Flags, Settings};
use crate::util::blame::{Blame, Report};

mod bench;
mod check;
mod checkpoint;
mod code;
mod compare;
mod config_diff;
mod demo;
mod discover;
mod doctor;
mod download;
mod export;
mod golden;
mod inventory;
mod job;
mod known;
mod ledger;
mod lint;
mod mcp;
mod model;
mod name;
mod open;
pub mod output;
mod report;
mod sandbox;
mod sessions;
mod setup;
mod site;
mod skill;
mod source;
mod task;

/// Exit code of a run in which a check failed or is suspect.
pub const FAILED: u8 = 1;
/// Exit code of a run that could not be done: the person's or the machine's fault.
pub const COULD_NOT_RUN: u8 = 2;
/// Exit code of an interrupted run.
pub const INTERRUPTED: u8 = 130;

/// Port a transformers architecture to mlx-lm, prove it, and stage the pull request that you write.
#[derive(Debug, Parser)]
#[command(name = "mlxport", version, about, long_about = None, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub common: Common,
    /// A config.json or checkpoint folder for the configs pane; replaces those of the last session
    #[arg(long = "config", value_name = "FILE")]
    configs: Vec<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Flags that every subcommand takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Common {
    /// Print one JSON object on stdout
    #[arg(long, global = true)]
    pub json: bool,
    /// Print plain labelled lines: no screen, no escapes
    #[arg(long, global = true)]
    pub plain: bool,
    /// The data folder [default: $MLXPORT_HOME, else the platform's data folder + mlxport]
    #[arg(long, global = true, value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// Log more, to the data folder's logs (-v info, -vv debug)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// The chat's endpoint, ending before /chat/completions [env: MLXPORT_BASE_URL]
    #[arg(long, global = true, value_name = "URL", help_heading = "Settings")]
    pub base_url: Option<String>,
    /// The chat's model [env: MLXPORT_MODEL]
    #[arg(long, global = true, value_name = "NAME", help_heading = "Settings")]
    pub model: Option<String>,
    /// Who answers the chat, as `mlxport model` lists them: NAME, or NAME/MODEL [env: MLXPORT_PROFILE]
    #[arg(long = "profile", global = true, value_name = "NAME", help_heading = "Settings")]
    pub model_profile: Option<String>,
    /// openai-compatible, manual (you carry text to a web chat and back), or mlx-lm (started by mlxport)
    #[arg(long, global = true, value_name = "KIND", help_heading = "Settings")]
    pub provider: Option<String>,
    /// Where mlx-lm comes from: a git URL, a local clone, or pypi
    #[arg(long, global = true, value_name = "SOURCE", help_heading = "Settings")]
    pub mlx_lm: Option<String>,
}

impl Common {
    /// Resolves all settings: flag > environment > config.toml > default.
    pub fn settings(&self) -> Result<Settings, Report> {
        self.settings_in(&Env::from_process())
    }

    fn settings_in(&self, env: &Env) -> Result<Settings, Report> {
        let flags = Flags {
            home: self.home.clone(),
            base_url: self.base_url.clone(),
            model: self.model.clone(),
            provider: self.provider.clone(),
            profile: self.model_profile.clone(),
            mlx_lm: self.mlx_lm.clone(),
            verbose: self.verbose,
        };
        Settings::load(flags, env).map_err(|error| Report::from(&error))
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build the Python environment and the mlx-lm checkout
    Setup(setup::Args),
    /// Check the environment and show where each setting came from
    Doctor(doctor::Args),
    /// Open the workbench on a model
    Port(open::PortArgs),
    /// Play the recorded session on a real architecture, with the real tools
    Demo(demo::Args),
    /// Open the workbench on an earlier session
    Resume(sessions::ResumeArgs),
    /// List the sessions
    Sessions(sessions::ListArgs),
    /// List what a session's files can be put back to
    Checkpoints(checkpoint::ListArgs),
    /// Put the files back as they were before a turn; can be undone
    Rewind(checkpoint::RewindArgs),
    /// Save a session as a recording
    Record(sessions::RecordArgs),
    /// Write a session as a document to read: Markdown, JSON or HTML, without keys and folders
    Export(export::Args),
    /// Run checks without the screen
    Check(check::Args),
    /// Compare two stored runs: what is worse or better beyond noise
    Compare(compare::Args),
    /// Keep the reference's numbers in a file; check a port against them on another machine
    Golden(golden::Args),
    /// Write a stored run as one HTML page
    Report(report::Args),
    /// Judge model files by mlx-lm's conventions: what its CI refuses, what reviewers ask
    Lint(lint::Args),
    /// Show who answers the chat and where each value came from; list, test and key endpoints
    Model(model::Args),
    /// List the checkpoints of an architecture on the Hub, and ports of it that exist already
    Discover(discover::Args),
    /// Compare config files key by key
    ConfigDiff(config_diff::Args),
    /// Read and accept the code that a checkpoint brings (trust_remote_code)
    Code(code::Args),
    /// Show for each config key who reads it, what moves when it changes, and what the port ignores
    Ledger(ledger::Args),
    /// Download a checkpoint: resumed after a cut, hashes verified, into the Hub cache
    Download(download::Args),
    /// What a checkpoint holds and needs, from its headers alone: tensors, dtypes, memory
    Inventory(inventory::Args),
    /// Serve the tools to another agent, over the Model Context Protocol on stdin and stdout
    Mcp(mcp::Args),
    /// Write what an agent needs to use this program: an Agent Skill
    Skill(skill::Args),
    /// Measure on this machine
    Bench(bench::Args),
    #[command(name = "__sandbox", hide = true)]
    Sandbox(sandbox::Args),
    /// Breaks on purpose, on the screen, so that the tests can see the terminal given back
    #[command(name = "__panic", hide = true)]
    Panic,
    #[command(name = "__job", hide = true)]
    Job(job::Args),
}

/// Parses the command line, runs the subcommand and gives its exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(report) => {
            output::error(&report);
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode, Report> {
    let common = cli.common;
    // Named before the subcommand or after it, a config is the same.
    let configs = cli.configs;
    let with = |own: Vec<PathBuf>| configs.iter().cloned().chain(own).collect();
    match cli.command {
        None => open::run(open::PortArgs { configs, ..open::PortArgs::default() }, &common),
        Some(Command::Port(args)) => open::run(open::PortArgs { configs: with(args.configs), ..args }, &common),
        Some(Command::Resume(args)) => {
            sessions::resume(sessions::ResumeArgs { configs: with(args.configs), ..args }, &common)
        }
        Some(Command::Mcp(args)) => mcp::run(mcp::Args { configs: with(args.configs), ..args }, &common),
        Some(Command::Lint(args)) => lint::run(lint::Args { configs: with(args.configs), ..args }, &common),
        Some(_) if !configs.is_empty() => {
            Err(Report::new(Blame::User, "--config before this subcommand means nothing")
                .hint("it goes with `mlxport`, `mlxport port` and `mlxport resume`; `check` takes its own after its name"))
        }
        Some(Command::Setup(args)) => setup::run(args, &common),
        Some(Command::Doctor(args)) => doctor::run(args, &common),
        Some(Command::Demo(args)) => demo::run(args, &common),
        Some(Command::Sessions(args)) => sessions::list(args, &common),
        Some(Command::Checkpoints(args)) => checkpoint::list(args, &common),
        Some(Command::Rewind(args)) => checkpoint::rewind(args, &common),
        Some(Command::Record(args)) => sessions::record(args, &common),
        Some(Command::Export(args)) => export::run(args, &common),
        Some(Command::Check(args)) => check::run(args, &common),
        Some(Command::Compare(args)) => compare::run(args, &common),
        Some(Command::Golden(args)) => golden::run(args, &common),
        Some(Command::Report(args)) => report::run(args, &common),
        Some(Command::Inventory(args)) => inventory::run(args, &common),
        Some(Command::Model(args)) => model::run(args, &common),
        Some(Command::Bench(args)) => bench::run(args, &common),
        Some(Command::Discover(args)) => discover::run(args, &common),
        Some(Command::ConfigDiff(args)) => config_diff::run(args, &common),
        Some(Command::Code(args)) => code::run(args, &common),
        Some(Command::Ledger(args)) => ledger::run(args, &common),
        Some(Command::Download(args)) => download::run(args, &common),
        Some(Command::Skill(args)) => skill::run(args, &common),
        Some(Command::Sandbox(args)) => sandbox::run(args),
        Some(Command::Panic) => open::panic(&common),
        Some(Command::Job(args)) => job::run(args, &common),
    }
}
