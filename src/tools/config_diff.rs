//! `config_diff`: the session's variants key by key, from the same matrix as the configs pane. Equal cells are told once,
//! so that forty variants cost no more than two.

use std::fmt::Write;

use futures::FutureExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::data::ToolEnd;
use super::def::{Answer, Class, Desk, Line, Told, ToolDef, Work, done};
use super::error::ToolError;
use super::paths::Writable;
use super::{args, bound};
use crate::hub::data::{Matrix, Row};
use crate::util::text::one_line;

pub const NAME: &str = "config_diff";

/// Most keys that are shown.
const MOST: usize = 120;
/// Most variants that are named beside one value.
const MOST_NAMES: usize = 6;

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
    /// What differs, and what goes wrong in ports.
    #[default]
    Notable,
    All,
}

pub const DEF: ToolDef = ToolDef {
    name: NAME,
    about: include_str!("../../prompts/tools/config_diff.md"),
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
            "show": {"type": "string", "enum": ["notable", "all"], "description": "notable, when left out: keys that differ or are flagged"},
        },
        "additionalProperties": false,
    })
}

fn wait(arguments: Value, desk: &Desk, line: Line) -> Answer<'_, ToolEnd> {
    async move {
        let args: Args = args::typed(NAME, arguments)?;
        if desk.services.configs().is_empty() {
            return Err(no_configs());
        }
        let (matrix, _) = desk.services.matrix(line.cancel).await.map_err(ToolError::Service)?;
        Ok(done(told(&args, &matrix)))
    }
    .boxed()
}

/// Says that there is nothing to lay side by side, and who can change that.
pub(super) fn no_configs() -> ToolError {
    let text = "no config is chosen yet; the person adds variants in the configs pane, or with --config";
    ToolError::Edit { text: text.into() }
}

fn told(args: &Args, matrix: &Matrix) -> Told {
    let wanted = |row: &&Row| match &args.key {
        Some(key) => row.path.contains(key.as_str()),
        None => args.show == Show::All || row.differs || row.flag.is_some(),
    };
    let mut rows: Vec<&Row> = matrix.rows.iter().filter(wanted).collect();
    rows.sort_by_key(|row| (row.flag.is_none(), !row.differs));
    let names: Vec<String> = matrix.variants.iter().map(|variant| one_line(&variant.name)).collect();
    let noun = if names.len() == 1 { "variant" } else { "variants" };
    let mut text = format!("{} {noun}: {}\n", names.len(), bound::list(&names, 40));
    let _ = writeln!(text, "{}", matrix.origin);
    let mut shown = 0;
    for row in rows.iter().take(MOST) {
        let line = bound::line(&described(row, &names));
        if text.len() + line.len() > bound::MOST_CHARS {
            break;
        }
        let _ = writeln!(text, "{line}");
        shown += 1;
    }
    if shown < rows.len() {
        let _ = writeln!(text, "{} more keys; give a part of the key's name", rows.len() - shown);
    }
    let hidden = matrix.rows.len() - rows.len();
    if rows.is_empty() {
        text.push_str("no key matches\n");
    }
    if hidden > 0 {
        let _ = writeln!(text, "{hidden} other keys are not shown");
    }
    text.push_str("≠ differs · ⚑ ports go wrong here · null is written as null · – is absent · (x) is what the config class gives\n");
    let differ = rows.iter().filter(|row| row.differs).count();
    (text, format!("config diff: {} keys, {differ} differ", rows.len()))
}

fn described(row: &Row, names: &[String]) -> String {
    let mut line = format!("{}{} {}", if row.differs { "≠" } else { " " }, mark(row), one_line(&row.path));
    if let Some(flag) = row.flag {
        let _ = write!(line, " [{}]", flag.text());
    }
    line.push_str(": ");
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for (at, cell) in row.cells.iter().enumerate() {
        let from = row.from.get(at).filter(|from| !from.is_empty());
        let value = from.map_or_else(|| cell.to_string(), |from| format!("{cell} from {from}"));
        let value = one_line(&value);
        let name = names.get(at).cloned().unwrap_or_default();
        match groups.iter_mut().find(|(known, _)| *known == value) {
            Some((_, who)) => who.push(name),
            None => groups.push((value, vec![name])),
        }
    }
    let parts: Vec<String> = match groups.as_slice() {
        [(value, _)] => vec![value.clone()],
        groups => {
            groups.iter().map(|(value, who)| format!("{value} in {}", bound::list(who, MOST_NAMES))).collect()
        }
    };
    line.push_str(&parts.join(" · "));
    if let Some(note) = &row.note {
        let _ = write!(line, " ({note})");
    }
    line
}

fn mark(row: &Row) -> &'static str {
    if row.flag.is_some() { "⚑" } else { " " }
}
