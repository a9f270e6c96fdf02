//! `mlxport check battery SOURCE`: a detached job, followed. Ctrl-C leaves it running.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Map, Value, json};

use super::family::{self, Limited};
use super::show;
use crate::cli::{COULD_NOT_RUN, Common, INTERRUPTED, output, site, task};
use crate::config::Home;
use crate::harness::asks;
use crate::harness::data::FamilyRequest;
use crate::harness::job::{self, End};
use crate::util::blame::{Blame, Report};
use crate::util::fs::create_dir;

/// Flags of `mlxport check battery`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// A checkpoint folder, or a manifest (upstream's schema, version 1)
    #[arg(required_unless_present = "cancel")]
    source: Option<PathBuf>,
    /// The commit that the port's file is from [default: the file's hash]
    #[arg(long)]
    sha: Option<String>,
    /// Tests to run, comma-separated, or upstream, all [default: all]
    #[arg(long, value_delimiter = ',')]
    tests: Vec<String>,
    /// Where a manifest's repo_id lies: REPO=FOLDER; may be repeated
    #[arg(long = "folder", value_name = "REPO=FOLDER")]
    folders: Vec<String>,
    /// Where the results tree goes [default: results/battery of the data folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// A results folder of a run that was cut: run what is not finished there
    #[arg(long = "continue", value_name = "DIR")]
    resume: Option<PathBuf>,
    /// Only say how long it takes and how much memory
    #[arg(long)]
    estimate: bool,
    /// Generate fewer tokens than upstream does
    #[arg(long, value_name = "N")]
    max_tokens: Option<u64>,
    /// Stop the battery that runs; what is finished stays
    #[arg(long)]
    cancel: bool,
    #[command(flatten)]
    limited: Limited,
}

/// Runs one battery.
pub fn run(args: Args, common: &Common) -> Result<ExitCode, Report> {
    let settings = common.settings()?;
    let home = &settings.home.value;
    if args.cancel {
        return task::run(async |_| match job::cancel(home, "battery").await? {
            0 => {
                output::line("[battery] none is running");
                Ok(ExitCode::from(COULD_NOT_RUN))
            }
            _ => {
                output::line("[battery] stopped; --continue FOLDER goes on");
                Ok(ExitCode::SUCCESS)
            }
        });
    }
    let request = args.request(home)?;
    let done = task::run(async |leave| match site::find(common, &leave).await? {
        None => Ok(End::Left),
        Some(_) => job::follow(home, &settings.exe, &request, show::sink(), leave).await,
    });
    match done {
        Ok(End::Done(result)) => Ok(show::result(&result, common)),
        Ok(End::Left) => {
            output::progress(
                "[battery] goes on by itself; the same command follows it, `mlxport check battery --cancel` stops it",
            );
            Ok(ExitCode::from(INTERRUPTED))
        }
        Err(report) => Err(family::failed(&request, report, common)),
    }
}

impl Args {
    fn request(&self, home: &Home) -> Result<FamilyRequest, Report> {
        let source = self.source.as_deref().unwrap_or(Path::new(""));
        let source = family::existing(source, "the checkpoint or manifest")?;
        let out = self.out.clone().unwrap_or_else(|| home.results().join("battery"));
        create_dir(&out).map_err(|error| Report::from(&error))?;
        let out = family::existing(&out, "the results folder")?;
        let mut request = self.limited.put(asks::battery(source, out, &self.tests, self.max_tokens));
        let mut folders = Map::new();
        for pair in &self.folders {
            let wrong = || Report::new(Blame::User, format!("--folder takes REPO=FOLDER, not `{pair}`"));
            let (repo, folder) = pair.split_once('=').ok_or_else(wrong)?;
            let folder = family::existing(folder.as_ref(), "the checkpoint folder")?;
            folders.insert(repo.into(), json!(folder));
            request.reads.push(folder);
        }
        let params = &mut request.params;
        params.insert("folders".into(), Value::Object(folders));
        params.insert("estimate".into(), json!(self.estimate));
        asks::put(params, "sha", self.sha.clone());
        if let Some(folder) = &self.resume {
            let folder = family::existing(folder, "the results folder")?;
            params.insert("continue".into(), json!(folder));
            request.writes.push(folder);
        }
        Ok(request)
    }
}
