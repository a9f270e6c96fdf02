//! `mlxport resume`, `sessions` and `record`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::Common;
use crate::util::blame::{Blame, Report};

#[derive(Debug, clap::Args)]
pub struct ResumeArgs {
    /// The session's id or a unique start of it [default: the last session]
    pub id: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct ListArgs {}

#[derive(Debug, clap::Args)]
pub struct RecordArgs {
    /// The session's id or a unique start of it
    pub id: String,
    /// Where to write the recording
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}

pub fn resume(_args: ResumeArgs, _common: &Common) -> Result<ExitCode, Report> {
    Err(Report::new(Blame::Bug, "not connected yet"))
}

pub fn list(_args: ListArgs, _common: &Common) -> Result<ExitCode, Report> {
    Err(Report::new(Blame::Bug, "not connected yet"))
}

pub fn record(_args: RecordArgs, _common: &Common) -> Result<ExitCode, Report> {
    Err(Report::new(Blame::Bug, "not connected yet"))
}
