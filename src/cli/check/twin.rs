//! `mlxport check twin MODEL`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use super::{show, target};
use crate::cli::source::Need;
use crate::cli::{Common, INTERRUPTED, code, output, site, task};
use crate::harness::data::{CheckId, Limits, RunResult, plan};
use crate::harness::{Harness, HarnessError, TwinRequest};
use crate::util::blame::Report;

/// Flags of `mlxport check twin`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// A model type, a checkpoint folder with its config.json, or a Hub repository or link
    // Its own id: `model` is the global flag.
    #[arg(id = "architecture", value_name = "MODEL", required_unless_present = "all")]
    pub model: Option<String>,
    /// The port's file [default: mlx_lm/models/<model_type>.py of the checkout]
    #[arg(long, value_name = "FILE")]
    pub port: Option<PathBuf>,
    /// A released config.json; may be repeated [default: the config class's own values]
    #[arg(long = "config", value_name = "FILE")]
    pub configs: Vec<PathBuf>,
    /// A checkpoint folder whose own code is the reference; accepted by `mlxport code` before
    #[arg(long, value_name = "DIR", conflicts_with = "all")]
    pub reference_code: Option<PathBuf>,
    /// Checks to run, comma-separated names, or a plan: quick, full [default: quick]
    #[arg(long, value_delimiter = ',', value_parser = Checks::read)]
    pub checks: Vec<Checks>,
    /// Every model type that transformers and mlx-lm share, one after another
    #[arg(long, conflicts_with_all = ["architecture", "port", "configs"])]
    pub all: bool,
    /// Seconds for a whole run; a port that takes longer has failed
    #[arg(long, value_name = "S", default_value_t = 120.0, value_parser = seconds)]
    pub timeout: f64,
    /// Memory that the port may use
    #[arg(long, value_name = "N", default_value_t = 8192)]
    pub mem_mb: u64,
    /// Seed of the random weights
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

/// What one word of `--checks` stands for.
#[derive(Clone, Debug)]
pub struct Checks(Vec<CheckId>);

impl Checks {
    fn read(text: &str) -> Result<Self, String> {
        plan::parse(text).map(Self)
    }
}

impl Args {
    /// Makes the request for one model type.
    pub fn request(&self, model_type: String) -> TwinRequest {
        let asked: Vec<CheckId> = self.checks.iter().flat_map(|checks| checks.0.clone()).collect();
        let checks = if asked.is_empty() { plan::quick() } else { plan::order(&asked) };
        let limits = Limits { timeout: Duration::from_secs_f64(self.timeout), mem_mb: self.mem_mb };
        TwinRequest {
            port: self.port.clone(),
            configs: self.configs.clone(),
            checks,
            seed: self.seed,
            limits,
            ..TwinRequest::new(model_type)
        }
    }
}

/// Runs one twin check.
pub fn run(args: Args, common: &Common) -> Result<ExitCode, Report> {
    let model = args.model.clone().unwrap_or_default();
    // `names` compares with a release's headers.
    let names = args.checks.iter().any(|checks| checks.0.iter().any(|check| check.name() == "names"));
    let need = if names { Need::Headers } else { Need::Config };
    let run = async |target: target::Target, cancel| {
        let mut request = args.request(target.model_type);
        if let (Some(config), true) = (target.config, args.configs.is_empty()) {
            request.configs.push(config);
        }
        request.reference_code = args
            .reference_code
            .as_deref()
            .map(|folder| code::accepted_reference(folder, common))
            .transpose()?;
        let Some(site) = site::find(common, &cancel).await? else { return Ok(None) };
        let harness = Harness::new(site);
        match harness.check_twin(request, show::sink(), cancel).await {
            Ok(result) => Ok(Some(result)),
            Err(HarnessError::Cancelled) => Ok(None),
            Err(error) => Err(Report::from(&error)),
        }
    };
    let target = target::read(&model, need, common);
    let done = target.and_then(|target| task::run(async |cancel| run(target, cancel).await));
    match done {
        Ok(Some(result)) => Ok(show::result(&result, common)),
        Ok(None) => Ok(ExitCode::from(INTERRUPTED)),
        Err(report) => {
            if common.json {
                let request = args.request(model);
                output::json(&RunResult::could_not_run(&request, &report));
            }
            Err(report)
        }
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value > 0.0 && value <= 86_400.0 => Ok(value),
        _ => Err("a number of seconds between 0 and 86400".into()),
    }
}
