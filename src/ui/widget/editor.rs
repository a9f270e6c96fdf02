//! Draws a text field of the program: soft-wrapped, the cursor always in view. Cost depends on the field's text, which a
//! person typed, never on the session.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use unicode_width::UnicodeWidthChar;

use crate::app::editor::Editor;

/// A field's text wrapped to a width, and where the cursor is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wrapped {
    pub rows: Vec<String>,
    /// Row and column of the cursor, in cells.
    pub cursor: (usize, usize),
}

/// Wraps a field's text by cells.
pub fn wrap(editor: &Editor, width: u16) -> Wrapped {
    let width = usize::from(width.max(1));
    let (at_line, at_column) = editor.cursor();
    let mut out = Wrapped::default();
    for (number, line) in editor.lines().iter().enumerate() {
        let mut row = String::new();
        let mut used = 0;
        for (column, c) in line.chars().enumerate() {
            let shown = if c == '\t' || c.is_control() { ' ' } else { c };
            let cells = shown.width().unwrap_or(0);
            if used + cells > width {
                out.rows.push(std::mem::take(&mut row));
                used = 0;
            }
            if (number, column) == (at_line, at_column) {
                out.cursor = (out.rows.len(), used);
            }
            row.push(shown);
            used += cells;
        }
        if number == at_line && at_column >= line.chars().count() {
            if used >= width {
                out.rows.push(std::mem::take(&mut row));
                used = 0;
            }
            out.cursor = (out.rows.len(), used);
        }
        out.rows.push(row);
    }
    out
}

/// Whether the field has the focus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    Here,
    Elsewhere,
}

/// Draws the part of a field around its cursor; shows the cursor if the field has the focus.
pub fn draw(frame: &mut Frame<'_>, area: Rect, wrapped: &Wrapped, style: Style, focused: Focus) {
    let rows = usize::from(area.height);
    let first = (wrapped.cursor.0 + 1).saturating_sub(rows);
    for (at, row) in wrapped.rows.iter().skip(first).take(rows).enumerate() {
        let y = area.y + u16::try_from(at).unwrap_or(0);
        frame.render_widget(Line::styled(row.as_str(), style), Rect { y, height: 1, ..area });
    }
    if focused == Focus::Here && rows > 0 {
        let x = area.x + u16::try_from(wrapped.cursor.1).unwrap_or(0).min(area.width.saturating_sub(1));
        let y = area.y + u16::try_from(wrapped.cursor.0 - first).unwrap_or(0);
        frame.set_cursor_position((x, y));
    }
}
