//! The divergence of every layer in execution order, on a log scale: where the port leaves its reference. Readable
//! without colour: what is over the bar is solid, what is under it is shaded, and the first one over is pointed at.

use ratatui::text::{Line, Span};

use crate::app::pane::harness::State;
use crate::harness::data::{CheckRecord, bar, scientific};
use crate::theme::Theme;
use crate::util::text::{one_line, truncate};

/// The scale's lower end: float32 rounding and less is nothing.
const FLOOR: f64 = 1e-8;
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Rows of bars at most; more would not say more.
const TALLEST: usize = 8;

struct Column {
    name: String,
    value: f64,
    over: bool,
}

/// Gives the chart in at most `height` lines; none where it does not fit or nothing is known.
pub fn lines(state: &State, (width, height): (u16, usize), theme: &Theme) -> Vec<Line<'static>> {
    let has = |record: &&CheckRecord| !record.series.is_empty();
    let own = state.current().map(|row| &row.record).filter(has);
    let Some(record) = own.or_else(|| state.rows.iter().map(|row| &row.record).find(has)) else {
        return Vec::new();
    };
    if height < 4 || width < 20 {
        return Vec::new();
    }
    let limit = record.bar.as_ref().and_then(|bar| bar.number()).unwrap_or(1e-5);
    let columns = columns(record, limit, usize::from(width) - 10);
    let top = columns.iter().map(|column| column.value).fold(limit * 10.0, f64::max).min(10.0);
    let tall = (height - 3).min(TALLEST);
    // Few layers get thick bars with a gap between them.
    let thick = ((usize::from(width) - 10) / columns.len().max(1)).saturating_sub(1).clamp(1, 3);
    let mut lines = vec![Line::default(), Line::styled(title(record, limit, usize::from(width)), theme.dim)];
    for row in (0..tall).rev() {
        let label = match row {
            _ if row + 1 == tall => scientific(top),
            0 => scientific(FLOOR),
            _ => String::new(),
        };
        let mut spans = vec![Span::styled(format!(" {label:>7} "), theme.dim)];
        for column in &columns {
            let style = if column.over { theme.fail } else { theme.ok };
            spans.push(Span::styled(cell(column, (top, tall, row)).to_string().repeat(thick), style));
            spans.push(Span::raw(if thick > 1 { " " } else { "" }));
        }
        lines.push(Line::from(spans));
    }
    lines.push(pointer(&columns, (usize::from(width), thick), theme));
    lines.truncate(height);
    lines
}

/// Puts the layers into as many columns as there are; several share one by their largest.
fn columns(record: &CheckRecord, limit: f64, room: usize) -> Vec<Column> {
    let each = record.series.len().div_ceil(room.max(1)).max(1);
    record
        .series
        .chunks(each)
        .map(|chunk| {
            let value =
                |figure: &Option<crate::harness::data::Figure>| figure.as_ref().and_then(|f| f.number());
            let worst = chunk.iter().filter_map(|(_, figure)| value(figure)).fold(0.0, f64::max);
            let first = chunk.iter().find(|(_, figure)| value(figure).is_some_and(|value| value > limit));
            let name = first.or(chunk.first()).map(|(name, _)| one_line(name)).unwrap_or_default();
            Column { name, value: worst, over: worst > limit }
        })
        .collect()
}

fn title(record: &CheckRecord, limit: f64, width: usize) -> String {
    let twin = record.twin.as_deref().map(|twin| format!(", {}", one_line(twin))).unwrap_or_default();
    truncate(&format!(" per module, log{twin} · █ over {} · ▒ under", bar(limit)), width)
}

fn cell(column: &Column, (top, tall, row): (f64, usize, usize)) -> char {
    let span = (top / FLOOR).log10();
    let part = ((column.value.min(top).max(FLOOR) / FLOOR).log10() / span).clamp(0.0, 1.0);
    // A bar of nothing still stands: the layer was compared.
    let eighths = ((part * tall as f64 * 8.0).round() as usize).max(1);
    let here = eighths.saturating_sub(row * 8).min(8);
    match (here, column.over) {
        (0, _) => ' ',
        (8, false) => '▒',
        (here, _) => EIGHTHS[here],
    }
}

fn pointer(columns: &[Column], (width, thick): (usize, usize), theme: &Theme) -> Line<'static> {
    let Some(at) = columns.iter().position(|column| column.over) else { return Line::default() };
    let name = &columns[at].name;
    let before = 9 + at * if thick > 1 { thick + 1 } else { 1 };
    let text = match before + 2 + name.chars().count() <= width {
        true => format!("{}▲ {name}", " ".repeat(before)),
        false => {
            let name = truncate(name, before.saturating_sub(1));
            let gap = before.saturating_sub(name.chars().count() + 1);
            format!("{}{name} ▲", " ".repeat(gap))
        }
    };
    Line::styled(text, theme.strong)
}
