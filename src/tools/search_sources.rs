//! `search_sources`: a literal or a regular expression over the reference's folders and mlx_lm. Runs in time linear
//! in the text, whatever the pattern: a model's pattern is untrusted too.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use walkdir::WalkDir;

use super::def::{Class, Desk, Told, ToolDef, Work};
use super::error::ToolError;
use super::paths::{Roots, Writable};
use super::{args, bound};
use crate::util::text::{neutralise, one_line};

pub const NAME: &str = "search_sources";

const MOST_MATCHES: usize = 100;
const MOST_FILES: usize = 5000;
const LONGEST_PATTERN: usize = 500;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    pattern: String,
    #[serde(default)]
    syntax: Syntax,
    #[serde(default)]
    path: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Syntax {
    #[default]
    Literal,
    Regex,
}

/// A search whose pattern compiles.
#[derive(Debug)]
struct Args {
    pattern: Regex,
    wanted: String,
    path: Option<String>,
    syntax: Syntax,
}

impl Args {
    fn looks_like_regex(&self) -> bool {
        matches!(self.syntax, Syntax::Literal) && self.wanted.contains(['|', '*', '\\', '^', '$'])
    }
}

pub const DEF: ToolDef = ToolDef {
    name: NAME,
    about: include_str!("../../prompts/tools/search_sources.md"),
    class: Class::Read,
    schema,
    check: |arguments, _| parse(arguments).map(drop),
    work: Work::Read(read),
};

fn schema(_: &Writable) -> Value {
    json!({
        "type": "object",
        "properties": {
            "pattern": {"type": "string"},
            "syntax": {"type": "string", "enum": ["literal", "regex"], "description": "literal when left out"},
            "path": {"type": "string", "description": "A file or folder; the reference's folders and mlx_lm when left out"},
        },
        "required": ["pattern"],
        "additionalProperties": false,
    })
}

fn read(arguments: Value, desk: &Desk, cancel: &CancellationToken) -> Result<Told, ToolError> {
    run(&parse(arguments)?, &desk.roots, &desk.folders, cancel)
}

fn parse(arguments: Value) -> Result<Args, ToolError> {
    let Raw { pattern, syntax, path } = args::typed(NAME, arguments)?;
    let wrong = |text: String| ToolError::Arguments { tool: NAME, text };
    if pattern.is_empty() || pattern.len() > LONGEST_PATTERN {
        return Err(wrong(format!("the pattern must have 1 to {LONGEST_PATTERN} bytes")));
    }
    let expression = match &syntax {
        Syntax::Literal => regex::escape(&pattern),
        Syntax::Regex => pattern.clone(),
    };
    let compiled = RegexBuilder::new(&expression).size_limit(1 << 20).build().map_err(|error| {
        wrong(format!("the pattern is no regular expression: {}", neutralise(&error.to_string())))
    })?;
    Ok(Args { pattern: compiled, wanted: pattern, path, syntax })
}

/// Searches. `folders` are the reference's own folders, searched first.
fn run(
    args: &Args,
    roots: &Roots,
    folders: &[PathBuf],
    cancel: &CancellationToken,
) -> Result<(String, String), ToolError> {
    let places = match &args.path {
        Some(path) => vec![roots.resolve(path)?.real],
        None => folders.iter().cloned().chain([roots.checkout().join("mlx_lm")]).collect(),
    };
    let mut hits = Hits::default();
    let files = places.iter().flat_map(|place| sources(place));
    for path in files.take(MOST_FILES) {
        if cancel.is_cancelled() {
            break;
        }
        hits.file(&path, &roots.name(&path), &args.pattern);
    }
    let wanted = bound::line(&one_line(&args.wanted));
    let summary =
        format!("search {wanted}: {} in {}", counted(hits.count, "line"), counted(hits.files, "file"));
    if hits.count == 0 {
        let place = args.path.as_deref().unwrap_or("the reference's folders and mlx_lm");
        let hint =
            if args.looks_like_regex() { "; for a regular expression say \"syntax\": \"regex\"" } else { "" };
        return Ok((format!("no line matches `{wanted}` in {place}{hint}"), summary));
    }
    let mut text = hits.text;
    if hits.shown < hits.count {
        let _ = write!(text, "{} more lines match; narrow the pattern or the path", hits.count - hits.shown);
    }
    Ok((text, summary))
}

#[derive(Default)]
struct Hits {
    text: String,
    count: usize,
    shown: usize,
    files: usize,
}

impl Hits {
    fn file(&mut self, path: &Path, name: &str, pattern: &Regex) {
        let Ok(bytes) = std::fs::read(path) else { return };
        let text = String::from_utf8_lossy(&bytes);
        let before = self.count;
        for (index, line) in text.lines().enumerate().filter(|(_, line)| pattern.is_match(line)) {
            self.count += 1;
            if self.shown < MOST_MATCHES && self.text.len() < bound::MOST_CHARS {
                let _ = writeln!(self.text, "{name}:{}: {}", index + 1, bound::line(line.trim_end()));
                self.shown += 1;
            }
        }
        self.files += usize::from(self.count > before);
    }
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Python files below a place, in the order of their names; links are not followed.
fn sources(place: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    WalkDir::new(place)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.'))
        .filter_map(Result::ok)
        .filter(|entry| {
            entry.file_type().is_file() && entry.path().extension().is_some_and(|end| end == "py")
        })
        .filter(|entry| entry.metadata().is_ok_and(|meta| meta.len() <= 4 << 20))
        .map(walkdir::DirEntry::into_path)
}
