//! A result in plain lines, for the command line and for the model.

use std::collections::BTreeSet;

use super::data::{Finding, Linted, Severity};
use super::rule;
use crate::util::text::one_line;

/// Writes a result: the findings in the order of the text, then what each rule says and where that is seen.
pub fn told(linted: &Linted) -> Vec<String> {
    let mut lines = vec![format!("{}: {}", one_line(&linted.path), counts(linted))];
    lines.extend(linted.findings.iter().map(finding));
    let ids: BTreeSet<&str> = linted.findings.iter().map(|finding| finding.id.as_str()).collect();
    for rule in ids.into_iter().filter_map(rule) {
        lines.push(format!("  {}: {} Seen in: {}.", rule.id, rule.says, rule.seen()));
    }
    for rule in &linted.not_judged {
        lines.push(format!("  {} was not judged: {}", rule.id, one_line(&rule.why)));
    }
    lines
}

/// Says how many findings there are.
pub fn counts(linted: &Linted) -> String {
    if linted.error.is_some() {
        return "could not be read".into();
    }
    let all = [Severity::Error, Severity::Warning, Severity::Note];
    let some: Vec<_> = all.into_iter().map(|severity| (linted.count(severity), severity.name())).collect();
    if some.iter().all(|(count, _)| *count == 0) {
        return "nothing to change".into();
    }
    let words = some.iter().filter(|(count, _)| *count > 0).map(|(count, name)| {
        let plural = if *count == 1 { "" } else { "s" };
        format!("{count} {name}{plural}")
    });
    words.collect::<Vec<_>>().join(", ")
}

/// Writes one finding on one line.
pub fn finding(finding: &Finding) -> String {
    let place = match finding.line {
        0 => "file".to_string(),
        line => format!("{line}:{}", finding.column),
    };
    format!(
        "  {place:<8} {:<7} {:<20} {} → {}",
        finding.severity.name(),
        finding.id,
        finding.text,
        finding.fix
    )
}
