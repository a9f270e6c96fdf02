//! The rows of an approval: heads of hunks with their marks, numbers, signs, Python's colours, the words that changed.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthChar;

use crate::app::pane::chat::{Aligned, DiffKind, DiffRow, Emphasis, Judge, Mode, Panels, View};
use crate::theme::Theme;
use crate::ui::Canvas;
use crate::ui::widget::code;
use crate::util::text::truncate;

/// Columns before the text: number, cursor, sign, a space.
const GUTTER: usize = 7;

/// Draws the rows around the cursor.
pub fn draw(canvas: &mut Canvas<'_, '_>, area: Rect, judge: &Judge) {
    let rows = judge.shown();
    let height = usize::from(area.height);
    if height == 0 {
        return;
    }
    let hidden = rows.len() > height;
    let shown = if hidden { height - 1 } else { height };
    let first = judge.top(shown);
    let lit = canvas.focused && judge.mode == Mode::Judging;
    for (at, row) in rows.iter().enumerate().skip(first).take(shown) {
        let y = area.y + u16::try_from(at - first).unwrap_or(0);
        let cursor = (at == judge.cursor && lit).then_some(canvas.theme.selected);
        let line = Drawn { judge, width: usize::from(area.width), theme: canvas.theme }.line(row, cursor);
        canvas.frame.render_widget(line, Rect { y, height: 1, ..area });
    }
    if hidden {
        let last = (first + shown).min(rows.len());
        let words = format!("  rows {}–{last} of {} · n next hunk, PageDown", first + 1, rows.len());
        let words = truncate(&words, usize::from(area.width));
        let y = area.bottom() - 1;
        canvas.frame.render_widget(Line::styled(words, canvas.theme.dim), Rect { y, height: 1, ..area });
    }
}

/// Draws the three texts of a conflict side by side.
pub fn three(canvas: &mut Canvas<'_, '_>, area: Rect, panels: &Panels, judge: &Judge) {
    let theme = canvas.theme;
    let (width, rows) = (usize::from(area.width), &panels.aligned);
    let height = usize::from(area.height.saturating_sub(1));
    if height == 0 {
        return;
    }
    let column = area.width / 3;
    let starts = [area.x, area.x + column, area.x + 2 * column];
    let rooms = [column - 1, column - 1, area.width - 2 * column];
    for (at, title) in ["as the model saw it", "yours now", "the model's"].into_iter().enumerate() {
        let cell = Rect { x: starts[at], width: rooms[at], height: 1, ..area };
        let text = truncate(&format!("{:>5}{title}", ""), usize::from(cell.width));
        canvas.frame.render_widget(Line::styled(text, theme.strong), cell);
    }
    let hidden = rows.len() > height;
    let shown = if hidden { height - 1 } else { height };
    let cursor = panels.places.get(judge.cursor).copied().unwrap_or(0);
    let top = panels.places.get(judge.top(shown)).copied().unwrap_or(0);
    let first = top.clamp((cursor + 1).saturating_sub(shown), cursor).min(rows.len().saturating_sub(shown));
    let lit = canvas.focused && judge.mode == Mode::Judging;
    let drawn = |room: u16| Drawn { judge, width: usize::from(room), theme };
    for (y, (at, row)) in (area.y + 1..).zip(rows.iter().enumerate().skip(first).take(shown)) {
        let selected = (at == cursor && lit).then_some(theme.selected);
        match row {
            Aligned::Across(row) => {
                let line = drawn(area.width).line(row, selected);
                canvas.frame.render_widget(line, Rect { y, height: 1, ..area });
            }
            Aligned::Cells(cells) => {
                for (of, cell) in cells.iter().enumerate() {
                    let line = cell.as_ref().map(|row| drawn(rooms[of]).cell(row));
                    let mut line = line.unwrap_or_default();
                    if let (Some(style), 0) = (selected, of) {
                        mark(&mut line, theme);
                        line = line.style(style);
                    }
                    let cell = Rect { x: starts[of], y, width: rooms[of], height: 1 };
                    canvas.frame.render_widget(line, cell);
                }
                for x in &starts[1..] {
                    canvas.frame.buffer_mut().set_string(x - 1, y, "│", theme.border);
                }
            }
        }
    }
    if hidden {
        let last = (first + shown).min(rows.len());
        let words = format!("  rows {}–{last} of {} · n next place, PageDown", first + 1, rows.len());
        let words = truncate(&words, width);
        let y = area.bottom() - 1;
        canvas.frame.render_widget(Line::styled(words, theme.dim), Rect { y, height: 1, ..area });
    }
}

