//! The three texts of a conflict as rows: below each other, where the cursor walks, and side by side.

use std::ops::Range;

use super::rows::{DiffKind, DiffRow, changed, gap};
use crate::agent::approval::hunks::lines;
use crate::agent::approval::merge::{Region, Side, Texts, Who};

/// Unchanged lines shown around a place.
const AROUND: usize = 2;

/// The rows of a conflict.
#[derive(Clone, Debug, Default)]
pub struct Panels {
    /// One below the other.
    pub rows: Vec<DiffRow>,
    /// Side by side.
    pub aligned: Vec<Aligned>,
    /// For each of `rows` where it stands in `aligned`.
    pub places: Vec<usize>,
}

/// A row side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aligned {
    /// Over the whole width: where a place is, or what is left out.
    Across(DiffRow),
    /// As the model saw it, the person's now, the model's.
    Cells([Option<DiffRow>; 3]),
}

impl Panels {
    /// Makes the rows.
    pub fn of(texts: Texts<'_>, regions: &[Region], sides: &[Option<Side>]) -> Self {
        let cut = (lines(texts.was), lines(texts.yours), lines(texts.models));
        let mut made = Self::default();
        let mut seen = 0;
        for (index, region) in regions.iter().enumerate() {
            let first = region.yours.start.saturating_sub(AROUND).max(seen);
            made.across(gap(first - seen));
            let head = head(region, sides[index], (index + 1, regions.len()));
            made.across(Some(DiffRow::head(&head, index)));
            let next = regions.get(index + 1).map_or(cut.1.len(), |next| next.yours.start);
            seen = (region.yours.end + AROUND).min(next);
            let starts = [region.was.start, region.yours.start, region.models.start];
            let ends = [region.was.end, region.yours.end, region.models.end];
            made.context(&cut.1, (first..region.yours.start, starts), index);
            made.lines((&cut.0, &cut.1, &cut.2), region, index);
            made.context(&cut.1, (region.yours.end..seen, ends), index);
        }
        made.across(gap(cut.1.len() - seen));
        made
    }

    fn across(&mut self, row: Option<DiffRow>) {
        let Some(row) = row else { return };
        self.places.push(self.aligned.len());
        self.aligned.push(Aligned::Across(row.clone()));
        self.rows.push(row);
    }

    /// Adds lines that all three have; `at` says at which line each of them is where the person's is at the second.
    fn context(&mut self, yours: &[&str], (range, at): (Range<usize>, [usize; 3]), index: usize) {
        for line in range {
            let row = |of: usize| {
                DiffRow::plain(DiffKind::Same, line + 1 + at[of] - at[1], yours[line], Some(index))
            };
            self.places.push(self.aligned.len());
            self.aligned.push(Aligned::Cells([0, 1, 2].map(|of| Some(row(of)))));
            self.rows.push(row(1));
        }
    }

    fn lines(&mut self, (was, yours, models): (&[&str], &[&str], &[&str]), region: &Region, index: usize) {
        let old = || (was, region.was.clone());
        let side = |text, range: &Range<usize>, kind| {
            let rows = changed(old(), (text, range.clone()), index);
            let kept = rows.into_iter().filter(|row| row.kind != DiffKind::Removed);
            block(kept.collect(), kind, index)
        };
        let plain = old().1.map(|at| DiffRow::plain(DiffKind::Was, at + 1, was[at], Some(index)));
        let blocks = [
            block(plain.collect(), DiffKind::Was, index),
            side(yours, &region.yours, DiffKind::Yours),
            side(models, &region.models, DiffKind::Models),
        ];
        // Below each other a text that is as it was need not stand twice.
        let shown = match region.who {
            Who::Both => &[0, 1, 2][..],
            Who::Person | Who::Same => &[0, 1],
            Who::Model => &[0, 2],
        };
        let start = self.aligned.len();
        for row in shown.iter().flat_map(|at| blocks[*at].iter().enumerate()) {
            self.places.push(start + row.0);
            self.rows.push(row.1.clone());
        }
        let height = blocks.iter().map(Vec::len).max().unwrap_or(0);
        for at in 0..height {
            let cell = |block: &Vec<DiffRow>| block.get(at).cloned();
            self.aligned.push(Aligned::Cells([cell(&blocks[0]), cell(&blocks[1]), cell(&blocks[2])]));
        }
    }
}

/// A block without lines says so: an empty place would look like a missing one.
fn block(rows: Vec<DiffRow>, kind: DiffKind, index: usize) -> Vec<DiffRow> {
    match rows.is_empty() {
        true => vec![DiffRow::plain(kind, 0, "(no lines)", Some(index))],
        false => rows.into_iter().map(|row| DiffRow { kind, ..row }).collect(),
    }
}

fn head(region: &Region, side: Option<Side>, (number, all): (usize, usize)) -> String {
    let mark = match side {
        None => "[?]",
        Some(Side::Yours) => "[yours]",
        Some(Side::Models) => "[model's]",
    };
    let place = if region.place.is_empty() { String::new() } else { format!(" · {}", region.place) };
    let words = match region.who {
        Who::Both if side.is_none() => "both changed it: m yours, x model's",
        Who::Both => "both changed it",
        Who::Person => "only you changed it",
        Who::Model => "only the model changed it",
        Who::Same => "both made the same change",
    };
    format!("{mark} {number} of {all}{place} · {words}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::approval::merge::regions;

    #[test]
    fn each_place_stands_with_its_texts_and_every_row_has_its_place_side_by_side() {
        let texts = Texts {
            was: "a\nb\nc\nd\ne\nf\ng\nh\n",
            yours: "a\nB\nc\nd\ne\nf\ng\nh\n",
            models: "a\nbb\nb2\nc\nd\ne\nf\ng\n",
        };
        let regions = regions(texts);
        let panels = Panels::of(texts, &regions, &[None, Some(Side::Models)]);
        let shown: Vec<String> =
            panels.rows.iter().map(|row| format!("{:?} {} {}", row.kind, row.number, row.text())).collect();
        assert_eq!(
            shown,
            [
                "Head 0 [?] 1 of 2 · both changed it: m yours, x model's",
                "Same 1 a",
                "Was 2 b",
                "Yours 2 B",
                "Models 2 bb",
                "Models 3 b2",
                "Same 3 c",
                "Same 4 d",
                "Gap 0 1 unchanged line",
                "Head 0 [model's] 2 of 2 · only the model changed it",
                "Same 6 f",
                "Same 7 g",
                "Was 8 h",
                "Models 0 (no lines)",
            ]
        );
        assert_eq!(panels.places, [0, 1, 2, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10]);
        let Aligned::Cells([None, None, Some(second)]) = &panels.aligned[3] else { panic!("{panels:?}") };
        assert_eq!(second.text(), "b2");
        // Below a place where the model adds a line its numbers are one ahead.
        let Aligned::Cells([_, Some(yours), Some(models)]) = &panels.aligned[4] else { panic!("{panels:?}") };
        assert_eq!((yours.number, models.number), (3, 4));
    }
}
