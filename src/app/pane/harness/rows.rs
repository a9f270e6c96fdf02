//! The rows: the last word of every check, what needs attention first.

use super::State;
use crate::harness::data::{CheckId, CheckRecord, CheckVerdict};

/// How a row stands to the run under way and to the file as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Of the port that was checked last.
    Fresh,
    /// Its check is being run again.
    Pending,
    /// Of an earlier state of the port.
    Older,
    /// Of a variant that the last run did not work on; the port is the same.
    Aside,
}

/// A row of the pane.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub record: CheckRecord,
    pub run_id: String,
    pub port_sha256: Option<String>,
    pub mark: Mark,
}

impl Row {
    /// Whether its word is of the port as it is.
    pub fn is_of_this_port(&self) -> bool {
        matches!(self.mark, Mark::Fresh | Mark::Aside)
    }

    /// Whether it is of a variant that a run of these did not work on.
    fn is_aside(&self, run_id: &str, variants: &str) -> bool {
        let own = self.record.variant.as_deref();
        self.run_id != run_id && own.is_some_and(|own| !variants.split(", ").any(|name| name == own))
    }
}

impl State {
    /// Gives the checks whose last word is neither a pass nor out of place here.
    pub fn failed_checks(&self) -> Vec<CheckId> {
        let failed = |row: &&Row| {
            matches!(row.record.verdict, CheckVerdict::Fail | CheckVerdict::Suspect | CheckVerdict::Error)
        };
        let mut checks: Vec<CheckId> = self.rows.iter().filter(failed).map(|row| row.record.id).collect();
        checks.sort_unstable();
        checks.dedup();
        checks
    }

    /// Gives the checks of the run under way that have no row yet.
    pub fn waiting(&self) -> Vec<CheckId> {
        let Some(running) = &self.running else { return Vec::new() };
        let rowless = |check: &&CheckId| !self.rows.iter().any(|row| row.record.id == **check);
        running.checks.iter().filter(rowless).copied().collect()
    }

    /// Puts a record in its place; the selection stays on its row.
    pub(super) fn put(&mut self, row: Row) {
        let chosen = self.current().map(|row| row.record.clone());
        match self.rows.iter_mut().find(|other| other.record.same_row(&row.record)) {
            Some(other) => *other = row,
            None => self.rows.push(row),
        }
        self.sort(chosen);
    }

    /// Drops the rows of the run's checks that it did not give again: another twin of a variant that it worked on. What is
    /// known of other variants stays: a run without them says nothing of them.
    pub(super) fn drop_pending(&mut self, run_id: &str, variants: &str) {
        let chosen = self.current().map(|row| row.record.clone());
        self.rows.retain(|row| row.mark != Mark::Pending || row.is_aside(run_id, variants));
        self.sort(chosen);
    }

    /// Marks what no run works on any more, and what is not of the last port or not of its last run.
    pub(super) fn settle(&mut self) {
        let last = self.last.as_ref().map(|last| (last.run_id.as_str(), last.variant.as_str()));
        for row in &mut self.rows {
            row.mark = match last {
                _ if row.port_sha256 != self.sha => Mark::Older,
                Some((run_id, variants)) if row.is_aside(run_id, variants) => Mark::Aside,
                _ => Mark::Fresh,
            };
        }
    }

    fn sort(&mut self, chosen: Option<CheckRecord>) {
        self.rows.sort_by_key(|row| (row.record.verdict.rank(), row.record.id));
        let found = chosen.and_then(|record| self.rows.iter().position(|row| row.record.same_row(&record)));
        self.selected = found.unwrap_or(self.selected).min(self.rows.len().saturating_sub(1));
    }
}
