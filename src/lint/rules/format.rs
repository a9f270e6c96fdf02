//! black and isort, as upstream pins them. They run outside this room; here their text is compared.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::{Formatted, Subject};
use super::{ANY, Rule};
use crate::source::syntax::Spot;

pub static RULE: Rule = Rule {
    id: "L1-format",
    says: "The file is as black and isort leave it.",
    severity: Severity::Error,
    fix: "run the formatter: the `format_port` tool, or black and isort with upstream's pins",
    source: "upstream's pre-commit pins black 25.1.0 and isort 6.0.0 (profile black)",
    breaks: None,
    kinds: ANY,
    on_broken: false,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    let wanted = match &subject.formatted {
        Formatted::Text(text) => text,
        Formatted::NotRun(why) => return found.cannot(why.clone()),
        Formatted::NotAsked => return found.cannot("black and isort were not run"),
    };
    let now = subject.syntax.text();
    if now == wanted {
        return;
    }
    let first = now.lines().zip(wanted.lines()).take_while(|(a, b)| a == b).count();
    let diff = similar::TextDiff::from_lines(now, wanted.as_str());
    let changed = diff.iter_all_changes().filter(|change| change.tag() == similar::ChangeTag::Delete).count();
    let shown = wanted.lines().nth(first).unwrap_or_default();
    let text = match (now.lines().nth(first), changed) {
        (None, _) => "black and isort end the file otherwise".to_string(),
        (_, 0) => format!("black and isort add a line here: `{shown}`"),
        (_, count) => format!("black and isort change {count} lines; here they want `{shown}`"),
    };
    found.spot(Spot { line: first as u32 + 1, column: 1 }, text);
}
