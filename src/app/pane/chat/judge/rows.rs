//! The rows of an approval's diff: hunk by hunk, with the changed words of changed lines marked.

use std::ops::Range;

use similar::{ChangeTag, TextDiff};

use crate::agent::approval::hunks::{Hunk, hunks, lines};
use crate::util::text::neutralise;

/// Lines of context around a hunk.
const CONTEXT: usize = 3;
/// Beyond this many lines the words that changed within lines are not looked for: it would cost more than it shows.
const MARKED: usize = 400;

/// A row of the diff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffRow {
    pub kind: DiffKind,
    /// The line's number in the new text, or in the old one where it was removed.
    pub number: usize,
    /// The line in parts; marked ones are the words that changed.
    pub parts: Vec<(Emphasis, String)>,
    /// The hunk that it belongs to.
    pub hunk: Option<usize>,
}

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiffKind {
    /// The first row of a hunk: where it is.
    Head,
    Same,
    Added,
    Removed,
    /// Unchanged lines left out.
    Gap,
    /// Where both changed a place: the line as the model saw it, as the person has it, as the model wants it.
    Was,
    Yours,
    Models,
    /// What a run is and costs: no line of a file.
    Fact,
}

/// Whether a part of a line is what changed in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emphasis {
    Plain,
    Changed,
}

impl DiffRow {
    pub(super) fn plain(kind: DiffKind, number: usize, text: &str, hunk: Option<usize>) -> Self {
        let text = neutralise(text.trim_end_matches(['\n', '\r']));
        Self { kind, number, parts: vec![(Emphasis::Plain, text)], hunk }
    }

    /// Makes the first row of a hunk.
    pub(super) fn head(place: &str, hunk: usize) -> Self {
        Self::plain(DiffKind::Head, 0, place, Some(hunk))
    }

    /// Gives the line.
    pub fn text(&self) -> String {
        self.parts.iter().map(|(_, text)| text.as_str()).collect()
    }
}

/// Makes the rows of a change.
pub fn rows(before: &str, after: &str, hunks: &[Hunk]) -> Vec<DiffRow> {
    let (old, new) = (lines(before), lines(after));
    let mut rows = Vec::new();
    let mut seen = 0;
    for (index, hunk) in hunks.iter().enumerate() {
        let first = hunk.old.start.saturating_sub(CONTEXT).max(seen);
        // The words for one line left out would take its place.
        let first = if first == seen + 1 { seen } else { first };
        rows.extend(gap(first - seen));
        rows.push(DiffRow::plain(DiffKind::Head, 0, &hunk.place, Some(index)));
        let same = |(line, number): (&&str, usize)| DiffRow::plain(DiffKind::Same, number, line, Some(index));
        let above = hunk.new.start + 1 - (hunk.old.start - first);
        rows.extend(old[first..hunk.old.start].iter().zip(above..).map(same));
        rows.extend(changed((&old, hunk.old.clone()), (&new, hunk.new.clone()), index));
        let next = hunks.get(index + 1).map_or(old.len(), |next| next.old.start);
        seen = (hunk.old.end + CONTEXT).min(next);
        rows.extend(old[hunk.old.end..seen].iter().zip(hunk.new.end + 1..).map(same));
    }
    rows.extend(gap(if hunks.is_empty() { 0 } else { old.len() - seen }));
    rows
}

/// Makes the rows of a change that is only looked at.
pub fn plain_rows(before: &str, after: &str) -> Vec<DiffRow> {
    rows(before, after, &hunks(before, after))
}

/// Makes the rows of a text that is only looked at.
pub(super) fn code_rows(text: &str, first: usize) -> Vec<DiffRow> {
    let row = |(at, line): (usize, &&str)| DiffRow::plain(DiffKind::Same, first + at, line, None);
    lines(text).iter().enumerate().map(row).collect()
}

/// Makes the rows of what a run is and costs.
pub(super) fn fact_rows(text: &str) -> Vec<DiffRow> {
    let row = |line: &&str| DiffRow::plain(DiffKind::Fact, 0, line, None);
    lines(text).iter().map(row).collect()
}

