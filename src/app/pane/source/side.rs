//! One half: which document, where the cursor is, what is searched.

use std::path::PathBuf;
use std::sync::Arc;

use super::saved::Place;
use crate::app::pane::Used;
use crate::source::data::{Hit, SourceDoc};
use crate::source::pure::{enclosing, search};

/// Lines kept above and below the cursor.
const MARGIN: u32 = 3;

/// One half of the pane.
#[derive(Clone, Debug)]
pub struct Side {
    pub path: Option<PathBuf>,
    pub doc: Option<Arc<SourceDoc>>,
    /// The line under the cursor, from 1.
    pub cursor: u32,
    /// The first line shown, as far as the last scroll knows; [`Side::top`] keeps the cursor in view.
    top: u32,
    /// Columns scrolled away on the left.
    pub column: u16,
    pub search: Search,
    /// Whether cursor and view are those of an earlier run.
    placed: bool,
}

impl Default for Side {
    fn default() -> Self {
        Self { path: None, doc: None, cursor: 1, top: 1, column: 0, search: Search::default(), placed: false }
    }
}

/// A search in one half.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    pub query: String,
    pub hits: Vec<Hit>,
    /// Where the cursor was before, while the query is typed.
    from: Option<u32>,
}

impl Search {
    /// Where the cursor was before the query that is being typed.
    pub(super) fn from(&self) -> Option<u32> {
        self.from
    }

    /// Whether the query is being typed.
    pub fn typing(&self) -> bool {
        self.from.is_some()
    }

    /// Ends the typing and keeps the matches.
    pub fn accept(&mut self) {
        self.from = None;
    }
}

impl Side {
    /// Starts with a file that is not read yet.
    pub fn of(path: PathBuf) -> Self {
        Self { path: Some(path), ..Self::default() }
    }

    /// Looks where an earlier run looked, as soon as the file is read.
    pub(super) fn place_again(&mut self, place: &Place) {
        (self.cursor, self.top, self.column) = (place.cursor, place.top, place.column);
        self.search = Search { query: place.query.clone(), hits: Vec::new(), from: place.from };
        self.placed = true;
    }

    pub(super) fn is_placed(&self) -> bool {
        self.placed
    }

    /// Gives the first line shown, as far as the last scroll knows.
    pub(super) fn row_at_top(&self) -> u32 {
        self.top
    }

    /// Takes a document, or the next version of it; the cursor stays in its class or function. A fresh one is shown from its first
    /// class: nobody opens a file for its licence.
    pub fn set_doc(&mut self, doc: Arc<SourceDoc>) {
        if self.doc.is_none() && self.cursor == 1 && !self.placed {
            self.cursor = doc.classes().next().map_or(1, |class| class.first);
            self.top = self.cursor.saturating_sub(MARGIN).max(1);
        }
        let moved = self.doc.as_deref().and_then(|before| same_place(before, &doc, self.cursor));
        let row = self.cursor.saturating_sub(self.top);
        self.cursor = moved.unwrap_or(self.cursor).clamp(1, doc.line_count().max(1));
        self.top = self.cursor.saturating_sub(row).max(1);
        self.search.hits = search(&doc, &self.search.query);
        self.doc = Some(doc);
    }

    fn lines(&self) -> u32 {
        self.doc.as_ref().map_or(1, |doc| doc.line_count().max(1))
    }

    /// Gives the first line to show, so that the cursor is in view in so many rows.
    pub fn top(&self, height: u16) -> u32 {
        let height = u32::from(height.max(1));
        let margin = MARGIN.min((height - 1) / 2);
        let lowest = (self.cursor + margin + 1).saturating_sub(height);
        let highest = self.cursor.saturating_sub(margin).max(1);
        let last = (self.lines() + 1).saturating_sub(height).max(1);
        self.top.clamp(lowest.min(highest), highest).min(last.max(lowest.min(highest))).max(1).min(last)
    }

    /// Moves the cursor by lines.
    pub fn move_by(&mut self, by: i32, height: u16) {
        self.cursor = self.cursor.saturating_add_signed(by).clamp(1, self.lines());
        self.top = self.top(height);
    }

    /// Puts the cursor at a line, in the upper third when it was out of view.
    pub fn go_to(&mut self, line: u32, height: u16) {
        let top = self.top(height);
        self.cursor = line.clamp(1, self.lines());
        if self.cursor < top || self.cursor >= top + u32::from(height) {
            self.top = self.cursor.saturating_sub(u32::from(height) / 3).max(1);
        }
        self.top = self.top(height);
    }

    /// Puts the cursor at a line and that line in a row of the screen.
    pub fn align(&mut self, line: u32, row: u32, height: u16) {
        self.cursor = line.clamp(1, self.lines());
        self.top = self.cursor.saturating_sub(row).max(1);
        self.top = self.top(height);
    }

    /// Scrolls sideways.
    pub fn sideways(&mut self, by: i32) {
        self.column = u16::try_from(i32::from(self.column) + by).unwrap_or(0).min(400);
    }

    /// Starts typing a query.
    pub fn search_start(&mut self) {
        self.search = Search { from: Some(self.cursor), ..Search::default() };
    }

    /// Types a character or takes one away; the cursor goes to the first match after where it was.
    pub fn search_edit(&mut self, typed: Option<char>, height: u16) {
        match typed {
            Some(c) => self.search.query.push(c),
            None => {
                self.search.query.pop();
            }
        }
        let Some(doc) = &self.doc else { return };
        self.search.hits = search(doc, &self.search.query);
        let from = self.search.from.unwrap_or(1);
        let found = self.search.hits.iter().find(|hit| hit.line >= from).or(self.search.hits.first());
        let line = found.map_or(from, |hit| hit.line);
        self.go_to(line, height);
    }

    /// Drops the search; while it is typed, the cursor goes back.
    pub fn search_cancel(&mut self) -> Used {
        if self.search == Search::default() {
            return Used::No;
        }
        self.cursor = self.search.from.unwrap_or(self.cursor);
        self.search = Search::default();
        Used::Yes
    }

    /// Goes to the next match in a direction, round the end.
    pub fn next_match(&mut self, by: i32, height: u16) -> Used {
        let hits = &self.search.hits;
        let found = match by > 0 {
            true => hits.iter().find(|hit| hit.line > self.cursor).or(hits.first()),
            false => hits.iter().rev().find(|hit| hit.line < self.cursor).or(hits.last()),
        };
        let Some(line) = found.map(|hit| hit.line) else { return Used::No };
        self.go_to(line, height);
        Used::Yes
    }
}

/// Gives the line of the new text that answers to a line of the old: the same offset into the same symbol.
fn same_place(before: &SourceDoc, after: &SourceDoc, line: u32) -> Option<u32> {
    let old = enclosing(before, line)?;
    let new = after.symbol(&old.path)?;
    Some((new.first + line.saturating_sub(old.first)).min(new.last))
}
