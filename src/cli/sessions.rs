//! `mlxport resume`, `sessions` and `record`.

use std::path::PathBuf;
use std::process::ExitCode;

use secrecy::ExposeSecret;
use serde_json::json;

use super::{Common, output};
use crate::config::{Env, Flags, Settings};
use crate::port::Workspace;
use crate::runtime::{self, Start};
use crate::session::{self, Recorded, Redactor, SessionError, Summary};
use crate::util::blame::Report;

#[derive(Debug, clap::Args)]
pub struct ResumeArgs {
    /// The session's id or a unique start of it [default: the last session]
    pub id: Option<String>,
    /// A config.json or checkpoint folder for the configs pane; replaces those of the session
    #[arg(long = "config", value_name = "FILE")]
    pub configs: Vec<PathBuf>,
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

pub fn resume(args: ResumeArgs, common: &Common) -> Result<ExitCode, Report> {
    let mut options = super::open::options(common)?;
    options.configs = super::open::named(args.configs)?;
    let home = &options.settings.home.value;
    match session::find(home, args.id.as_deref()) {
        Ok(id) => options.start = Start::Resume { id },
        // A demo's session is in the demo's own folder; the person's own sessions come first.
        Err(error) => match runtime::demo::again(home, args.id.as_deref()) {
            Some((home, id)) => return super::demo::resume(home, id, options),
            None => return Err(Report::from(&error)),
        },
    }
    runtime::run(options)
}

pub fn list(_args: ListArgs, common: &Common) -> Result<ExitCode, Report> {
    let settings = settings(common)?;
    let sessions = session::list(&settings.home.value).map_err(|error| Report::from(&error))?;
    if common.json {
        output::json(&json!({"schema": 1, "sessions": sessions}));
    } else if sessions.is_empty() {
        output::line("no session yet; `mlxport port MODEL` starts one");
    } else {
        sessions.iter().for_each(|summary| output::line(&shown(summary)));
    }
    Ok(ExitCode::SUCCESS)
}

pub fn record(args: RecordArgs, common: &Common) -> Result<ExitCode, Report> {
    let settings = settings(common)?;
    let home = &settings.home.value;
    let done = || -> Result<(String, Recorded), SessionError> {
        let id = session::find(home, Some(&args.id))?;
        let recorded = session::record(home, &id, &args.output, &redactor(&settings))?;
        Ok((id, recorded))
    };
    let (id, Recorded { lines, configs }) = done().map_err(|error| Report::from(&error))?;
    if common.json {
        let file = &args.output;
        output::json(&json!({"schema": 1, "session": id, "file": file, "lines": lines, "configs": configs}));
    } else {
        output::line(&format!(
            "session {id} saved as a recording: {} ({lines} lines)",
            args.output.display()
        ));
        if configs > 0 {
            let folder = args.output.with_extension("");
            output::line(&format!("its {configs} configs, which a replay checks: {}", folder.display()));
        }
        output::line("read it before you share it: keys and folders are removed, what you typed is not");
    }
    Ok(ExitCode::SUCCESS)
}

fn settings(common: &Common) -> Result<Settings, Report> {
    let flags = Flags { home: common.home.clone(), verbose: common.verbose, ..Flags::default() };
    Settings::load(flags, &Env::from_process()).map_err(|error| Report::from(&error))
}

/// What this run knows to be secret, and its folders; the log was redacted once already.
pub(super) fn redactor(settings: &Settings) -> Redactor {
    let home = &settings.home.value;
    let redactor = settings
        .secrets()
        .iter()
        .fold(Redactor::default(), |redactor, key| redactor.secret(key.expose_secret()))
        .folder(home.root(), "$HOME_DIR");
    match Workspace::open(home) {
        Some(workspace) => redactor.folder(&workspace.transformers_dir, "$TRANSFORMERS"),
        None => redactor,
    }
}

fn shown(summary: &Summary) -> String {
    let verdict = summary.last_verdict.map_or("no check", |verdict| verdict.name());
    let turns = format!("{} message{}", summary.turns, if summary.turns == 1 { "" } else { "s" });
    let demo = if summary.recording { "  (recorded)" } else { "" };
    let line =
        format!("{}  {:<16} {}  {turns}  {verdict}{demo}", summary.id, summary.model_type, summary.updated);
    crate::util::text::one_line(&line)
}
