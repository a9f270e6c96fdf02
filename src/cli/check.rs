//! `mlxport check`.

use std::process::ExitCode;

use super::Common;
use crate::util::blame::{Blame, Report};

#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_args: Args, _common: &Common) -> Result<ExitCode, Report> {
    Err(Report::new(Blame::Bug, "not connected yet"))
}
