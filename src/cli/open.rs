//! `mlxport` and `mlxport port MODEL`: open the workbench.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::name::{Named, named_model};
use super::{Common, output};
use crate::port::Workspace;
use crate::runtime::{self, Options, Start};
use crate::session;
use crate::source;
use crate::util::blame::{Blame, Report};

#[derive(Debug, Default, clap::Args)]
pub struct PortArgs {
    /// model_type such as arcee, class, owner/name or link on the Hub, or checkpoint folder
    // Its own id: `model` is the global flag, and clap would give one's value to the other.
    #[arg(id = "architecture", value_name = "MODEL")]
    pub model: Option<String>,
    /// Another config.json or checkpoint folder for the configs pane and the twins
    #[arg(long = "config", value_name = "FILE")]
    pub configs: Vec<PathBuf>,
}

/// Opens the workbench on a model, or on the last session.
pub fn run(args: PortArgs, common: &Common) -> Result<ExitCode, Report> {
    let mut options = options(common)?;
    options.configs = named(args.configs)?;
    if let Some(model) = args.model {
        let Named { model_type, config, taken } = named_model(&model, &options.settings)?;
        if let Some(workspace) = Workspace::open(&options.settings.home.value) {
            source::portable(&workspace.transformers_dir, &model_type)
                .map_err(|error| Report::from(&error))?;
        }
        options.configs.extend(config);
        options.discover = taken.map(|taken| (model, taken));
        options.start = Start::New { model_type: Some(model_type) };
    } else if let Ok(id) = session::find(&options.settings.home.value, None) {
        options.start = Start::Resume { id };
    }
    runtime::run(options)
}

/// Gives what every way into the workbench starts from.
pub(super) fn options(common: &Common) -> Result<Options, Report> {
    let mut options = Options::new(common.settings()?);
    options.plain = common.plain.then_some(output::line as fn(&str));
    options.farewell = Some(output::line);
    Ok(options)
}

/// Opens the screen and breaks in a job (tests only).
pub fn panic(common: &Common) -> Result<ExitCode, Report> {
    let mut options = options(common)?;
    options.break_soon = true;
    runtime::run(options)
}

/// Takes the configs named on the command line, from the folder that the command was given in.
pub(super) fn named(configs: Vec<PathBuf>) -> Result<Vec<PathBuf>, Report> {
    for config in &configs {
        config_is_there(config)?;
    }
    // A session is resumed from any folder.
    Ok(configs.into_iter().map(|path| std::path::absolute(&path).unwrap_or(path)).collect())
}

/// Refuses a path with nothing at it; what a config says wrong is the pane's to show, beside the others.
fn config_is_there(path: &Path) -> Result<(), Report> {
    if path.exists() {
        return Ok(());
    }
    Err(Report::new(Blame::User, format!("--config: there is nothing at {}", path.display()))
        .hint("give the path of a config.json or of the folder that holds one"))
}
