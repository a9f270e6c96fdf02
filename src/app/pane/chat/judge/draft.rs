//! A new port in the approval: its classes are the hunks, each as a diff against the same class of the nearest accepted port,
//! with the reference's class beside it.

use super::rows::{DiffKind, DiffRow, changed, code_rows};
use super::{Judge, View};
use crate::agent::approval::hunks::{Hunk, lines};
use crate::source::data::{Draft, Part, Section};

impl Judge {
    /// Takes what the parts of the new port answer to. A choice that was made before is of the whole file.
    pub(in crate::app::pane::chat) fn take_draft(&mut self, draft: Draft) {
        if draft.sections.is_empty() || !self.proposal.before.is_empty() {
            return;
        }
        let chosen = !self.chosen.contains(&false);
        let hunk =
            |section: &Section| Hunk { old: 0..0, new: section.lines.clone(), place: section.name.clone() };
        self.hunks = draft.sections.iter().map(hunk).collect();
        self.chosen = match self.kept_choice.take().filter(|kept| kept.len() == self.hunks.len()) {
            Some(kept) => kept,
            None => vec![chosen; self.hunks.len()],
        };
        self.rows = rows(&self.proposal.after, &draft);
        self.cursor = self.cursor.min(self.rows.len().saturating_sub(1));
        self.draft = Some(draft);
    }

    /// Gives the part under the cursor.
    pub fn section(&self) -> Option<&Section> {
        let hunk = self.rows.get(self.place()).and_then(|row| row.hunk)?;
        self.draft.as_ref()?.sections.get(hunk)
    }

    /// Gives the reference of the part under the cursor, with its name.
    pub fn reference(&self) -> Option<(&str, Vec<DiffRow>)> {
        let part = self.section()?.reference.as_ref()?;
        Some((&part.name, part_rows(part)))
    }

    /// Shows the reference of the part under the cursor; says whether it has one.
    pub(super) fn show_reference(&mut self) -> bool {
        let Some((_, rows)) = self.reference() else { return false };
        self.reference = rows;
        self.back_to = self.cursor;
        (self.view, self.cursor, self.top) = (View::Reference, 0, 0);
        true
    }
}

fn part_rows(part: &Part) -> Vec<DiffRow> {
    code_rows(&part.text, part.first as usize)
}

fn rows(after: &str, draft: &Draft) -> Vec<DiffRow> {
    let new = lines(after);
    let mut rows = Vec::new();
    for (index, section) in draft.sections.iter().enumerate() {
        rows.push(DiffRow::head(&section.name, index));
        let old = section.near.as_ref().map_or(Vec::new(), |near| lines(&near.text));
        let mut inner = changed((&old, 0..old.len()), (&new, section.lines.clone()), index);
        // Blank lines after a class are the gap to the next one, whatever the other file has there.
        inner.retain(|row| row.kind != DiffKind::Removed || !row.text().trim().is_empty());
        let first = section.near.as_ref().map_or(0, |near| (near.first as usize).saturating_sub(1));
        inner.iter_mut().filter(|row| row.kind == DiffKind::Removed).for_each(|row| row.number += first);
        rows.extend(inner);
    }
    rows
}
