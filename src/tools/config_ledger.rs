//! `config_ledger`: who reads each config key, what moves when it changes, and what the port ignores. The same ledger as
//! the configs pane's; rejecting an alarm is the person's.

use std::fmt::Write;

use futures::FutureExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::data::ToolEnd;
use super::def::{Answer, Class, Desk, Line, Told, ToolDef, Work, done};
use super::error::ToolError;
use super::paths::Writable;
use super::{args, bound};
use crate::hub::data::{Entry, Ledger, Place};
use crate::util::text::one_line;

pub const NAME: &str = "config_ledger";

/// Most keys that are shown.
const MOST: usize = 80;
/// Most lines of one side that are shown.
const MOST_PLACES: usize = 3;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    show: Show,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Show {
    #[default]
    Alarms,
    All,
}

pub const DEF: ToolDef = ToolDef {
    name: NAME,
    about: include_str!("../../prompts/tools/config_ledger.md"),
    class: Class::Read,
    schema,
    check: |arguments, _| args::typed::<Args>(NAME, arguments).map(drop),
    work: Work::Wait(wait),
};

fn schema(_: &Writable) -> Value {
    json!({
        "type": "object",
        "properties": {
            "key": {"type": "string", "description": "Only keys that contain this text"},
            "show": {"type": "string", "enum": ["alarms", "all"], "description": "alarms when left out"},
        },
        "additionalProperties": false,
    })
}

fn wait(arguments: Value, desk: &Desk, line: Line) -> Answer<'_, ToolEnd> {
    async move {
        let args: Args = args::typed(NAME, arguments)?;
        let ledger = desk.services.ledger(None, line.cancel).await.map_err(ToolError::Service)?;
        Ok(done(told(&args, &ledger, desk)))
    }
    .boxed()
}

fn told(args: &Args, ledger: &Ledger, desk: &Desk) -> Told {
    let wanted = |entry: &&Entry| match &args.key {
        Some(key) => entry.path.contains(key.as_str()),
        None => args.show == Show::All || entry.alarm.is_some(),
    };
    let entries: Vec<&Entry> = ledger.entries.iter().filter(wanted).collect();
    let alarms = ledger.alarms();
    let mut text = format!("{} keys, {alarms} alarms\n", ledger.entries.len());
    for known in &ledger.known {
        let _ = writeln!(text, "{}", bound::line(&one_line(known)));
    }
    let mut shown = 0;
    for entry in entries.iter().take(MOST) {
        let block = described(entry, desk);
        if text.len() + block.len() > bound::MOST_CHARS {
            break;
        }
        text.push_str(&block);
        shown += 1;
    }
    if shown < entries.len() {
        let _ = writeln!(text, "{} more keys; give a part of the key's name", entries.len() - shown);
    }
    if entries.is_empty() {
        text.push_str(match args.key {
            Some(_) => "no key matches\n",
            None => "no alarm; ask with \"show\": \"all\" for every key\n",
        });
    }
    (text, format!("config ledger: {alarms} alarms"))
}

fn described(entry: &Entry, desk: &Desk) -> String {
    let sign = match (entry.rings(), entry.alarm.is_some()) {
        (true, _) => "! ",
        (false, true) => "x ",
        (false, false) => "  ",
    };
    let mut head = format!("{sign}{}", one_line(&entry.path));
    if let Some(flag) = entry.flag {
        let _ = write!(head, " [{}]", flag.text());
    }
    if let Some(alarm) = entry.alarm {
        let _ = write!(head, ": {}", alarm.text());
    }
    if let Some(rejected) = &entry.rejected {
        let _ = write!(head, "; rejected by the person: {}", one_line(&rejected.reason));
    }
    let mut block = format!("{}\n", bound::line(&head));
    for (side, places) in [("reference", &entry.reference), ("port", &entry.port)] {
        let _ = writeln!(block, "    {side}: {}", bound::line(&lines(places, desk)));
    }
    let reference = entry.reference_default.as_ref().map(|value| format!("the class's {}", value.short()));
    let port = entry.port_default.as_ref().map(|value| format!("the port's {value}"));
    let defaults: Vec<String> = [reference, port].into_iter().flatten().collect();
    if !defaults.is_empty() {
        let _ = writeln!(block, "    default: {}", bound::line(&one_line(&defaults.join(", "))));
    }
    let moved = |mutation: &str, verb: &str| {
        entry.worst(mutation).map(|one| format!("{verb} ({}): {}", one_line(&one.value), one.words()))
    };
    let moves = [moved("value", "changed"), moved("null", "set to null"), moved("absent", "removed")];
    for told in moves.into_iter().flatten().chain(entry.untried.clone()).chain(entry.findings.clone()) {
        let _ = writeln!(block, "    {}", bound::line(&one_line(&told)));
    }
    block
}

fn lines(places: &[Place], desk: &Desk) -> String {
    if places.is_empty() {
        return "does not read it".into();
    }
    let one = |place: &Place| {
        format!("{}:{} `{}`", desk.roots.name(&place.file), place.line, one_line(&place.text))
    };
    let mut shown: Vec<String> = places.iter().take(MOST_PLACES).map(one).collect();
    if places.len() > MOST_PLACES {
        shown.push(format!("{} more lines", places.len() - MOST_PLACES));
    }
    shown.join("; ")
}
