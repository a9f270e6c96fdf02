//! `mlxport lint FILE…`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tokio_util::sync::CancellationToken;

use super::{COULD_NOT_RUN, Common, FAILED, INTERRUPTED, output, source, task};
use crate::lint::{self, Formatted, Linted, Linter, Severity};
use crate::port::Workspace;
use crate::tools::format_port::black_isort;
use crate::util::blame::Report;

/// Flags of `mlxport lint`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Model files, or tests/test_models.py
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// A released config.json, to find defaults copied from it; may be repeated
    #[arg(long = "config", value_name = "FILE")]
    pub configs: Vec<PathBuf>,
}

/// Judges files by mlx-lm's conventions. Exit 1 when upstream's CI would fail; 2 when a file cannot be read.
pub fn run(args: Args, common: &Common) -> Result<ExitCode, Report> {
    let settings = common.settings()?;
    let configs = source::configs(&args.configs, common)?;
    let workspace = Workspace::open(&settings.home.value);
    let transformers = workspace.as_ref().map(|workspace| workspace.transformers_dir.clone());
    let mut linter = Linter::new(configs, transformers);
    let python = workspace.map(|workspace| workspace.python);
    let done = task::run(async |cancel| {
        let mut done = Vec::new();
        for file in &args.files {
            done.push(one(&mut linter, file, python.as_deref(), &cancel).await);
            if cancel.is_cancelled() {
                return Ok(None);
            }
        }
        Ok(Some(done))
    })?;
    let Some(done) = done else { return Ok(ExitCode::from(INTERRUPTED)) };
    match common.json {
        true => output::json(&to_json(&done)),
        false => done.iter().flat_map(lint::told).for_each(|line| output::line(&line)),
    }
    done.iter().filter_map(|linted| linted.error.as_ref()).for_each(output::error);
    Ok(ExitCode::from(match verdict(&done) {
        "pass" => 0,
        "fail" => FAILED,
        _ => COULD_NOT_RUN,
    }))
}

async fn one(linter: &mut Linter, file: &Path, python: Option<&Path>, cancel: &CancellationToken) -> Linted {
    let mut subject = match linter.open(file) {
        Ok(Ok(subject)) => subject,
        Ok(Err(linted)) => return linted,
        Err(error) => return Linted::unread(file, Report::from(&error)),
    };
    // A text that does not parse is said once, by the rules.
    if subject.syntax.broken().is_none() {
        subject.formatted = match python {
            None => Formatted::NotRun("the Python environment is not built: run `mlxport setup`".into()),
            Some(python) => match black_isort(python, subject.syntax.text(), cancel).await {
                Ok(text) => Formatted::Text(text),
                Err(report) => Formatted::failed(&report),
            },
        };
    }
    lint::judge(&subject)
}

fn verdict(done: &[Linted]) -> &'static str {
    match () {
        () if done.iter().any(|linted| linted.error.is_some()) => "could_not_run",
        () if done.iter().all(Linted::passes) => "pass",
        () => "fail",
    }
}

fn to_json(done: &[Linted]) -> serde_json::Value {
    let count = |severity| done.iter().map(|linted| linted.count(severity)).sum::<usize>();
    serde_json::json!({
        "schema": 1,
        "verdict": verdict(done),
        "counts": {
            "error": count(Severity::Error),
            "warning": count(Severity::Warning),
            "note": count(Severity::Note),
        },
        "files": done,
    })
}
