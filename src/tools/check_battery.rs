//! `check_battery`: upstream's tests and ours on real weights, of a variant of the session. It takes minutes and gigabytes: what it
//! costs is shown to the person, who agrees each time.

use std::path::PathBuf;

use futures::FutureExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::data::{Prepared, ToolEnd};
use super::def::{Answer, Class, Desk, Line, ToolDef, Work, blocking, checked};
use super::error::ToolError;
use super::paths::Writable;
use super::services::Estimate;
use super::{args, bound, variants};
use crate::agent::data::{EditOrigin, EditScope, Proposal, ToolRun};
use crate::harness::asks;
use crate::harness::data::FamilyRequest;
use crate::util::blame::{Blame, Report};
use crate::util::fs::create_dir;
use crate::util::text::one_line;

pub const NAME: &str = "check_battery";

/// Names of tests in one call; there are fewer.
const MOST_TESTS: usize = 40;
const MOST_TOKENS: u64 = 4096;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    variant: String,
    #[serde(default)]
    tests: Vec<String>,
    #[serde(default)]
    max_tokens: Option<u64>,
}

pub const DEF: ToolDef = ToolDef {
    name: NAME,
    about: include_str!("../../prompts/tools/check_battery.md"),
    class: Class::Check,
    schema,
    check: |arguments, _| parse(arguments).map(drop),
    work: Work::Cost { ask, run },
};

fn schema(_: &Writable) -> Value {
    json!({
        "type": "object",
        "properties": {
            "variant": {"type": "string", "description": "The variant of the session, as config_diff shows it, whose folder holds the weights"},
            "tests": {"type": "array", "items": {"type": "string"}, "description": "Names of tests; all when left out. An unknown name is answered with those there are"},
            "max_tokens": {"type": "integer", "minimum": 1, "maximum": MOST_TOKENS, "description": "Generate fewer tokens than upstream does"},
        },
        "required": ["variant"],
        "additionalProperties": false,
    })
}

fn parse(arguments: Value) -> Result<Args, ToolError> {
    let args: Args = args::typed(NAME, arguments)?;
    let wrong = |text: String| Err(ToolError::Arguments { tool: NAME, text });
    if args.tests.len() > MOST_TESTS || args.tests.iter().any(|name| name.len() > 60) {
        return wrong(format!("`tests` are at most {MOST_TESTS} names"));
    }
    match args.max_tokens {
        Some(count) if !(1..=MOST_TOKENS).contains(&count) => {
            wrong(format!("`max_tokens` is from 1 to {MOST_TOKENS}"))
        }
        _ => Ok(args),
    }
}

/// Makes the request; only folders of the session's own variants are ever in it.
async fn request(args: &Args, desk: &Desk) -> Result<FamilyRequest, ToolError> {
    let folder = variants::folder_of(NAME, args.variant.clone(), desk).await?;
    let out = desk.results.join("battery");
    let service = |error| ToolError::Service(Report::from(&error));
    let (folder, out) = blocking(move || {
        create_dir(&out).map_err(service)?;
        Ok((real(folder)?, real(out)?))
    })
    .await?;
    Ok(FamilyRequest { port: desk.port(), ..asks::battery(folder, out, &args.tests, args.max_tokens) })
}

fn real(path: PathBuf) -> Result<PathBuf, ToolError> {
    path.canonicalize()
        .map_err(|error| ToolError::Read { path: path.display().to_string(), text: error.to_string() })
}

fn ask(arguments: Value, desk: &Desk, line: Line) -> Answer<'_, Prepared> {
    async move {
        let args = parse(arguments)?;
        let request = request(&args, desk).await?;
        let folder = request.target["checkpoint"].as_str().unwrap_or_default().to_string();
        let found = desk.services.estimate(request, line.cancel).await.map_err(told)?;
        let (name, seconds) = (subject(&args), found.seconds.clamp(1.0, 1e9).ceil() as u64);
        Ok(Prepared::Propose(Proposal {
            call_id: line.call_id,
            title: format!("run {name}: about {}, {:.1} GB of memory", time(seconds), found.memory_gb),
            path: name,
            scope: EditScope::Run { seconds },
            before: String::new(),
            after: shown(&args, &folder, &found, desk),
        }))
    }
    .boxed()
}

fn run(call: ToolRun, desk: &Desk, line: Line) -> Answer<'_, ToolEnd> {
    async move {
        let agreed = call.approved.ok_or(ToolError::NotApproved { tool: NAME })?;
        let args = parse(call.arguments)?;
        // What was agreed to came back through the conversation: another run's yes is none for this one.
        if agreed.path != subject(&args) || agreed.by != EditOrigin::Model {
            return Err(ToolError::Arguments { tool: NAME, text: "the person agreed to another run".into() });
        }
        let request = request(&args, desk).await?;
        let result = desk.services.battery(request, line.events(), line.cancel).await.map_err(told)?;
        let tree = result.environment.get("results").and_then(Value::as_str).map(one_line);
        let note = tree.map(|tree| format!("results and how to run it again: {tree}")).unwrap_or_default();
        Ok(checked(result, &note, desk))
    }
    .boxed()
}

/// What stands against a run is the model's to hear, whoever must mend it: other checks may still be run.
fn told(report: Report) -> ToolError {
    match report.blame {
        Blame::Bug => ToolError::Service(report),
        _ => ToolError::Service(Report { blame: Blame::User, ..report }),
    }
}

fn subject(args: &Args) -> String {
    format!("the battery on {}", bound::line(&one_line(&args.variant)))
}

fn time(seconds: u64) -> String {
    if seconds < 120 { format!("{seconds} s") } else { format!("{} min", seconds.div_ceil(60)) }
}

fn shown(args: &Args, folder: &str, found: &Estimate, desk: &Desk) -> String {
    let tests = if args.tests.is_empty() { "all".into() } else { bound::list(&args.tests, MOST_TESTS) };
    let tokens = args.max_tokens.map_or("as upstream does".into(), |count| format!("at most {count} tokens"));
    let mut lines = vec![
        format!("checkpoint  {folder}"),
        format!("port        {}, as it is saved when it starts", desk.writable.model()),
        format!("tests       {tests}; generates {tokens}"),
    ];
    // The figures must be readable on a narrow screen.
    lines.extend(found.words.iter().flat_map(|words| words.split("; ").map(str::to_string)));
    lines.push("It is a job of its own and goes on when mlxport is closed;".into());
    lines.push("an interrupt stops it, what is finished stays.".into());
    lines.iter().map(|line| one_line(line) + "\n").collect()
}
