//! The chosen file's hunks: staged ▪, unstaged ▫, committed ·, words that differ marked.

use std::collections::HashSet;

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{scroll, wrap};
use crate::app::pane::pr::{Section, State};
use crate::pr::data::{Ending, FileDiff, Hunk, LineId, Row, Where};
use crate::theme::Theme;
use crate::ui::Canvas;
use crate::util::text::{neutralise, one_line, truncate};

/// Draws the diff of the chosen file.
pub fn draw(canvas: &mut Canvas<'_, '_>, area: Rect, state: &State, top: &mut usize) {
    let Some(file) = state.chosen() else {
        return words(canvas, area, "No file is chosen: the list on the left has the branch's changes.");
    };
    if let Some(why) = &file.obstacle {
        return words(canvas, area, &format!("{} cannot be staged here: {why}.", file.path));
    }
    if file.hunks.is_empty() {
        let notes = file.notes.join(", ");
        return words(
            canvas,
            area,
            &format!("No changed lines: {notes}. Space in the file list stages it whole."),
        );
    }
    let height = usize::from(area.height);
    let total: usize = file.hunks.iter().map(|hunk| hunk.rows.len() + 1).sum();
    let taken: HashSet<LineId> = state.taken().into_iter().collect();
    scroll(top, in_view(file, state.cursor.line, height), height, total);
    let here = canvas.focused && state.section == Section::Diff;
    let width = usize::from(area.width);
    let shown = Shown { theme: canvas.theme, taken: &taken, cursor: state.cursor.line, here, width };
    let rows = file
        .hunks
        .iter()
        .flat_map(|hunk| std::iter::once(Piece::Head(hunk)).chain(hunk.rows.iter().map(Piece::Row)));
    for (at, piece) in (0..area.height).zip(rows.skip(*top)) {
        let line = match piece {
            Piece::Head(hunk) => shown.head(hunk),
            Piece::Row(row) => shown.row(row),
        };
        canvas.frame.render_widget(line, Rect { y: area.y + at, height: 1, ..area });
    }
}

enum Piece<'a> {
    Head(&'a Hunk),
    Row(&'a Row),
}

fn words(canvas: &mut Canvas<'_, '_>, area: Rect, text: &str) {
    for (at, line) in (0..area.height).zip(wrap(&one_line(text), usize::from(area.width))) {
        let row = Rect { y: area.y + at, height: 1, ..area };
        canvas.frame.render_widget(Line::styled(line, canvas.theme.dim), row);
    }
}

/// The rows to have in view: the cursor's with a little around it, from the hunk's head where that fits.
fn in_view(file: &FileDiff, cursor: Option<LineId>, height: usize) -> std::ops::Range<usize> {
    let mut start = 0;
    for hunk in &file.hunks {
        let end = start + 1 + hunk.rows.len();
        if let Some(at) = hunk.rows.iter().position(|row| row.id.is_some() && row.id == cursor) {
            let row = start + 1 + at;
            return match (end - start <= height, row - start + 4 <= height) {
                (true, _) => start..end,
                (false, true) => start..row + 4,
                (false, false) => row.saturating_sub(3)..(row + 4).min(end),
            };
        }
        start = end;
    }
    0..1
}

struct Shown<'a> {
    theme: &'a Theme,
    taken: &'a HashSet<LineId>,
    cursor: Option<LineId>,
    here: bool,
    width: usize,
}

impl Shown<'_> {
    fn head(&self, hunk: &Hunk) -> Line<'static> {
        let first = |number: fn(&Row) -> Option<u32>| hunk.rows.iter().find_map(number).unwrap_or(0);
        let count = |sign: char| hunk.rows.iter().filter(|row| row.sign == sign).count();
        let symbol = hunk.symbol.as_deref().map(one_line).unwrap_or_default();
        let text = format!(
            "@@ {} → {}  +{} -{}  {symbol}",
            first(|row| row.old),
            first(|row| row.new),
            count('+'),
            count('-')
        );
        Line::styled(truncate(text.trim_end(), self.width), self.theme.hunk)
    }

    fn row(&self, row: &Row) -> Line<'static> {
        let theme = self.theme;
        let taken = row.id.is_some_and(|id| self.taken.contains(&id)) && self.here;
        let edge = match (taken, row.id.is_some() && row.id == self.cursor && self.here) {
            (_, true) => Span::styled("▌", theme.accent),
            (true, false) => Span::styled("│", theme.accent),
            (false, false) => Span::raw(" "),
        };
        let place = match row.place {
            Where::Context => Span::raw("  "),
            Where::Committed => Span::styled("· ", theme.dim),
            Where::Staged => Span::styled("▪ ", theme.ok),
            Where::Unstaged => Span::styled("▫ ", theme.warn),
        };
        let number = row.new.or(row.old).map_or(String::new(), |number| number.to_string());
        let (plain, marked) = match row.sign {
            '+' => (theme.add, theme.add_word),
            '-' => (theme.del, theme.del_word),
            _ => (theme.text, theme.text),
        };
        let mut spans = vec![edge, place, Span::styled(format!("{number:>4} "), theme.gutter)];
        spans.push(Span::styled(format!("{} ", row.sign), plain));
        let room = self.width.saturating_sub(10);
        let mut text = pieces(row, plain, marked);
        let note = match row.ending {
            Ending::None => " ⌁ no newline at the end",
            Ending::Lf | Ending::CrLf => "",
        };
        text.push(Span::styled(note, theme.dim));
        spans.extend(cut(text, room));
        let line = Line::from(spans);
        if taken { line.style(theme.selected) } else { line }
    }
}

// Marks are bytes of the raw text, so each piece is made safe by itself.
fn pieces(row: &Row, plain: Style, marked: Style) -> Vec<Span<'static>> {
    let safe = |text: &str| neutralise(text).replace('\n', "⏎");
    let mut spans = Vec::new();
    let mut at = 0;
    for mark in &row.marks {
        spans.push(Span::styled(safe(row.text.get(at..mark.start).unwrap_or_default()), plain));
        spans.push(Span::styled(safe(row.text.get(mark.clone()).unwrap_or_default()), marked));
        at = mark.end;
    }
    spans.push(Span::styled(safe(row.text.get(at..).unwrap_or_default()), plain));
    spans
}

fn cut(spans: Vec<Span<'static>>, width: usize) -> Vec<Span<'static>> {
    let total: usize = spans.iter().map(Span::width).sum();
    if total <= width {
        return spans;
    }
    let mut left = width;
    let mut out = Vec::new();
    for span in spans {
        // One column stays for the sign that something was cut.
        if span.width() < left {
            left -= span.width();
            out.push(span);
        } else {
            let text = truncate(&format!("{}  ", span.content), left);
            out.push(Span::styled(text, span.style));
            break;
        }
    }
    out
}
