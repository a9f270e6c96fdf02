//! Draws [`crate::app::pane::configs::matrix`]: keys down, variants across, the key's column always in view.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::foot::{self, Foot};
use crate::app::pane::configs::Readers;
use crate::app::pane::configs::list::table_height;
use crate::app::pane::configs::matrix::{Shape, Shown, Spelling, State, Typing, key_text};
use crate::hub::data::{Cell, Json, Row, Variant};
use crate::theme::Theme;
use crate::ui::Canvas;
use crate::ui::frame::empty;
use crate::util::text::{one_line, truncate};

const NARROWEST: usize = 8;
const WIDEST: usize = 30;
/// Columns for ` +9 ▸`, the count of variants that do not fit.
const MORE: usize = 6;

/// Gives the words beside the title.
pub fn subtitle(pane: &State) -> String {
    let differing = pane.rows.iter().filter(|index| pane.matrix.rows[**index].differs).count();
    let raw = if pane.spelling == Spelling::Raw { ", as written" } else { "" };
    match (pane.matrix.variants.len(), pane.shown) {
        (0, _) => String::new(),
        (1, _) => format!("{} keys{raw}", pane.rows.len()),
        (count, Shown::All) => format!("{} keys × {count}, {differing} differ{raw}", pane.rows.len()),
        (_, Shown::Differing) => format!("{differing} that differ{raw}"),
    }
}

/// Draws the layer.
pub fn draw(canvas: &mut Canvas<'_, '_>, state: &State) {
    let area = canvas.area;
    if state.matrix.variants.is_empty() && state.problems.is_empty() {
        let lines = [
            "Config files side by side",
            "",
            "Keys down, variants across; what differs and what ports get wrong first.",
            "a adds a config.json or a checkpoint folder.",
        ];
        empty(canvas.frame, area, &lines, canvas.theme.dim);
    } else {
        let columns = columns(state, usize::from(area.width));
        header(canvas, state, &columns);
        let height = table_height((area.width, area.height));
        let top = state.top(height);
        for (at, index) in state.rows.iter().enumerate().skip(top).take(height) {
            let y = area.y + 1 + (at - top) as u16;
            let lit = at == state.cursor.at;
            let row = (&state.matrix.rows[*index], state.shapes[*index].as_slice());
            line(canvas, state, (row, lit), &columns, Rect { y, height: 1, ..area });
        }
    }
    below(canvas, state);
}

/// Widths: marks and key, readers, then each variant shown.
struct Columns {
    key: usize,
    first: usize,
    cells: Vec<usize>,
}

fn columns(state: &State, width: usize) -> Columns {
    let key = state.longest.clamp(8, (width * 2 / 5).max(8));
    let mut room = width.saturating_sub(key + 7);
    let first = state.column.min(state.matrix.variants.len().saturating_sub(1));
    let wanted =
        |(variant, widest): (&Variant, &usize)| (*widest).max(variant.name.width()).clamp(NARROWEST, WIDEST);
    let variants = state.matrix.variants.iter().zip(&state.widest).skip(first);
    let wanted: Vec<usize> = variants.map(wanted).collect();
    // Where not all fit, each gives way down to a width at which most values are whole.
    let all: usize = wanted.iter().map(|width| width + 2).sum();
    if all > room + 2 {
        room = room.saturating_sub(MORE);
    }
    let most = if all <= room + 2 { WIDEST } else { (room / wanted.len().max(1)).saturating_sub(2).max(12) };
    let mut cells = Vec::new();
    for width in wanted {
        if room < NARROWEST {
            break;
        }
        cells.push(width.min(most).min(room));
        room = room.saturating_sub(width.min(most) + 2);
    }
    Columns { key, first, cells }
}

/// Shortens a dotted key before its last name, which tells it from its neighbours: `rope_pa….rope_theta`.
pub(super) fn short_key(path: &str, width: usize) -> String {
    match path.rsplit_once('.') {
        Some((block, name)) if path.width() > width && name.width() + 4 < width => {
            format!("{}.{name}", truncate(block, width - name.width() - 1))
        }
        _ => truncate(path, width),
    }
}

/// Shortens a variant's name in the middle: variants of one model differ at the end.
fn short_name(name: &str, width: usize) -> String {
    let name = one_line(name);
    let count = name.chars().count();
    if name.width() <= width || width < 8 {
        return truncate(&name, width);
    }
    let head: String = name.chars().take(3).collect();
    let tail: String = name.chars().skip(count - (width - 4).min(count)).collect();
    truncate(&format!("{head}…{tail}"), width)
}

/// What the marks mean, the most needed first.
const LEGEND: [&str; 6] =
    ["≠ differs", "– absent", "(x) default", "⚑ look here", "R! not read by the port", "R P who reads it"];

