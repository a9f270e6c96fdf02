//! `format_port`: black and isort as upstream pins them, as a proposal like any other change. The formatters read the
//! text on standard input and never see the checkout.

use std::path::Path;
use std::time::Duration;

use futures::FutureExt;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::args;
use super::data::Prepared;
use super::def::{Answer, Class, Desk, Line, Reach, ToolDef, Work};
use super::error::ToolError;
use super::paths::{TESTS, Target, Writable};
use super::propose::proposal;
use crate::agent::data::ToolOutcome;
use crate::util::blame::{Blame, Explain, Report};
use crate::util::process::{Command, ProcessError};

pub const NAME: &str = "format_port";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    #[serde(default)]
    path: Option<String>,
}

pub const DEF: ToolDef = ToolDef {
    name: NAME,
    about: include_str!("../../prompts/tools/format_port.md"),
    class: Class::Edit(Reach::Own),
    schema,
    check: |arguments, desk| parse(arguments, &desk.writable).map(drop),
    work: Work::Propose(propose),
};

fn schema(own: &Writable) -> Value {
    json!({
        "type": "object",
        "properties": {"path": {"type": "string", "enum": [own.model(), TESTS], "description": "The port when left out"}},
        "additionalProperties": false,
    })
}

fn parse(arguments: Value, writable: &Writable) -> Result<Target, ToolError> {
    let Args { path } = args::typed(NAME, arguments)?;
    writable.target(path.as_deref().unwrap_or(writable.model()))
}

fn propose(arguments: Value, desk: &Desk, line: Line) -> Answer<'_, Prepared> {
    async move {
        let target = parse(arguments, &desk.writable)?;
        let path = &target.path;
        let Some(before) = desk.now(&target)? else {
            return Err(ToolError::Edit { text: format!("{path} does not exist yet") });
        };
        let format = desk.services.format(before.clone(), line.cancel);
        let after = format.await.map_err(ToolError::Service)?;
        if after == before {
            let text = format!("{path} is formatted already; nothing to change");
            return Ok(Prepared::Reject(ToolOutcome::Done { text }));
        }
        let mut made = proposal(&line.call_id, &target, Some(before), after)?;
        made.title = made.title.replacen("edit", "format", 1);
        Ok(Prepared::Propose(made))
    }
    .boxed()
}

/// Formats Python text with the black and isort of an environment. A text that does not parse is the port's fault.
pub async fn black_isort(python: &Path, text: &str, cancel: &CancellationToken) -> Result<String, Report> {
    // -I keeps the working folder and the person's PYTHON* variables out; isort cannot see the checkout, so it is told
    // what upstream's own run finds there: that mlx_lm is first-party.
    let isort = ["-I", "-m", "isort", "--profile", "black", "-p", "mlx_lm", "-q", "-"];
    let sorted = piped(python, &isort, text, cancel).await?;
    piped(python, &["-I", "-m", "black", "-q", "-"], &sorted, cancel).await
}

async fn piped(
    python: &Path,
    args: &[&str],
    text: &str,
    cancel: &CancellationToken,
) -> Result<String, Report> {
    let output = Command::new(python)
        .args(args)
        .cwd("/")
        .clear_env()
        .env("PYTHONIOENCODING", "utf-8")
        .stdin(text.as_bytes())
        .timeout(Duration::from_secs(60))
        .cancel(cancel.clone())
        .run()
        .await
        .map_err(|error| report(&error, args[2]))?;
    String::from_utf8(output.stdout).map_err(|_| {
        Report::new(Blame::Environment, format!("{} answered with bytes that are not text", args[2]))
    })
}

fn report(error: &ProcessError, tool: &str) -> Report {
    let tail = error.detail().unwrap_or_default();
    if tail.contains("No module named") {
        return Report::new(Blame::Environment, format!("{tool} is not installed in the Python environment"))
            .hint("run `mlxport setup`");
    }
    match error {
        ProcessError::Failed { .. } => {
            let mut said = Report::new(Blame::Port, format!("{tool} cannot format the text"));
            said.detail = Some(tail);
            said
        }
        _ => Report::from(error),
    }
}
