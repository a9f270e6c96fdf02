//! TODO and the words of a plan.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{MODEL, Rule};

pub static RULE: Rule = Rule {
    id: "L8-todo",
    says: "No plans are left in comments.",
    severity: Severity::Warning,
    fix: "do it, or drop the comment",
    source: "review of merged ports: plan words were removed",
    breaks: Some(8),
    kinds: MODEL,
    on_broken: false,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    for comment in subject.syntax.comments() {
        let text = comment.text();
        let lower = text.to_lowercase();
        let mark = ["TODO", "FIXME", "XXX", "HACK"].into_iter().find(|mark| text.contains(mark));
        let plan = ["phase 1", "phase 2", "placeholder", "for now", "as requested", "not implemented yet"]
            .into_iter()
            .find(|words| lower.contains(words));
        if let Some(said) = mark.or(plan) {
            found.at(comment, format!("a comment with `{said}`"));
        }
    }
}
