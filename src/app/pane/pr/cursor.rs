//! Where the keys are in the diff, and what they mean there: a hunk, a block of it, a line, a range of lines.

use serde::{Deserialize, Serialize};

use super::{Section, State};
use crate::pr::data::{FileDiff, LineId, Row, Where};

/// How much a key takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    #[default]
    Hunk,
    /// A run of changed lines without context between them.
    Block,
    Line,
}

/// The place in the diff, by content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    pub line: Option<LineId>,
    pub unit: Unit,
    /// The other end of a range.
    pub anchor: Option<LineId>,
    /// Where the line was among the changed ones, for when it is gone.
    rank: usize,
}

impl Cursor {
    pub(super) fn next_unit(&mut self) {
        self.unit = if self.unit == Unit::Line { Unit::Hunk } else { Unit::Line };
        self.anchor = None;
    }

    pub(super) fn toggle_split(&mut self) {
        self.unit = if self.unit == Unit::Block { Unit::Hunk } else { Unit::Block };
        self.anchor = None;
    }

    pub(super) fn toggle_range(&mut self) {
        self.unit = Unit::Line;
        self.anchor = if self.anchor.is_some() { None } else { self.line };
    }
}

impl State {
    /// Moves the keys to a neighbouring section.
    pub(super) fn go(&mut self, by: isize) {
        let at = Section::ALL.iter().position(|section| *section == self.section).unwrap_or(0);
        let to = at.saturating_add_signed(by).min(Section::ALL.len() - 1);
        self.section = Section::ALL[to];
    }

    /// Moves within the section.
    pub(super) fn step(&mut self, by: i32) {
        if let Some(super::Layer::Outputs(at)) = &mut self.layer {
            *at = moved(*at, by, self.outputs.len());
            return;
        }
        match self.section {
            Section::Files => self.step_file(by),
            Section::Diff => self.step_diff(by),
            Section::Voice => self.fields.at = moved(self.fields.at, by, self.fields.list().len()),
            Section::Gates => self.gate = moved(self.gate, by, self.gates.len()),
        }
    }

    fn step_file(&mut self, by: i32) {
        let Some(snapshot) = &self.snapshot else { return };
        let at = snapshot.files.iter().position(|file| Some(&file.path) == self.file.as_ref()).unwrap_or(0);
        let to = moved(at, by, snapshot.files.len());
        let path = snapshot.files.get(to).map(|file| file.path.clone());
        if path != self.file {
            self.file = path;
            self.cursor = Cursor { unit: self.cursor.unit, ..Cursor::default() };
            self.keep_place();
        }
    }

    fn step_diff(&mut self, by: i32) {
        let Some(file) = self.chosen() else { return };
        let order: Vec<LineId> = changed(file).filter_map(|row| row.id).collect();
        let rank_of = |id: LineId| order.iter().position(|line| *line == id).unwrap_or(0);
        let here = self.cursor.line.map_or(0, rank_of);
        // A page goes by lines, whatever a key takes: a hunk may be taller than the screen.
        let unit = if by.abs() == 1 { self.cursor.unit } else { Unit::Line };
        let heads: Vec<usize> = heads(file, unit).into_iter().map(rank_of).collect();
        let next = heads.iter().copied().find(|head| *head > here);
        let previous = heads.iter().rev().copied().find(|head| *head < here);
        let last = order.len().saturating_sub(1);
        let rank = match by {
            1 => next.unwrap_or(last),
            -1 => previous.unwrap_or(0),
            by => moved(here, by, order.len()),
        };
        self.cursor.rank = rank;
        self.cursor.line = order.get(rank).copied();
    }

    /// Goes to the next unit that has something unstaged, so that repeated Space walks through the file.
    pub(super) fn step_to_unstaged(&mut self, done: &[LineId]) {
        let Some(file) = self.chosen() else { return };
        let rows: Vec<&Row> = changed(file).collect();
        let last = rows.iter().rposition(|row| row.id.is_some_and(|id| done.contains(&id))).unwrap_or(0);
        let open = |row: &&Row| row.place == Where::Unstaged && row.id.is_some_and(|id| !done.contains(&id));
        let next = rows[last..].iter().copied().find(open).or_else(|| rows.iter().copied().find(open));
        let Some(id) = next.and_then(|row| row.id) else { return };
        let head = unit_of(file, self.cursor.unit, id).first().copied().unwrap_or(id);
        self.cursor.rank = rows.iter().position(|row| row.id == Some(head)).unwrap_or(0);
        self.cursor.line = Some(head);
    }

    /// Puts file and line back to something that exists, as near as can be.
    pub(super) fn keep_place(&mut self) {
        let Some(snapshot) = &self.snapshot else { return };
        if self.chosen().is_none() {
            self.file = snapshot.files.first().map(|file| file.path.clone());
        }
        let Some(file) = self.chosen() else {
            self.cursor.line = None;
            return;
        };
        let order: Vec<LineId> = changed(file).filter_map(|row| row.id).collect();
        let there = |id: &LineId| order.contains(id);
        let line = self.cursor.line.filter(there);
        let line = line.or_else(|| order.get(self.cursor.rank.min(order.len().saturating_sub(1))).copied());
        let anchor = self.cursor.anchor.filter(there);
        let rank = line.and_then(|line| order.iter().position(|id| *id == line)).unwrap_or(0);
        self.cursor = Cursor { line, anchor, rank, ..self.cursor };
    }

    /// Gives the lines that a key would take.
    pub fn taken(&self) -> Vec<LineId> {
        let (Some(file), Some(line)) = (self.chosen(), self.cursor.line) else { return Vec::new() };
        match self.cursor.anchor {
            None => unit_of(file, self.cursor.unit, line),
            Some(anchor) => between(file, anchor, line),
        }
    }
}

fn moved(at: usize, by: i32, count: usize) -> usize {
    let by = isize::try_from(by).unwrap_or(0);
    at.saturating_add_signed(by).min(count.saturating_sub(1))
}

/// Gives the changed rows of a file in order.
pub(super) fn changed(file: &FileDiff) -> impl Iterator<Item = &Row> {
    file.hunks.iter().flat_map(|hunk| &hunk.rows).filter(|row| row.id.is_some())
}

fn units(file: &FileDiff, unit: Unit) -> Vec<Vec<LineId>> {
    let ids = |rows: &[Row]| rows.iter().filter_map(|row| row.id).collect::<Vec<_>>();
    match unit {
        Unit::Hunk => file.hunks.iter().map(|hunk| hunk.lines().collect()).collect(),
        Unit::Block => {
            let blocks = file.hunks.iter().flat_map(|hunk| {
                hunk.blocks().into_iter().map(|range| ids(&hunk.rows[range])).collect::<Vec<_>>()
            });
            blocks.collect()
        }
        Unit::Line => changed(file).filter_map(|row| row.id).map(|id| vec![id]).collect(),
    }
}

fn heads(file: &FileDiff, unit: Unit) -> Vec<LineId> {
    units(file, unit).iter().filter_map(|lines| lines.first().copied()).collect()
}

fn unit_of(file: &FileDiff, unit: Unit, line: LineId) -> Vec<LineId> {
    units(file, unit).into_iter().find(|lines| lines.contains(&line)).unwrap_or_default()
}

fn between(file: &FileDiff, one: LineId, two: LineId) -> Vec<LineId> {
    let order: Vec<LineId> = changed(file).filter_map(|row| row.id).collect();
    let at = |id| order.iter().position(|line| *line == id).unwrap_or(0);
    let (from, to) = (at(one).min(at(two)), at(one).max(at(two)));
    order.get(from..=to).unwrap_or_default().to_vec()
}
