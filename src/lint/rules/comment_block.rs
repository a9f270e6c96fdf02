//! Comments that run over many lines.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{MODEL, Rule};
use crate::source::syntax::Node;

pub static RULE: Rule = Rule {
    id: "L2-comment-block",
    says: "A comment has one or two lines.",
    severity: Severity::Warning,
    fix: "say the reason in one or two lines, or drop it",
    source: "AGENTS.md: keep code comments concise, usually 1-2 lines",
    breaks: Some(4),
    kinds: MODEL,
    on_broken: false,
    judge,
};

/// Lines of one comment that nobody minds.
const MOST: usize = 3;

fn judge(subject: &Subject, found: &mut Found) {
    let own: Vec<_> = subject.syntax.comments().filter(|comment| stands_alone(subject, *comment)).collect();
    let mut at = 0;
    while at < own.len() {
        let (line, column) = (own[at].line(), own[at].spot().column);
        let length = own[at..]
            .iter()
            .enumerate()
            .take_while(|(index, comment)| {
                comment.line() == line + *index as u32 && comment.spot().column == column
            })
            .count();
        if length > MOST {
            found.at(own[at], format!("a comment of {length} lines"));
        }
        at += length.max(1);
    }
}

fn stands_alone(subject: &Subject, comment: Node<'_>) -> bool {
    let before = &subject.syntax.text()[..comment.bytes().start];
    before.rsplit('\n').next().is_some_and(|line| line.trim().is_empty())
}
