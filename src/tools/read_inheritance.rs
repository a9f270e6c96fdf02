//! `read_inheritance`: where the classes of a modular file come from, followed to the files that hold their bodies.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::def::{Class, Desk, Told, ToolDef, Work};
use super::error::ToolError;
use super::paths::{Roots, Writable};
use super::{args, bound};
use crate::source;
use crate::source::data::{Inherited, SourceDoc};
use crate::util::blame::Report;

pub const NAME: &str = "read_inheritance";

/// Most classes that are shown.
const MOST: usize = 60;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    #[serde(default)]
    path: Option<String>,
}

pub const DEF: ToolDef = ToolDef {
    name: NAME,
    about: include_str!("../../prompts/tools/read_inheritance.md"),
    class: Class::Read,
    schema,
    check: |arguments, _| parse(arguments).map(drop),
    work: Work::Read(read),
};

fn schema(_: &Writable) -> Value {
    json!({
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "transformers/models/…/modular_….py; this model's own when left out"},
        },
        "additionalProperties": false,
    })
}

fn read(arguments: Value, desk: &Desk, _: &CancellationToken) -> Result<Told, ToolError> {
    run(&parse(arguments)?, &desk.roots, &desk.folders)
}

fn parse(arguments: Value) -> Result<Args, ToolError> {
    args::typed(NAME, arguments)
}

/// Follows the classes. Gives the text and the card's line.
fn run(args: &Args, roots: &Roots, folders: &[PathBuf]) -> Result<(String, String), ToolError> {
    let path = match &args.path {
        Some(path) => roots.file(path)?.real,
        None => modular(folders).ok_or_else(|| ToolError::Edit {
            text: "this model has no modular file: its modeling file holds everything".into(),
        })?,
    };
    let doc = open(roots, &path).ok_or_else(|| ToolError::Read {
        path: roots.name(&path),
        text: "it is not among the files that tools may read".into(),
    })?;
    let classes = source::inherited(&doc, &|path| open(roots, path));
    let shown = roots.name(&path);
    let name = shown.rsplit('/').next().unwrap_or_default();
    let summary = format!("inheritance of {name}: {} classes", classes.len());
    if classes.is_empty() {
        return Ok((format!("no class of {shown} comes from another model"), summary));
    }
    let mut text = format!("{shown}: where its classes come from\n");
    for class in classes.iter().take(MOST) {
        one(&mut text, class, roots);
    }
    if classes.len() > MOST {
        let _ = writeln!(text, "{} more classes", classes.len() - MOST);
    }
    Ok((text, summary))
}

fn modular(folders: &[PathBuf]) -> Option<PathBuf> {
    let named = |folder: &PathBuf| folder.file_name().map(|name| name.to_string_lossy().into_owned());
    let file = |folder: &PathBuf| Some(folder.join(format!("modular_{}.py", named(folder)?)));
    folders.iter().filter_map(file).find(|path| path.is_file())
}

/// Opens a file only if a tool may read it: an import is text, and leads where its author wants.
fn open(roots: &Roots, path: &Path) -> Option<Arc<SourceDoc>> {
    let real = path.canonicalize().ok()?;
    let allowed = roots.file(&roots.name(&real)).ok()?;
    source::load(&allowed.real).map_err(|error| Report::from(&error)).ok().map(|loaded| loaded.doc)
}

fn one(text: &mut String, class: &Inherited, roots: &Roots) {
    let place = format!("{}:{}", roots.name(&class.file), class.base_line);
    let _ = write!(text, "{} (line {}) is {} of {place}", class.class, class.line, class.base);
    if class.empty {
        text.push_str(", unchanged");
    } else if !class.overrides.is_empty() {
        let _ = write!(text, ", with its own {}", class.overrides.join(", "));
    }
    if !class.children.is_empty() {
        let _ = write!(text, "; brings {}", bound::line(&class.children.join(", ")));
    }
    text.push('\n');
}