pub(super) fn gap(left: usize) -> Option<DiffRow> {
    let text = format!("{left} unchanged line{}", if left == 1 { "" } else { "s" });
    (left > 0).then(|| DiffRow::plain(DiffKind::Gap, 0, &text, None))
}

/// Makes the rows of the changed lines of two ranges.
pub fn changed(
    (old, gone): (&[&str], Range<usize>),
    (new, come): (&[&str], Range<usize>),
    hunk: usize,
) -> Vec<DiffRow> {
    let diff = TextDiff::from_slices(&old[gone.clone()], &new[come.clone()]);
    let number = |tag: ChangeTag, before: Option<usize>, after: Option<usize>| match tag {
        ChangeTag::Delete => gone.start + before.map_or(0, |at| at + 1),
        ChangeTag::Insert | ChangeTag::Equal => come.start + after.map_or(0, |at| at + 1),
    };
    let kind = |tag: ChangeTag| match tag {
        ChangeTag::Equal => DiffKind::Same,
        ChangeTag::Insert => DiffKind::Added,
        ChangeTag::Delete => DiffKind::Removed,
    };
    if gone.len() + come.len() > MARKED || gone.is_empty() || come.is_empty() {
        let row = |change: similar::Change<&str>| {
            let number = number(change.tag(), change.old_index(), change.new_index());
            DiffRow::plain(kind(change.tag()), number, change.value(), Some(hunk))
        };
        return diff.iter_all_changes().map(row).collect();
    }
    let mut rows = Vec::new();
    for op in diff.ops() {
        rows.extend(diff.iter_inline_changes(op).map(|change| {
            let part = |(changed, text): (bool, std::borrow::Cow<'_, str>)| {
                let emphasis = if changed { Emphasis::Changed } else { Emphasis::Plain };
                (emphasis, neutralise(text.trim_end_matches(['\n', '\r'])))
            };
            DiffRow {
                kind: kind(change.tag()),
                number: number(change.tag(), change.old_index(), change.new_index()),
                parts: change.iter_strings_lossy().map(part).collect(),
                hunk: Some(hunk),
            }
        }));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(before: &str, after: &str) -> Vec<String> {
        let sign = |kind| match kind {
            DiffKind::Head => '@',
            DiffKind::Same => ' ',
            DiffKind::Added => '+',
            DiffKind::Removed => '-',
            DiffKind::Gap => '~',
            DiffKind::Was | DiffKind::Yours | DiffKind::Models => '|',
            DiffKind::Fact => '=',
        };
        plain_rows(before, after)
            .iter()
            .map(|row| format!("{}{} {}", sign(row.kind), row.number, row.text()).trim_end().to_string())
            .collect()
    }

    #[test]
    fn each_hunk_has_its_head_and_no_line_stands_twice() {
        let before: String = (1..=14).map(|n| format!("l{n}\n")).collect();
        let after = before.replace("l2\n", "L2\n").replace("l5\n", "").replace("l13\n", "l13\nnew\n");
        let got = shown(&before, &after);
        assert_eq!(
            got,
            [
                "@0",
                " 1 l1",
                "-2 l2",
                "+2 L2",
                " 3 l3",
                " 4 l4",
                "@0",
                "-5 l5",
                " 5 l6",
                " 6 l7",
                " 7 l8",
                "~0 2 unchanged lines",
                "@0",
                " 10 l11",
                " 11 l12",
                " 12 l13",
                "+13 new",
                " 14 l14"
            ]
        );
    }

    #[test]
    fn words_that_changed_are_marked() {
        let rows = plain_rows("x = old(1)\n", "x = new(1)\n");
        let marked: Vec<&str> = rows
            .iter()
            .flat_map(|row| &row.parts)
            .filter(|(emphasis, _)| *emphasis == Emphasis::Changed)
            .map(|(_, text)| text.as_str())
            .collect();
        assert_eq!(marked, ["old", "new"]);
    }
}