/// Draws other rows beside, from their start.
pub fn beside(canvas: &mut Canvas<'_, '_>, area: Rect, (title, rows): (&str, &[DiffRow]), judge: &Judge) {
    let width = usize::from(area.width);
    let head = Line::styled(truncate(title, width), canvas.theme.strong);
    canvas.frame.render_widget(head, Rect { height: 1, ..area });
    let drawn = Drawn { judge, width, theme: canvas.theme };
    for (y, row) in (area.y + 1..area.bottom()).zip(rows) {
        let line = drawn.other(row);
        canvas.frame.render_widget(line, Rect { y, height: 1, ..area });
    }
    let room = usize::from(area.height.saturating_sub(1));
    if rows.len() > room && room > 0 {
        let words = format!("  … {} more rows; t shows them all", rows.len() - room + 1);
        let y = area.bottom() - 1;
        let blank = " ".repeat(width);
        canvas.frame.buffer_mut().set_string(area.x, y, blank, canvas.theme.text);
        canvas.frame.render_widget(Line::styled(words, canvas.theme.dim), Rect { y, height: 1, ..area });
    }
}

/// Draws the rows of a diff in the transcript.
pub fn lines(rows: &[DiffRow], width: u16, theme: &Theme) -> Vec<Line<'static>> {
    let width = usize::from(width).saturating_sub(4);
    let line = |row: &DiffRow| {
        let mut line = plain_row(row, (width, 0), theme);
        line.spans.insert(0, Span::styled("  │ ", theme.border));
        line
    };
    rows.iter().filter(|row| row.kind != DiffKind::Head).map(line).collect()
}

struct Drawn<'a> {
    judge: &'a Judge,
    width: usize,
    theme: &'a Theme,
}

impl Drawn<'_> {
    fn line(&self, row: &DiffRow, cursor: Option<Style>) -> Line<'static> {
        let chosen = row.hunk.and_then(|hunk| self.judge.chosen.get(hunk)).copied().unwrap_or(true);
        // The person's own change has hunks too, but none that could be chosen.
        let own = !std::ptr::eq(self.judge.shown(), self.judge.rows.as_slice());
        let mut line = match row.kind {
            DiffKind::Head if self.judge.view == View::Merge => place(row, self.width, self.theme),
            DiffKind::Head if own => plain_row(row, (self.width, self.judge.column), self.theme),
            DiffKind::Head => self.head(row, chosen),
            _ if !chosen && !own => faint(row, (self.width, self.judge.column), self.theme),
            _ => plain_row(row, (self.width, self.judge.column), self.theme),
        };
        if let Some(style) = cursor {
            mark(&mut line, self.theme);
            line = line.style(style);
        }
        line
    }

    /// A row of one of three columns, whose heads say which text it is.
    fn cell(&self, row: &DiffRow) -> Line<'static> {
        let text = plain_row(row, (self.width, self.judge.column), self.theme);
        let mut spans = text.spans;
        let changed = matches!(row.kind, DiffKind::Was | DiffKind::Yours | DiffKind::Models);
        if let Some(sign) = spans.get_mut(1).filter(|_| changed) {
            sign.content = "▌ ".into();
        }
        Line::from(spans)
    }

    fn other(&self, row: &DiffRow) -> Line<'static> {
        plain_row(row, (self.width, self.judge.column), self.theme)
    }

    fn head(&self, row: &DiffRow, chosen: bool) -> Line<'static> {
        let of = row.hunk.unwrap_or(0);
        let count = |kind| {
            self.judge.rows.iter().filter(|other| other.hunk == row.hunk && other.kind == kind).count()
        };
        let (mark, style) = if chosen { ("[x]", self.theme.hunk) } else { ("[ ]", self.theme.dim) };
        let place = row.text();
        let place = if place.is_empty() { String::new() } else { format!(" · {place}") };
        let (added, removed) = (count(DiffKind::Added), count(DiffKind::Removed));
        let all = self.judge.hunks.len();
        let text = match self.judge.draft.as_ref().and_then(|draft| draft.sections.get(of)) {
            Some(section) => {
                let near = section.near.as_ref().map_or("in no accepted port", |near| near.name.as_str());
                format!("{mark} {} · {near}  +{added} −{removed}", section.name)
            }
            None => format!("{mark} hunk {} of {all}{place}  +{added} −{removed}", of + 1),
        };
        Line::from(vec![
            Span::styled("     ", self.theme.gutter),
            Span::styled(truncate(&text, self.width.saturating_sub(5)), style),
        ])
    }
}

