//! The transcript: which rows are in view, and the rows that are kept between frames. The view stands at the end and
//! follows it, or at a row of an item; heights are only worked out for items that are passed.

use std::collections::HashMap;

use ratatui::layout::Rect;
use ratatui::text::Line;

use super::growing::Growing;
use super::item;
use crate::app::pane::chat::{Details, Machinery, Scroll, State};
use crate::theme::Theme;
use crate::ui::Canvas;
use crate::ui::widget::markdown::Markdown;

/// Rows of more items than this are not kept.
const KEPT: usize = 600;

/// What drawing keeps between frames.
#[derive(Debug, Default)]
pub struct View {
    width: u16,
    details: Details,
    drawn_anew: u32,
    kept: HashMap<usize, Kept>,
    stream: Stream,
    place: Place,
    scroll: Scroll,
    /// How many items there were when the person left the end.
    seen: usize,
}

#[derive(Debug)]
struct Kept {
    version: u32,
    rows: Vec<Line<'static>>,
}

/// The message being streamed: it stands after the last item.
#[derive(Debug, Default)]
struct Stream {
    number: u64,
    text: Markdown,
    /// What stands around the text: a blank row above, thoughts or half-written calls below.
    above: usize,
    below: Vec<Line<'static>>,
    growing: Growing,
}

/// The row at the top of the view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Following,
    At {
        item: usize,
        row: usize,
    },
}

/// What lies below the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Below {
    Nothing,
    /// The end is not in view; this many items came since the person left it.
    New(usize),
}

/// Draws the rows in view; says what lies below them.
pub fn draw(canvas: &mut Canvas<'_, '_>, area: Rect, state: &State, view: &mut View) -> Below {
    let streaming = matches!(state.machine.state(), Machinery::Streaming { .. });
    if state.items.is_empty() && !streaming {
        super::bottom::empty(canvas, area, state);
        return Below::Nothing;
    }
    let mut rows = Rows { state, theme: canvas.theme, view };
    rows.prepare(area.width);
    let height = usize::from(area.height);
    let (mut item, mut row) = rows.top(height);
    let end = rows.count();
    for y in 0..area.height {
        while item < rows.count() && row >= rows.height(item) {
            (item, row) = (item + 1, 0);
        }
        // Past the streamed message, which stands after the last item, there is nothing.
        let Some(line) = rows.line(item, row).filter(|_| item < end) else { break };
        canvas.frame.render_widget(line, Rect { y: area.y + y, height: 1, ..area });
        row += 1;
    }
    let below = match view.place {
        Place::Following => Below::Nothing,
        Place::At { .. } => {
            Below::New((state.items.len() + usize::from(streaming)).saturating_sub(view.seen))
        }
    };
    view.forget_far(item);
    below
}

impl View {
    /// Counts the items whose rows are kept.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.kept.len()
    }

    fn forget_far(&mut self, item: usize) {
        if self.kept.len() > KEPT {
            self.kept.retain(|at, _| at.abs_diff(item) < KEPT / 3);
        }
    }
}

/// The rows of a state, made as they are asked for.
struct Rows<'a> {
    state: &'a State,
    theme: &'a Theme,
    view: &'a mut View,
}

impl Rows<'_> {
    fn prepare(&mut self, width: u16) {
        let view = &mut *self.view;
        let anew = view.drawn_anew != self.state.drawn_anew;
        if view.width != width || view.details != self.state.details || anew {
            view.kept.clear();
            view.drawn_anew = self.state.drawn_anew;
            view.width = width;
            view.details = self.state.details;
        }
        let Machinery::Streaming { stream, partial, .. } = self.state.machine.state() else {
            view.stream = Stream::default();
            return;
        };
        if view.stream.number != *stream {
            view.stream = Stream { number: *stream, ..Stream::default() };
        }
        view.stream.text.update(&partial.text, width, self.theme);
        view.stream.above = usize::from(!self.state.items.is_empty());
        view.stream.below = item::unfinished(partial, width, self.theme);
        let growing = view.stream.growing.rows(partial, width, self.theme);
        view.stream.below.extend(growing);
    }

    /// Counts items, the streamed message included.
    fn count(&self) -> usize {
        self.state.items.len() + 1
    }

    fn height(&mut self, at: usize) -> usize {
        match self.state.items.get(at) {
            Some(_) => self.kept(at).len(),
            None => {
                let stream = &self.view.stream;
                let said = stream.text.len() + stream.below.len();
                if said == 0 { 0 } else { said + stream.above }
            }
        }
    }

    fn line(&mut self, at: usize, row: usize) -> Option<&Line<'static>> {
        if at < self.state.items.len() {
            return self.kept(at).get(row);
        }
        let stream = &self.view.stream;
        match row.checked_sub(stream.above) {
            None => Some(&item::BLANK),
            Some(row) if row < stream.text.len() => stream.text.row(row),
            Some(row) => stream.below.get(row - stream.text.len()),
        }
    }

    fn kept(&mut self, at: usize) -> &[Line<'static>] {
        let item = &self.state.items[at];
        let kept = self.view.kept.entry(at).or_insert_with(|| Kept { version: u32::MAX, rows: Vec::new() });
        if kept.version != item.version || kept.rows.is_empty() {
            let before = at.checked_sub(1).and_then(|at| self.state.items.get(at));
            kept.rows = item::rows(item, before, (self.view.width, self.view.details), self.theme);
            kept.version = item.version;
        }
        &kept.rows
    }

    /// Works out the row at the top from where it was and what the person asked for.
    fn top(&mut self, height: usize) -> (usize, usize) {
        let wish = self.state.scroll;
        let moved = wish.moved - self.view.scroll.moved;
        let ended = wish.ends != self.view.scroll.ends;
        self.view.scroll = wish;
        let end = self.end_top(height);
        let from = match self.view.place {
            Place::At { item, row } if !ended => (item, row),
            Place::Following | Place::At { .. } => end,
        };
        let moved = if ended { 0 } else { moved };
        let mut to = self.shift(from, moved);
        let followed = self.view.place == Place::Following;
        if to >= end || ended || (followed && moved >= 0) {
            self.view.place = Place::Following;
            to = end;
        } else {
            if followed {
                self.view.seen = self.count();
            }
            self.view.place = Place::At { item: to.0, row: to.1 };
        }
        to
    }

    /// The row at the top when the end is in view.
    fn end_top(&mut self, height: usize) -> (usize, usize) {
        let mut left = height;
        for at in (0..self.count()).rev() {
            let rows = self.height(at);
            if rows >= left {
                return (at, rows - left);
            }
            left -= rows;
        }
        (0, 0)
    }

    fn shift(&mut self, (mut item, mut row): (usize, usize), by: i64) -> (usize, usize) {
        let mut left = usize::try_from(by.unsigned_abs()).unwrap_or(usize::MAX);
        if by < 0 {
            while left > row {
                if item == 0 {
                    return (0, 0);
                }
                left -= row;
                item -= 1;
                row = self.height(item);
            }
            return (item, row - left);
        }
        while item + 1 < self.count() && row + left >= self.height(item) {
            left -= self.height(item).saturating_sub(row);
            (item, row) = (item + 1, 0);
        }
        (item, row + left)
    }
}
