//! Collects findings while the rules run.

use std::collections::HashSet;

use super::data::{Finding, Linted, NotJudged, Severity};
use super::rules::Rule;
use super::subject::Subject;
use crate::source::syntax::{Node, Spot};

/// Most findings of one rule in one file that are kept; the rest is counted.
const MOST: usize = 50;

/// What the rules have found so far.
#[derive(Default)]
pub struct Found {
    rule: Option<&'static Rule>,
    here: usize,
    findings: Vec<Finding>,
    not_judged: Vec<NotJudged>,
}

impl Found {
    pub(super) fn begin(&mut self, rule: &'static Rule) {
        self.close();
        self.rule = Some(rule);
        self.here = 0;
    }

    /// Adds a finding at a node.
    pub fn at(&mut self, node: Node<'_>, text: impl Into<String>) {
        self.spot(node.spot(), text);
    }

    /// Adds a finding at a place.
    pub fn spot(&mut self, spot: Spot, text: impl Into<String>) {
        self.add((spot.line, spot.column), None, text.into(), None);
    }

    /// Adds a finding about the file as a whole.
    pub fn whole(&mut self, text: impl Into<String>) {
        self.add((0, 0), None, text.into(), None);
    }

    /// Adds a finding with its own fix.
    pub fn fixed(&mut self, node: Node<'_>, text: impl Into<String>, fix: impl Into<String>) {
        let spot = node.spot();
        self.add((spot.line, spot.column), None, text.into(), Some(fix.into()));
    }

    /// Adds a finding of another weight than the rule's.
    pub fn weighed(&mut self, spot: Spot, severity: Severity, text: impl Into<String>) {
        self.add((spot.line, spot.column), Some(severity), text.into(), None);
    }

    /// Says why the rule could not be judged.
    pub fn cannot(&mut self, why: impl Into<String>) {
        if let Some(rule) = self.rule {
            self.not_judged.push(NotJudged { id: rule.id.into(), why: why.into() });
        }
    }

    fn add(
        &mut self,
        (line, column): (u32, u32),
        severity: Option<Severity>,
        text: String,
        fix: Option<String>,
    ) {
        let Some(rule) = self.rule else { return };
        self.here += 1;
        if self.here > MOST {
            return;
        }
        self.findings.push(Finding {
            id: rule.id.into(),
            severity: severity.unwrap_or(rule.severity),
            line,
            column,
            text: crate::util::text::one_line(&text),
            fix: fix.unwrap_or_else(|| rule.fix.into()),
            source: rule.seen(),
        });
    }

    fn close(&mut self) {
        if self.here > MOST
            && let Some(last) = self.findings.last_mut()
        {
            last.text = format!("{} (and {} more places)", last.text, self.here - MOST);
        }
        self.here = 0;
    }

    /// What ruff finds, `# noqa` takes back on its line.
    pub(super) fn finish(mut self, subject: &Subject) -> Linted {
        self.close();
        let silenced: HashSet<u32> = subject
            .syntax
            .comments()
            .filter(|comment| comment.text().contains("noqa"))
            .map(|comment| comment.line())
            .collect();
        self.findings
            .retain(|finding| !(finding.source.contains("ruff") && silenced.contains(&finding.line)));
        self.findings.sort_by_key(|finding| (finding.line, finding.column, finding.severity));
        Linted {
            path: subject.path.to_string_lossy().into_owned(),
            kind: Some(subject.kind),
            findings: self.findings,
            not_judged: self.not_judged,
            error: None,
        }
    }
}
