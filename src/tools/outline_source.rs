//! `outline_source`: what a file holds, without its lines: classes with what they give themselves, methods, functions.

use std::fmt::Write;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::def::{Class, Desk, Told, ToolDef, Work};
use super::error::ToolError;
use super::paths::{Roots, Writable};
use super::{args, bound};
use crate::source;
use crate::source::data::{SourceDoc, Symbol, SymbolKind};
use crate::util::blame::Report;
use crate::util::text::one_line;

pub const NAME: &str = "outline_source";

/// Most symbols that are shown.
const MOST: usize = 200;
/// Most attributes shown of one class.
const MOST_CHILDREN: usize = 40;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    path: String,
    #[serde(default)]
    class: Option<String>,
}

pub const DEF: ToolDef = ToolDef {
    name: NAME,
    about: include_str!("../../prompts/tools/outline_source.md"),
    class: Class::Read,
    schema,
    check: |arguments, _| parse(arguments).map(drop),
    work: Work::Read(read),
};

fn schema(_: &Writable) -> Value {
    json!({
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "transformers/…, mlx_lm/… or tests/…"},
            "class": {"type": "string", "description": "One class of the file; all when left out"},
        },
        "required": ["path"],
        "additionalProperties": false,
    })
}

fn read(arguments: Value, desk: &Desk, _: &CancellationToken) -> Result<Told, ToolError> {
    run(&parse(arguments)?, &desk.roots)
}

fn parse(arguments: Value) -> Result<Args, ToolError> {
    args::typed(NAME, arguments)
}

/// Gives the outline and the card's line.
fn run(args: &Args, roots: &Roots) -> Result<(String, String), ToolError> {
    let found = roots.file(&args.path)?;
    let doc = source::load(&found.real).map_err(|error| ToolError::Service(Report::from(&error)))?.doc;
    let wanted = wanted(&doc, args.class.as_deref(), &found.shown)?;
    let mut text = format!("{}, {} lines\n", found.shown, doc.line_count());
    if let Some(line) = doc.broken {
        let _ = writeln!(text, "line {line} is not Python; what follows it may be missing here");
    }
    let mut shown = 0;
    for symbol in wanted.iter().take(MOST) {
        let line = described(symbol);
        if text.len() + line.len() > bound::MOST_CHARS {
            break;
        }
        text.push_str(&line);
        shown += 1;
    }
    if shown < wanted.len() {
        let _ = writeln!(text, "{} more; name a class to see it alone", wanted.len() - shown);
    }
    let name = found.shown.rsplit('/').next().unwrap_or_default().to_string();
    Ok((text, format!("outline {name}: {} symbols", wanted.len())))
}

fn wanted<'a>(doc: &'a SourceDoc, class: Option<&str>, path: &str) -> Result<Vec<&'a Symbol>, ToolError> {
    let Some(class) = class else {
        return Ok(doc.symbols.iter().filter(|symbol| symbol.depth < 2).collect());
    };
    let under = format!("{class}.");
    let found: Vec<_> =
        doc.symbols.iter().filter(|symbol| symbol.path == class || symbol.path.starts_with(&under)).collect();
    if found.is_empty() {
        let names = doc.classes().map(|class| class.path.as_str()).take(40).collect::<Vec<_>>().join(", ");
        let text = format!("{path} has no class `{}`; it has {names}", bound::line(&one_line(class)));
        return Err(ToolError::Arguments { tool: NAME, text });
    }
    Ok(found)
}

fn described(symbol: &Symbol) -> String {
    let (first, last) = (symbol.first, symbol.last);
    let indent = "  ".repeat(usize::from(symbol.depth) + 1);
    let mut text = match symbol.kind {
        SymbolKind::Class => {
            format!("{first:>5}-{last:<5}{indent}class {}({})\n", symbol.name, symbol.bases.join(", "))
        }
        SymbolKind::Method | SymbolKind::Function => {
            format!("{first:>5}-{last:<5}{indent}def {}\n", symbol.name)
        }
        SymbolKind::Name => format!("{first:>5}-{last:<5}{indent}{} = …\n", symbol.name),
    };
    let mut parts: Vec<String> = symbol.fields.iter().map(|field| field.name.clone()).collect();
    parts.extend(symbol.children.iter().map(|child| match child.classes.as_slice() {
        [] => format!("self.{}", child.name),
        classes => {
            format!("self.{}: {}{}", child.name, classes.join(" | "), if child.list { " list" } else { "" })
        }
    }));
    let more = parts.len().saturating_sub(MOST_CHILDREN);
    parts.truncate(MOST_CHILDREN);
    if more > 0 {
        parts.push(format!("{more} more"));
    }
    if !parts.is_empty() {
        let _ = writeln!(text, "{:11}{indent}  {}", "", bound::line(&parts.join(", ")));
    }
    text
}
