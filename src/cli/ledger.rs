//! `mlxport ledger`.

mod show;

use std::path::PathBuf;
use std::process::ExitCode;

use super::{Common, known, output, source};
use crate::hub::{self, decisions};
use crate::runtime::variants::{self, Evidence};
use crate::util::blame::{Blame, Report};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A model type, or config.json files, checkpoint folders and repositories of one type
    #[arg(required = true, value_name = "MODEL|CONFIG")]
    pub models: Vec<String>,
    /// The port's file [default: the checkout's]
    #[arg(long, value_name = "FILE")]
    pub port: Option<PathBuf>,
    /// A stored run that changed the keys [default: the newest of this port]
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// Print only the alarms
    #[arg(short, long)]
    pub alarms: bool,
    /// Reject the alarm of a key; say why with --because
    #[arg(long, value_name = "KEY", requires = "because")]
    pub reject: Option<String>,
    #[arg(long, value_name = "REASON", requires = "reject")]
    pub because: Option<String>,
    /// Take a rejection back
    #[arg(long, value_name = "KEY", conflicts_with = "reject")]
    pub restore: Option<String>,
}

pub fn run(args: Args, common: &Common) -> Result<ExitCode, Report> {
    let given: Vec<PathBuf> = args.models.iter().map(PathBuf::from).collect();
    let files: Vec<PathBuf> = given.into_iter().filter(|path| path.exists() || is_path(path)).collect();
    let names: Vec<&String> =
        args.models.iter().filter(|name| !files.contains(&PathBuf::from(name))).collect();
    let configs = source::configs(&files, common)?;
    let mut types: Vec<String> = names.into_iter().cloned().collect();
    types.extend(configs.iter().filter_map(|config| config.model_type.clone()));
    types.dedup();
    let [model_type] = types.as_slice() else {
        let text = format!("a ledger is of one model type, not of {}: {}", types.len(), types.join(", "));
        return Err(Report::new(Blame::User, text).hint("give one model type, or configs that name the same"));
    };
    let settings = common.settings()?;
    let home = settings.home.value.root();
    let failed = |error| Report::from(&error);
    if let (Some(key), Some(reason)) = (&args.reject, &args.because) {
        decisions::reject(home, model_type, key, reason).map_err(failed)?;
    }
    if let Some(key) = &args.restore {
        decisions::restore(home, model_type, key).map_err(failed)?;
    }
    let workspace = known::workspace(common)?;
    let references = workspace.as_ref().map(|found| found.reference_files(model_type)).unwrap_or_default();
    let port = args.port.clone().or_else(|| workspace.as_ref().map(|found| found.port_file(model_type)));
    let port = match (&args.port, port) {
        (Some(path), _) if !path.is_file() => {
            return Err(Report::new(Blame::User, format!("there is no port at {}", path.display())));
        }
        (_, port) => port.filter(|path| path.is_file()),
    };
    let defaults = known::defaults(Some(model_type), &configs, common)?;
    let matrix = hub::matrix(&configs, &defaults);
    let results = settings.home.value.results();
    let run = args.run.clone();
    let evidence =
        Evidence { home: home.into(), results, model_type: model_type.clone(), references, port, run };
    let mut ledger = variants::ledger(&evidence, &matrix, &defaults.class)?;
    let alarms = ledger.alarms();
    if args.alarms {
        ledger.entries.retain(|entry| entry.alarm.is_some());
    }
    match common.json {
        true => output::json(&show::to_json(&ledger, alarms)),
        false => output::line(&show::table(&ledger, alarms)),
    }
    Ok(ExitCode::SUCCESS)
}

fn is_path(path: &std::path::Path) -> bool {
    path.components().count() > 1 || path.extension().is_some_and(|end| end == "json")
}
