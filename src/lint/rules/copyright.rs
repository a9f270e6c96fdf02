//! The copyright line that every file begins with.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{MODEL, Rule};
use crate::source::syntax::Spot;

pub static RULE: Rule = Rule {
    id: "L3-copyright",
    says: "The first line is the copyright line.",
    severity: Severity::Error,
    fix: "write `# Copyright © <year> Apple Inc.` as the first line",
    source: "upstream's pyproject selects ruff CPY001 (missing copyright notice)",
    breaks: Some(0),
    kinds: MODEL,
    on_broken: true,
    judge,
};

/// How far ruff looks for the notice.
const READ: usize = 4096;

fn judge(subject: &Subject, found: &mut Found) {
    let text = subject.syntax.text();
    let first = text.lines().next().unwrap_or_default();
    let top = Spot { line: 1, column: 1 };
    if !has_notice(text) {
        found.spot(top, "no copyright notice");
    } else if !is_usual(first) {
        found.weighed(top, Severity::Warning, format!("the first line is `{first}`"));
    }
}

/// `Copyright 2026`, `Copyright (C) 2026`, `copyright © 2025-2026`.
fn has_notice(text: &str) -> bool {
    let head: String = text.chars().take(READ).collect::<String>().to_lowercase();
    head.match_indices("copyright").any(|(at, word)| {
        let rest = &head[at + word.len()..];
        let spaced = rest.trim_start();
        let sign =
            spaced.strip_prefix("(c)").or_else(|| spaced.strip_prefix('©')).unwrap_or(spaced).trim_start();
        rest.len() > spaced.len() && sign.bytes().take(4).filter(u8::is_ascii_digit).count() == 4
    })
}

fn is_usual(line: &str) -> bool {
    let rest = line.strip_prefix("# Copyright © ").unwrap_or_default();
    let (year, owner) = rest.split_once(' ').unwrap_or((rest, ""));
    year.split('-').all(|year| year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit()))
        && !owner.is_empty()
}