fn header(canvas: &mut Canvas<'_, '_>, state: &State, columns: &Columns) {
    let theme = canvas.theme;
    let mut text = format!("   {:<1$} ", "key", columns.key);
    text.push_str("   ");
    let left = if columns.first > 0 { "◂" } else { " " };
    text.push_str(left);
    for (variant, width) in state.matrix.variants.iter().skip(columns.first).zip(&columns.cells) {
        text.push_str(&padded(&short_name(&variant.name, *width), width + 2));
    }
    let hidden = state.matrix.variants.len().saturating_sub(columns.first + columns.cells.len());
    let row = Rect { height: 1, ..canvas.area };
    let text = truncate(&text, usize::from(row.width));
    canvas.frame.render_widget(Line::styled(text, theme.strong), row);
    if hidden > 0 {
        let more = format!(" +{hidden} ▸");
        let x = row.right().saturating_sub(more.width() as u16);
        canvas.frame.buffer_mut().set_string(x, row.y, more, theme.accent);
    }
}

fn line(
    canvas: &mut Canvas<'_, '_>,
    state: &State,
    ((row, shapes), lit): ((&Row, &[Shape]), bool),
    columns: &Columns,
    area: Rect,
) {
    let theme = canvas.theme;
    if lit && canvas.focused {
        canvas.frame.buffer_mut().set_style(area, theme.selected);
    }
    let found = !state.query.is_empty() && row.path.to_lowercase().contains(&state.query);
    let mark = if lit { "›" } else { " " };
    let differs = if row.differs { "≠" } else { " " };
    let flag = if row.flag.is_some() { "⚑" } else { " " };
    let key = padded(&short_key(&key_text(row), columns.key), columns.key + 1);
    let (readers, style) = match readers_of(state, row) {
        Readers::Both => ("RP ", theme.dim),
        Readers::Reference => ("R  ", theme.dim),
        Readers::ReferenceOnly => ("R! ", theme.fail),
        Readers::PortOnly => (" P ", theme.dim),
        Readers::Nobody | Readers::Unknown => ("   ", theme.dim),
    };
    let key_style = match (found, row.differs) {
        (true, _) => theme.r#match,
        (false, true) => theme.strong,
        (false, false) => theme.text,
    };
    let mut spans = vec![
        Span::styled(mark, theme.accent),
        Span::styled(differs, theme.warn),
        Span::styled(flag, theme.accent),
        Span::styled(key, key_style),
        Span::styled(readers, style),
        Span::raw(" "),
    ];
    let cells = row.cells.iter().zip(shapes).skip(columns.first);
    for ((cell, shape), width) in cells.zip(&columns.cells) {
        let text = padded(&truncate(&shape.text, *width), width + 2);
        spans.push(Span::styled(text, cell_style(cell, theme)));
    }
    canvas.frame.render_widget(Line::from(spans), area);
}

fn below(canvas: &mut Canvas<'_, '_>, state: &State) {
    let theme = canvas.theme;
    let lead = |what| match what {
        Typing::Path => " config.json or folder: ".to_string(),
        Typing::Search => " /".to_string(),
    };
    let about = match (state.problems.first(), state.row()) {
        (Some(problem), _) => (problem.to_string(), theme.fail),
        (None, Some(row)) => (about(state, row), theme.text),
        (None, None) => (String::new(), theme.text),
    };
    let shown = if state.matrix.variants.is_empty() { &[][..] } else { &LEGEND };
    let typed = state.typing.as_ref().map(|typed| (lead(typed.what), &typed.editor));
    foot::draw(
        canvas,
        &Foot { typed, legend: foot::legend(shown, usize::from(canvas.area.width)), about, spill: false },
    );
}

/// Says about the key under the cursor what the table has no room for.
fn about(state: &State, row: &Row) -> String {
    let mut parts = vec![row.path.clone()];
    let from = row.from.get(state.column).filter(|from| !from.is_empty());
    parts.extend(from.map(|from| format!("from {from}")));
    parts.extend(row.flag.filter(|_| row.from.is_empty()).map(|flag| flag.text().to_string()));
    parts.extend(row.note.clone());
    if readers_of(state, row) == Readers::ReferenceOnly {
        parts.push("read by the reference, not by the port".into());
    }
    parts.extend(
        row.from.get(state.column).filter(|from| !from.is_empty()).map(|from| format!("from {from}")),
    );
    let cell = row.cells.get(state.column);
    if let Some(Cell::Value(value) | Cell::Default(value)) = cell {
        let written = value.written();
        if written.width() > NARROWEST {
            parts.push(written);
        }
    }
    // What the class makes of null is what its model computes with.
    let given = state.matrix.variants.get(state.column).and_then(|variant| variant.gives.get(&row.path));
    if let (Some(Cell::Null), Some(given)) = (cell, given.filter(|given| **given != Json::Null)) {
        parts.push(format!("the class makes null {}", given.short()));
    }
    if let Some(Cell::Default(_)) = cell {
        parts.push(state.matrix.origin.to_string());
    }
    parts.join(" · ")
}

/// Who reads a key; of a derived row nobody does, its sources stand below.
fn readers_of(state: &State, row: &Row) -> Readers {
    if row.from.is_empty() { state.readers(&row.path) } else { Readers::Unknown }
}

fn cell_style(cell: &Cell, theme: &Theme) -> Style {
    match cell {
        Cell::Value(_) => theme.text,
        Cell::Null => theme.code_constant,
        Cell::Absent | Cell::Default(_) => theme.dim,
    }
}

pub(super) fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}
