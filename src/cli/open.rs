//! `mlxport` and `mlxport port MODEL`: open the workbench.

use std::process::ExitCode;

use super::{Common, output};
use crate::config::Home;
use crate::runtime::{self, Options};
use crate::util::blame::Report;

#[derive(Debug, Default, clap::Args)]
pub struct PortArgs {
    /// model_type, Hub repo id, link, or checkpoint folder
    pub model: Option<String>,
}

pub fn run(args: PortArgs, common: &Common) -> Result<ExitCode, Report> {
    let home = common.home.clone().unwrap_or_else(|| std::path::PathBuf::from("mlxport-home"));
    let options = Options {
        home: Home::at(home),
        model_type: args.model,
        plain: common.plain.then_some(output::line as fn(&str)),
    };
    runtime::run(options)
}
