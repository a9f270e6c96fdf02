//! Draws going back above the panes: the list, and what one row of it would change.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear};
use unicode_width::UnicodeWidthStr;

use super::overlay::centred;
use super::pane::chat::plain_row;
use super::widget::wrap::{Indent, wrap};
use crate::app::State;
use crate::app::rewind::{self, Layer, Shown};
use crate::port::data::checkpoint::{Over, Row};
use crate::theme::Theme;
use crate::util::text::{one_line, truncate};

/// Draws the layer.
pub fn draw(frame: &mut Frame<'_>, state: &State, theme: &Theme) {
    let layer = &state.rewind;
    let screen = frame.area();
    let area = centred(screen, 110, screen.height.saturating_sub(2).min(44));
    frame.render_widget(Clear, area);
    let title = match &layer.layer {
        Layer::Preview(_) => " Go back · what would change · Enter does it · Esc to the list ",
        Layer::Working => " Go back · putting the files back … ",
        _ => " Go back · Enter shows what would change · Esc closes ",
    };
    let title = Span::styled(title, theme.title_focus);
    let block = Block::bordered().border_style(theme.border_focus).title(title);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let inner = failed(frame, inner, layer, theme);
    let words = match &layer.layer {
        Layer::Closed => return,
        Layer::Preview(shown) => return preview(frame, inner, shown, theme),
        Layer::List if layer.rows.is_empty() => "Nothing to go back to: no turn has changed a file yet.",
        Layer::List => return list(frame, inner, layer, theme),
        Layer::Reading => "Reading the snapshots …",
        Layer::Looking => "Working out what would change …",
        Layer::Working => "Each file is put back whole or not at all. What there is now is kept first.",
    };
    lines(frame, inner, vec![Line::styled(format!(" {words}"), theme.dim)]);
}

/// Draws why the last act did not work; gives what is left.
fn failed(frame: &mut Frame<'_>, area: Rect, layer: &rewind::State, theme: &Theme) -> Rect {
    let Some(report) = &layer.failed else { return area };
    let width = usize::from(area.width).saturating_sub(2);
    let text = (one_line(&report.text), theme.fail);
    let mut said = wrap(&[text], area.width, &Indent::all(" ", theme.fail));
    if let Some(hint) = &report.hint {
        said.push(Line::styled(format!(" {}", truncate(&one_line(hint), width)), theme.text));
    }
    said.truncate(usize::from(area.height / 2));
    let rows = u16::try_from(said.len()).unwrap_or(0);
    lines(frame, area, said);
    Rect { y: area.y + rows, height: area.height.saturating_sub(rows), ..area }
}

fn list(frame: &mut Frame<'_>, area: Rect, layer: &rewind::State, theme: &Theme) {
    let height = usize::from(area.height);
    let first = layer.selected.saturating_sub(height.saturating_sub(1));
    let width = usize::from(area.width);
    let shown = layer.rows.iter().enumerate().skip(first).take(height);
    let drawn = shown.map(|(at, row)| {
        let style = if at == layer.selected { theme.selected } else { theme.text };
        let mark = if at == layer.selected { "›" } else { " " };
        let text = format!("{mark}{}", row_text(row));
        let text = truncate(&text, width);
        let gap = width.saturating_sub(text.width());
        Line::styled(format!("{text}{}", " ".repeat(gap)), style)
    });
    lines(frame, area, drawn.collect());
}

/// One row: what is undone, when it was, how much it is, the person's words.
fn row_text(row: &Row) -> String {
    let what = match row.over {
        Over::Turn => format!("before turn {}", row.turn),
        Over::Own => format!("before your edits ({})", row.turn),
        Over::Rewind => "undo going back".to_string(),
    };
    let counts = format!(
        "{} file{} +{} −{}",
        row.files,
        if row.files == 1 { "" } else { "s" },
        row.added,
        row.removed
    );
    let words = match row.over {
        Over::Turn => row.words.as_str(),
        Over::Own | Over::Rewind => "",
    };
    let time = row.at.get(5..).unwrap_or(&row.at);
    one_line(&format!("{what:<22} {time:<11} {counts:<18} {words}"))
}

fn preview(frame: &mut Frame<'_>, area: Rect, shown: &Shown, theme: &Theme) {
    let height = usize::from(area.height);
    let hidden = shown.lines.len() > height;
    let rows = if hidden { height.saturating_sub(1) } else { height };
    let first = shown.scroll.min(shown.lines.len().saturating_sub(rows));
    let mut drawn: Vec<Line<'_>> =
        shown.lines.iter().skip(first).take(rows).map(|line| preview_line(line, area.width, theme)).collect();
    if hidden {
        let last = (first + rows).min(shown.lines.len());
        let words = format!("  rows {}–{last} of {}", first + 1, shown.lines.len());
        drawn.push(Line::styled(words, theme.dim));
    }
    lines(frame, area, drawn);
}

fn preview_line<'a>(line: &rewind::Line, width: u16, theme: &Theme) -> Line<'a> {
    let room = usize::from(width).saturating_sub(2);
    match line {
        rewind::Line::Diff(row) => plain_row(row, (usize::from(width), 0), theme),
        rewind::Line::Note(text) => {
            Line::styled(format!(" ! {}", truncate(&one_line(text), room)), theme.warn)
        }
        rewind::Line::File { path, kind, added, removed } => {
            let counts = match added + removed {
                0 => format!(" {}", kind.word()),
                _ => format!(" {} +{added} −{removed}", kind.word()),
            };
            let path = truncate(&one_line(path), room.saturating_sub(counts.width()));
            Line::from(vec![Span::styled(format!(" {path}"), theme.strong), Span::styled(counts, theme.hunk)])
        }
    }
}

fn lines(frame: &mut Frame<'_>, area: Rect, lines: Vec<Line<'_>>) {
    for (at, line) in (0..area.height).zip(lines) {
        frame.render_widget(line, Rect { y: area.y + at, height: 1, ..area });
    }
}

#[cfg(test)]
mod tests;