fn number(row: &DiffRow) -> String {
    if row.number > 0 { format!("{:>4} ", row.number) } else { "     ".into() }
}

fn sign(row: &DiffRow) -> &'static str {
    match row.kind {
        DiffKind::Head => "@",
        DiffKind::Same | DiffKind::Fact => " ",
        DiffKind::Added => "+",
        DiffKind::Removed => "-",
        DiffKind::Gap => "⋯",
        DiffKind::Was => "was  ",
        DiffKind::Yours => "yours",
        DiffKind::Models => "model",
    }
}

/// Marks the line under the cursor.
fn mark(line: &mut Line<'static>, theme: &Theme) {
    match line.spans.first_mut() {
        Some(first) => {
            let text: String = first.content.chars().take(4).collect();
            *first = Span::styled(format!("{text}›"), theme.accent);
        }
        None => line.spans.push(Span::styled("    ›", theme.accent)),
    }
}

/// The head of a place that changed.
fn place(row: &DiffRow, width: usize, theme: &Theme) -> Line<'static> {
    let text = row.text();
    let style = if text.starts_with("[?]") { theme.warn } else { theme.hunk };
    Line::from(vec![
        Span::styled("     ", theme.gutter),
        Span::styled(truncate(&text, width.saturating_sub(5)), style),
    ])
}

/// A row of a hunk that is left out: its text without colours.
fn faint(row: &DiffRow, (width, column): (usize, usize), theme: &Theme) -> Line<'static> {
    let text = row.text().chars().map(|c| (c, theme.dim)).collect::<Vec<_>>();
    let mut spans =
        vec![Span::styled(number(row), theme.gutter), Span::styled(format!("{} ", sign(row)), theme.dim)];
    spans.extend(window(text, column, width.saturating_sub(GUTTER)));
    Line::from(spans)
}

pub fn plain_row(row: &DiffRow, (width, column): (usize, usize), theme: &Theme) -> Line<'static> {
    let (plain, changed) = match row.kind {
        DiffKind::Same | DiffKind::Fact => (theme.text, theme.text),
        DiffKind::Added => (theme.add, theme.add_word),
        DiffKind::Removed => (theme.del, theme.del_word),
        DiffKind::Gap | DiffKind::Head => (theme.hunk, theme.hunk),
        DiffKind::Was => (theme.dim, theme.dim),
        DiffKind::Yours => (theme.accent, theme.add_word),
        DiffKind::Models => (theme.add, theme.add_word),
    };
    let mut text: Vec<(char, Style)> = Vec::new();
    // Lines that stay or come are read as code; those that go are red as a whole.
    if matches!(row.kind, DiffKind::Same | DiffKind::Added | DiffKind::Yours | DiffKind::Models) {
        for span in code::line(&row.text(), "python", &mut None, theme) {
            text.extend(span.content.chars().map(|c| (c, span.style)));
        }
    } else {
        text.extend(row.text().chars().map(|c| (c, plain)));
    }
    let marks = row.parts.iter().flat_map(|(emphasis, part)| part.chars().map(move |_| *emphasis));
    for ((_, style), emphasis) in text.iter_mut().zip(marks) {
        if emphasis == Emphasis::Changed {
            *style = changed;
        }
    }
    let mut spans =
        vec![Span::styled(number(row), theme.gutter), Span::styled(format!("{} ", sign(row)), plain)];
    spans.extend(window(text, column, width.saturating_sub(GUTTER - 1 + sign(row).chars().count())));
    Line::from(spans)
}

/// Cuts a window out of a line; what is cut off on a side is marked there.
fn window(text: Vec<(char, Style)>, column: usize, room: usize) -> Vec<Span<'static>> {
    let mut spans: Vec<Span<'static>> = Vec::new();
    let (mut at, mut used) = (0, 0);
    let total: usize = text.iter().map(|(c, _)| c.width().unwrap_or(0)).sum();
    for (c, style) in text {
        let width = c.width().unwrap_or(0);
        let place = at;
        at += width;
        if place < column {
            continue;
        }
        let last = used + width >= room && total > place + width;
        if used + width > room {
            break;
        }
        used += width;
        let shown = match (place == column && column > 0, last) {
            (true, _) | (_, true) => '…',
            _ => c,
        };
        match spans.last_mut() {
            Some(span) if span.style == style => span.content.to_mut().push(shown),
            _ => spans.push(Span::styled(shown.to_string(), style)),
        }
        if last {
            break;
        }
    }
    spans
}
