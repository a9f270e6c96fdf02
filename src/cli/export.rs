//! `mlxport export`.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use super::{Common, output, sessions};
use crate::config::Home;
use crate::runtime;
use crate::session::{self, export};
use crate::util::blame::{Blame, Report};
use crate::util::fs::write_atomic;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The session's id or a unique start of it [default: the last session]
    id: Option<String>,
    /// md, json or html [default: by the file's ending, else md]
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Where to write it [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Writes a session as a document to read.
pub fn run(args: Args, common: &Common) -> Result<ExitCode, Report> {
    let format = format(&args)?;
    let settings = common.settings()?;
    let (home, id) = found(&settings.home.value, args.id.as_deref())?;
    let redactor = sessions::redactor(&settings);
    let text = export::export(&home, &id, format, &redactor).map_err(|error| Report::from(&error))?;
    let Some(path) = &args.output else {
        output::line(text.trim_end());
        return Ok(ExitCode::SUCCESS);
    };
    write_atomic(path, text.as_bytes()).map_err(|error| Report::from(&error))?;
    if common.json {
        output::json(&json!({"schema": 1, "session": id, "file": path, "format": format.ending()}));
    } else {
        output::line(&format!("session {id} written: {}", path.display()));
        output::line("read it before you share it: keys and folders are removed, what was said is not");
    }
    Ok(ExitCode::SUCCESS)
}

/// The person's own sessions come first; a demo's is in the demo's own folder.
fn found(home: &Home, id: Option<&str>) -> Result<(Home, String), Report> {
    match session::find(home, id) {
        Ok(id) => Ok((home.clone(), id)),
        Err(error) => runtime::demo::again(home, id).ok_or_else(|| Report::from(&error)),
    }
}

fn format(args: &Args) -> Result<export::Format, Report> {
    let ending = args.output.as_ref().and_then(|path| path.extension()).map(|end| end.to_string_lossy());
    let unknown = |what: &str, name: &str| {
        Report::new(Blame::User, format!("{what}: {name:?} is no format of an export"))
            .hint("use --format md, --format json or --format html")
    };
    match (&args.format, ending) {
        (Some(name), _) => export::Format::parse(name).ok_or_else(|| unknown("--format", name)),
        (None, Some(end)) => export::Format::parse(&end).ok_or_else(|| unknown("-o", &end)),
        (None, None) => Ok(export::Format::Markdown),
    }
}
