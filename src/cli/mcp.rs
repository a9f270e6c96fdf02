//! `mlxport mcp`.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::check::family::existing;
use super::{Common, output, task};
use crate::agent::recipe::Recipe;
use crate::mcp::{Edits, Server, serve};
use crate::runtime::mcp::McpRooms;
use crate::util::blame::Report;

/// Flags of `mlxport mcp`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The model type of all calls [default: each call names its own]
    #[arg(value_name = "MODEL_TYPE")]
    pub model_type: Option<String>,
    /// A released config.json of the architecture; may be repeated
    #[arg(long = "config", value_name = "FILE")]
    pub configs: Vec<PathBuf>,
    /// Let the agent write the port and its test without asking; never a shared file
    #[arg(long)]
    pub allow_edits: bool,
    /// Let the agent run a battery on a config's checkpoint that takes no longer by its estimate
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=1440))]
    pub battery_minutes: u64,
}

/// Serves the tools until the client closes standard input.
pub fn run(args: Args, common: &Common) -> Result<ExitCode, Report> {
    let settings = common.settings()?;
    crate::runtime::log_to_file(&settings);
    let recipe = Recipe::load(&settings.home.value.root().join("prompts/recipe"));
    let recipe = recipe.map_err(|error| Report::from(&error))?;
    let configs =
        args.configs.iter().map(|path| existing(path, "the config")).collect::<Result<Vec<_>, _>>()?;
    if let Some(name) = &args.model_type {
        crate::tools::paths::Writable::new(name).map_err(|error| Report::from(&error))?;
    }
    if std::io::stdin().is_terminal() {
        output::progress(
            "this speaks the Model Context Protocol on stdin and stdout, to an agent's client that starts it",
        );
        output::progress("for example: claude mcp add mlxport -- mlxport mcp MODEL_TYPE; Ctrl-C ends it");
    }
    let leaving = CancellationToken::new();
    let rooms = McpRooms::new(settings, &configs, leaving.clone());
    if args.allow_edits {
        let id = rooms.session();
        output::progress(&format!("edits can be taken back: mlxport checkpoints {id}"));
    }
    let server = Server {
        rooms: Arc::new(rooms),
        model_type: args.model_type,
        edits: if args.allow_edits { Edits::Own } else { Edits::No },
        battery_minutes: args.battery_minutes,
        recipe,
    };
    task::run_on_stdin(async |cancel| {
        let _gone = leaving.drop_guard();
        serve(server, cancel).await
    })?;
    Ok(ExitCode::SUCCESS)
}
