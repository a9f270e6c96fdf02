//! `mlxport discover`: the checkpoints of an architecture, and ports of it that exist already.

mod line;
mod show;
mod write;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use super::source::waits;
use super::{COULD_NOT_RUN, Common, INTERRUPTED, output, task};
use crate::config::Settings;
use crate::hub::data::discover::{Finding, Found, Progress};
use crate::hub::discover::{Search, wanted};
use crate::hub::remote::Hub;
use crate::runtime::discover::{Sources, kept, radar};
use crate::util::blame::Report;
use crate::util::sink::Sink;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// model_type, class such as Qwen3ForCausalLM, owner/name, link, or checkpoint folder
    #[arg(id = "architecture", value_name = "MODEL")]
    model: String,
    /// Follow the Hub's list for so many repositories; the makers' own come on top
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// List every copy, fine-tune and quantized version, not only the first of each kind
    #[arg(long)]
    all: bool,
    /// Do not look for ports that exist already: aliases, branches, open pull requests
    #[arg(long)]
    no_radar: bool,
    /// Write the chosen variants as upstream's test manifest
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Choose this variant for the manifest [default: the first of each size and kind by the makers]
    #[arg(long = "pick", value_name = "REPO", requires = "manifest")]
    picks: Vec<String>,
    /// The pull request's number for the manifest; 0 while it is not open
    #[arg(long, value_name = "NUMBER", default_value_t = 0, requires = "manifest")]
    pr: u64,
}

pub fn run(args: Args, common: &Common) -> Result<ExitCode, Report> {
    let settings = common.settings()?;
    let wanted = wanted(&args.model).map_err(|error| Report::from(&error))?;
    let sources = Sources::of(&settings);
    let hub = Hub::open(&settings, waits()).map_err(|error| Report::from(&error))?;
    let (found, findings) = task::run(async |cancel| {
        let search = Search {
            hub: &hub,
            wanted,
            limit: args.limit as usize,
            library: &sources,
            kept: Some(kept(&settings)),
            cancel,
        };
        let sink: Sink<Found> = Arc::new(|found| output::progress(&show::progress(&found)));
        let found = search.run(&sink).await.map_err(|error| Report::from(&error))?;
        let findings = match (&found.model_type, &found.progress) {
            (Some(model_type), Progress::Done | Progress::Failed(_)) if !args.no_radar => {
                radar(&settings, &sources, model_type).await
            }
            _ => Vec::new(),
        };
        Ok((found, findings))
    })?;
    print(&args, common, &found, &findings);
    if let Some(file) = &args.manifest {
        manifest(file, &args, &settings, &hub, &found)?;
    }
    Ok(match &found.progress {
        Progress::Failed(report) => {
            output::error(report);
            ExitCode::from(COULD_NOT_RUN)
        }
        Progress::Stopped => ExitCode::from(INTERRUPTED),
        _ => ExitCode::SUCCESS,
    })
}

fn print(args: &Args, common: &Common, found: &Found, findings: &[Finding]) {
    if common.json {
        output::json(&show::json(found, findings));
    } else if common.plain {
        show::plain(found, findings, args.all).iter().for_each(|line| output::line(line));
    } else {
        show::table(found, findings, args.all).iter().for_each(|line| output::line(line));
    }
}

fn manifest(
    file: &std::path::Path,
    args: &Args,
    settings: &Settings,
    hub: &Hub,
    found: &Found,
) -> Result<(), Report> {
    let text = task::run(async |_| write::text(&args.picks, args.pr, settings, hub, found).await)?;
    crate::util::fs::write_atomic(file, text.as_bytes()).map_err(|error| Report::from(&error))?;
    output::progress(&format!("[manifest] {}", file.display()));
    Ok(())
}
