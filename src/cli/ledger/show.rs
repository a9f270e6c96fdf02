//! The ledger as JSON and as a table.

use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

use crate::hub;
use crate::hub::data::{Entry, Ledger, Place};
use crate::util::text;

/// Columns wider than this are cut; `--json` has the whole values.
const WIDEST: usize = 46;

/// Gives the object that `--json` prints.
pub fn to_json(ledger: &Ledger, alarms: usize) -> Value {
    let entry = |entry: &Entry| {
        json!({
            "path": entry.path, "flagged": entry.flag.is_some(), "reference": entry.reference, "port": entry.port,
            "reference_default": entry.reference_default.as_ref().map(hub::data::Json::to_serde),
            "port_default": entry.port_default, "differs": entry.differs, "moves": entry.moves,
            "untried": entry.untried, "findings": entry.findings, "alarm": entry.alarm, "rejected": entry.rejected,
        })
    };
    let entries: Vec<Value> = ledger.entries.iter().map(entry).collect();
    json!({"model_type": ledger.model_type, "alarms": alarms, "known": ledger.known, "entries": entries})
}

/// Gives the lines for people.
pub fn table(ledger: &Ledger, alarms: usize) -> String {
    let title = ["", "key", "reference", "port", "changed", "null", "removed", "default", "port's", "why"];
    let mut lines: Vec<Vec<String>> = vec![title.map(str::to_string).to_vec()];
    lines.extend(ledger.entries.iter().map(cells));
    let width = |column: usize| lines.iter().map(|line| line[column].width()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..title.len()).map(width).collect();
    let mut shown: Vec<String> = lines
        .iter()
        .map(|line| {
            let padded = line
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell}{}", " ".repeat(width.saturating_sub(cell.width()) + 2)));
            padded.collect::<String>().trim_end().to_string()
        })
        .collect();
    shown.push(String::new());
    shown.extend(ledger.known.iter().cloned());
    shown.push("! alarm · x rejected · ⚑ look here · = both move alike · R! the reference alone moves · ≠! both, apart · P the port alone · · neither · R✗ P✗ refused".into());
    shown.push(format!("{} keys, {alarms} alarms", ledger.entries.len()));
    shown.join("\n")
}

fn cells(entry: &Entry) -> Vec<String> {
    let mark = if entry.rings() {
        "!"
    } else if entry.alarm.is_some() {
        "x"
    } else {
        " "
    };
    let flag = if entry.flag.is_some() { "⚑" } else { " " };
    let lines = |places: &[Place]| {
        let numbers: Vec<String> = places.iter().take(3).map(|place| place.line.to_string()).collect();
        let more = if places.len() > 3 { ",…" } else { "" };
        if numbers.is_empty() { "–".into() } else { format!("{}{more}", numbers.join(",")) }
    };
    let moved = |mutation| entry.worst(mutation).map_or_else(String::new, |one| one.sign().to_string());
    let cut = |shown: String| text::truncate(&text::one_line(&shown), 18);
    let why = match (&entry.rejected, entry.alarm) {
        (Some(rejected), Some(_)) => format!("rejected: {}", rejected.reason),
        (_, Some(alarm)) => alarm.text().to_string(),
        _ => entry.untried.clone().unwrap_or_default(),
    };
    vec![
        format!("{mark}{flag}"),
        text::truncate(&text::one_line(&entry.path), WIDEST),
        lines(&entry.reference),
        lines(&entry.port),
        moved("value"),
        moved("null"),
        moved("absent"),
        cut(entry.reference_default.as_ref().map(hub::data::Json::short).unwrap_or_default()),
        cut(entry.port_default.clone().unwrap_or_default()),
        text::truncate(&text::one_line(&why), 60),
    ]
}
