//! `mlxport report RUN`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{Common, output};
use crate::harness::{files, html, store};
use crate::util::blame::Report;
use crate::util::fs::write_atomic;

/// Flags of `mlxport report`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's id; `last` for the newest
    run: String,
    /// Where the page goes [default: report.html in the run's folder]
    #[arg(short, long, value_name = "FILE.html")]
    output: Option<PathBuf>,
}

/// Writes a run as one self-contained HTML page, and prints its summary.
pub fn run(args: Args, common: &Common) -> Result<ExitCode, Report> {
    let results = common.settings()?.home.value.results();
    let id = store::resolve(&results, &args.run);
    let run = store::load(&results, &id).map_err(|error| Report::from(&error))?;
    let stale = store::stale(&run);
    let path = args.output.unwrap_or_else(|| results.join(&id).join("report.html"));
    write_atomic(&path, html::page(&run, &stale).as_bytes()).map_err(|error| Report::from(&error))?;
    if common.json {
        output::json(&serde_json::json!({ "schema": 1, "run_id": id, "report": path, "stale": stale }));
        return Ok(ExitCode::SUCCESS);
    }
    output::line(files::summary(&run).trim_end());
    for reason in stale {
        output::line(&format!("stale: {reason}"));
    }
    output::line(&format!("report: {}", path.display()));
    Ok(ExitCode::SUCCESS)
}
