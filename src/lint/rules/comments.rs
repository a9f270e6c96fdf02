//! The budget of comments, learnt from merged code.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{MODEL, Rule};

pub static RULE: Rule = Rule {
    id: "L2-comments",
    says: "Few comments: merged files have a median of 0.6 in 100 lines.",
    severity: Severity::Warning,
    fix: "keep the comments that give a reason the code cannot; drop the rest",
    source: "AGENTS.md: avoid redundant or excessive inline commentary",
    breaks: Some(7),
    kinds: MODEL,
    on_broken: false,
    judge,
};

/// Comments in 100 lines that a file may have; nineteen of twenty merged files have fewer.
const BUDGET: f64 = 4.5;
/// A short file may have some all the same.
const FREE: usize = 5;

fn judge(subject: &Subject, found: &mut Found) {
    let counted: Vec<_> = subject.syntax.comments().filter(|comment| !is_for_tools(comment.text())).collect();
    let lines = f64::from(subject.syntax.line_count().max(1));
    let rate = 100.0 * counted.len() as f64 / lines;
    if counted.len() > FREE && rate > BUDGET {
        let text = format!("{} comments in {lines} lines, {rate:.1} in 100", counted.len());
        found.at(counted[FREE], text);
    }
}

/// The copyright line and remarks that tools read.
fn is_for_tools(comment: &str) -> bool {
    let text = comment.trim_start_matches('#').trim_start().to_ascii_lowercase();
    ["copyright", "noqa", "type:", "fmt:", "isort:", "pylint:", "!"].iter().any(|mark| text.starts_with(mark))
}
