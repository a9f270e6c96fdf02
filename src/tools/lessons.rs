//! `read_lessons` and `add_lesson`: what earlier ports taught this person, kept in one file of the data folder. Adding is a
//! proposal that the person reads, changes or declines.

use futures::FutureExt;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::data::Prepared;
use super::def::{Answer, Class, Desk, LESSONS, Line, Reach, Told, ToolDef, Work};
use super::error::ToolError;
use super::propose::proposal;
use super::{args, bound};
use crate::util::text::one_line;

pub const READ: &str = "read_lessons";
pub const ADD: &str = "add_lesson";

const HEAD: &str = "# Lessons\n\nWhat ports taught. One heading a lesson; mlxport's tools read this file and propose entries.\n";
const LONGEST_TITLE: usize = 100;
const LONGEST_TEXT: usize = 2_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default)]
    about: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lesson {
    title: String,
    text: String,
}

pub const READ_DEF: ToolDef = ToolDef {
    name: READ,
    about: include_str!("../../prompts/tools/read_lessons.md"),
    class: Class::Read,
    schema: |_| {
        json!({
            "type": "object",
            "properties": {"about": {"type": "string", "description": "Only lessons that contain this text"}},
            "additionalProperties": false,
        })
    },
    check: |arguments, _| args::typed::<Wanted>(READ, arguments).map(drop),
    work: Work::Read(read),
};

pub const ADD_DEF: ToolDef = ToolDef {
    name: ADD,
    about: include_str!("../../prompts/tools/add_lesson.md"),
    class: Class::Edit(Reach::Lessons),
    schema: |_| {
        json!({
            "type": "object",
            "properties": {
                "title": {"type": "string", "description": "One line: the mistake and where"},
                "text": {"type": "string", "description": "What went wrong, how it was seen, what to do; a few sentences, with file:line"},
            },
            "required": ["title", "text"],
            "additionalProperties": false,
        })
    },
    check: |arguments, _| checked(arguments).map(drop),
    work: Work::Propose(propose),
};

fn read(arguments: Value, desk: &Desk, _: &CancellationToken) -> Result<Told, ToolError> {
    let Wanted { about } = args::typed(READ, arguments)?;
    let Some(text) = desk.now(&desk.target(Reach::Lessons, LESSONS)?)? else {
        return Ok(("no lesson is kept yet".into(), "0 lessons".into()));
    };
    let lessons = split(&text);
    let about = about.map(|about| about.to_lowercase());
    let fits = |lesson: &&String| about.as_ref().is_none_or(|about| lesson.to_lowercase().contains(about));
    let chosen: Vec<&String> = lessons.iter().filter(fits).collect();
    let lines: Vec<String> = chosen.iter().flat_map(|lesson| lesson.lines().map(str::to_string)).collect();
    let count = chosen.len();
    let shown = match count {
        0 => format!("no lesson matches; {} are kept", lessons.len()),
        _ => bound::lines(&lines),
    };
    Ok((shown, format!("{count} lessons")))
}

fn checked(arguments: Value) -> Result<Lesson, ToolError> {
    let lesson: Lesson = args::typed(ADD, arguments)?;
    let wrong = |text: String| Err(ToolError::Arguments { tool: ADD, text });
    let title = one_line(lesson.title.trim());
    if title.is_empty() || title.chars().count() > LONGEST_TITLE {
        return wrong(format!("`title` is one line of 1 to {LONGEST_TITLE} characters"));
    }
    let text = lesson.text.trim().to_string();
    if text.is_empty() || text.chars().count() > LONGEST_TEXT {
        return wrong(format!("`text` has 1 to {LONGEST_TEXT} characters"));
    }
    if text.lines().any(|line| line.starts_with("## ")) {
        return wrong("`text` may not begin a lesson of its own: no line with `## `".into());
    }
    Ok(Lesson { title, text })
}

fn propose(arguments: Value, desk: &Desk, line: Line) -> Answer<'_, Prepared> {
    async move {
        let lesson = checked(arguments)?;
        let target = desk.target(Reach::Lessons, LESSONS)?;
        let before = desk.now(&target)?;
        let kept = before.as_deref().filter(|text| !text.trim().is_empty()).unwrap_or(HEAD);
        let kept = kept.trim_end();
        let after = format!("{kept}\n\n## {} ({})\n\n{}\n", lesson.title, desk.model_type, lesson.text);
        Ok(Prepared::Propose(proposal(&line.call_id, &target, before, after)?))
    }
    .boxed()
}

/// Parts of the file that begin with a heading of the second rank.
fn split(text: &str) -> Vec<String> {
    let mut lessons: Vec<String> = Vec::new();
    for line in text.lines() {
        if line.starts_with("## ") {
            lessons.push(String::new());
        }
        if let Some(lesson) = lessons.last_mut() {
            lesson.push_str(line);
            lesson.push('\n');
        }
    }
    lessons
}
