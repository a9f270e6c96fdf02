//! `mlxport` and `mlxport port MODEL`: open the workbench.

use std::process::ExitCode;

use super::Common;
use crate::util::blame::{Blame, Report};

#[derive(Debug, Default, clap::Args)]
pub struct PortArgs {
    /// model_type, Hub repo id, link, or checkpoint folder
    pub model: Option<String>,
}

pub fn run(_args: PortArgs, _common: &Common) -> Result<ExitCode, Report> {
    Err(Report::new(Blame::Bug, "not connected yet"))
}
