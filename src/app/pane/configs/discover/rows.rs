//! What stands on which line: what speaks against a port first, then the groups, then what else there is to know.

use super::{Folded, State};
use crate::hub::data::discover::{Candidate, Group, Note, Weight};

/// One line of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// The title above notes.
    Heading(&'static str),
    /// Something that exists already, by its place in `findings`.
    Finding(usize),
    /// By its place in `Found::notes`.
    Note(usize),
    Group(usize),
    Candidate(usize, usize),
}

/// Above what speaks against a port.
pub const FIRST: &str = "Before you port";
/// Above what else there is to know.
pub const LAST: &str = "Also";

impl State {
    /// Lays the lines out again; the cursor stays on what it was on.
    pub(super) fn lay_out(&mut self) {
        let mut lines = Vec::new();
        let notes = self.found.iter().flat_map(|found| found.notes.iter().enumerate());
        let findings = self.findings.iter().enumerate();
        let (mut first, mut last) = (Vec::new(), Vec::new());
        for (at, note) in notes {
            let to = if note.weight == Weight::Say { &mut last } else { &mut first };
            to.push(Line::Note(at));
        }
        for (at, finding) in findings {
            let to = if finding.note.weight == Weight::Say { &mut last } else { &mut first };
            to.push(Line::Finding(at));
        }
        let filtered = !self.filter.is_empty();
        for (title, part) in [(FIRST, &first)] {
            if !part.is_empty() && !filtered {
                lines.push(Line::Heading(title));
                lines.extend(part);
            }
        }
        for (at, group) in self.found.iter().flat_map(|found| found.groups.iter().enumerate()) {
            let fits: Vec<usize> =
                (0..group.candidates.len()).filter(|at| self.fits(&group.candidates[*at])).collect();
            if fits.is_empty() {
                continue;
            }
            lines.push(Line::Group(at));
            // Who filters wants to see what was found.
            if filtered || self.is_open(group) {
                lines.extend(fits.into_iter().map(|one| Line::Candidate(at, one)));
            }
        }
        if !last.is_empty() && !filtered {
            lines.push(Line::Heading(LAST));
            lines.extend(last);
        }
        self.rows = lines;
        let names = self.rows.iter().filter_map(|line| self.candidate_at(*line)).map(|one| one.id.len());
        self.longest = names.max().unwrap_or(0);
        let on = self
            .on
            .clone()
            .and_then(|on| (0..self.rows.len()).find(|at| self.name_of(*at).as_ref() == Some(&on)));
        let first = || self.rows.iter().position(|line| matches!(line, Line::Candidate(..)));
        self.cursor.at = match (on, &self.on) {
            (Some(at), _) => at,
            // Nobody has moved yet: the first checkpoint.
            (None, None) => first().unwrap_or(0),
            (None, Some(_)) => self.cursor.at.min(self.rows.len().saturating_sub(1)),
        };
    }

    /// Originals stand open, the rest is shut until it is opened.
    pub fn is_open(&self, group: &Group) -> bool {
        group.kind.is_original() != self.open.contains(&group.title())
    }

    /// Gives the note on a line.
    pub fn note(&self, line: Line) -> Option<&Note> {
        match line {
            Line::Note(at) => self.found.as_ref()?.notes.get(at),
            Line::Finding(at) => self.findings.get(at).map(|finding| &finding.note),
            _ => None,
        }
    }

    /// Gives what a line is called, whatever moves around it.
    pub(super) fn name_of(&self, at: usize) -> Option<String> {
        match *self.rows.get(at)? {
            Line::Heading(title) => Some(title.to_string()),
            line @ (Line::Note(_) | Line::Finding(_)) => self.note(line).map(|note| note.text.clone()),
            Line::Group(group) => Some(self.found.as_ref()?.groups.get(group)?.title()),
            Line::Candidate(group, one) => {
                Some(self.found.as_ref()?.groups.get(group)?.candidates.get(one)?.id.clone())
            }
        }
    }

    /// Gives the group of the cursor's line.
    pub(super) fn group_here(&self) -> Option<&Group> {
        match *self.rows.get(self.cursor.at)? {
            Line::Group(group) | Line::Candidate(group, _) => self.found.as_ref()?.groups.get(group),
            _ => None,
        }
    }

    pub(super) fn fold(&mut self, folded: Folded) {
        let Some(group) = self.group_here() else { return };
        let (title, open) = (group.title(), self.is_open(group));
        if open == (folded == Folded::Open) {
            return;
        }
        if !self.open.remove(&title) {
            self.open.insert(title.clone());
        }
        if folded == Folded::Shut {
            self.on = Some(title);
        }
        self.lay_out();
    }

    /// Gives the candidate of a line.
    pub fn candidate_at(&self, line: Line) -> Option<&Candidate> {
        match line {
            Line::Candidate(group, at) => self.found.as_ref()?.groups.get(group)?.candidates.get(at),
            _ => None,
        }
    }

    fn fits(&self, one: &Candidate) -> bool {
        self.filter.is_empty() || one.id.to_lowercase().contains(&self.filter)
    }
}
