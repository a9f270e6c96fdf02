//! Draws the pane of [`crate::app::pane::source`]: one title a half, the code, one line of words below.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear};
use unicode_width::UnicodeWidthStr;

use crate::agent::data::provenance::{FileLines, Origin};
use crate::app::State as App;
use crate::app::pane::source::{Half, List, Side, State, Writers, code_height, halves, list};
use crate::ui::Canvas;
use crate::ui::frame::empty;
use crate::ui::overlay::centred;
use crate::ui::widget::listing::{self, Code, Lit, Mark};
use crate::util::text::{one_line, truncate};

/// What drawing keeps between frames: nothing, the viewport is drawn from the document.
#[derive(Debug, Default)]
pub struct View {}

/// Gives the words beside the title.
pub fn subtitle(state: &App) -> String {
    let pane = &state.panes.source;
    let names = [&pane.reference, &pane.port].map(|side| side.doc.as_ref().map(|doc| doc.name()));
    names.into_iter().flatten().collect::<Vec<_>>().join(" │ ")
}

/// Draws the pane.
pub fn draw(canvas: &mut Canvas<'_, '_>, state: &State, _view: &mut View) {
    if state.reference.path.is_none() && state.port.path.is_none() {
        let setup = canvas.state.keymap.key_of("app.setup");
        let words = format!("It fills when the workspace is ready: Set up the workspace ({setup}).");
        let lines = [
            "Source and port, side by side",
            "",
            "The reference from transformers on the left, the port to mlx-lm on the right, paired class by class.",
            words.as_str(),
        ];
        return empty(canvas.frame, canvas.area, &lines, canvas.theme.dim);
    }
    let area = canvas.area;
    let places = halves((area.width, area.height), state.active);
    for (half, (first, width)) in [(Half::Reference, places.reference), (Half::Port, places.port)] {
        if width > 0 {
            let at = Rect { x: area.x + first, width, ..area };
            draw_half(canvas, state, half, at);
        }
    }
    if places.reference.1 > 0 && places.port.1 > 0 {
        let x = area.x + places.port.0 - 1;
        for y in area.y..area.bottom().saturating_sub(1) {
            canvas.frame.buffer_mut().set_string(x, y, "│", canvas.theme.border);
        }
    }
    words_below(canvas, state);
    if let Some(open) = &state.list {
        draw_list(canvas, open);
    }
}

fn draw_half(canvas: &mut Canvas<'_, '_>, state: &State, half: Half, area: Rect) {
    let side = state.side(half);
    title(canvas, state, half, Rect { height: 1, ..area });
    let height = code_height((area.width, area.height));
    let body = Rect { y: area.y + 1, height, ..area };
    let Some(doc) = &side.doc else { return nothing(canvas, state, side, half, body) };
    let divergence = state.divergence.as_ref();
    let spot = divergence.and_then(|found| match half {
        Half::Reference => found.reference.as_ref(),
        Half::Port => found.port.as_ref(),
    });
    let writers = writers(canvas, state, half);
    let mark = |line: u32| match spot {
        _ if doc.broken == Some(line) => Mark::Broken,
        Some(spot) if spot.line == line => Mark::DivergentHere,
        Some(spot) if (spot.first..=spot.last).contains(&line) => Mark::Divergent,
        _ => writers.get(line as usize - 1).map_or(Mark::None, |origin| Mark::Writer(*origin)),
    };
    let after = |line: u32| match half {
        _ if doc.broken == Some(line) => Some("not Python from here".to_string()),
        Half::Reference => state.inherits(line).map(|base| {
            let brings = base.children.iter().take(6).map(String::as_str).collect::<Vec<_>>().join(", ");
            format!("↳ {}:{} {}", base.model, base.base_line, one_line(&brings))
        }),
        Half::Port => None,
    };
    let code = Code {
        doc,
        top: side.top(height),
        cursor: side.cursor,
        column: side.column,
        hits: &side.search.hits,
        mark: &mark,
        after: &after,
        lit: if canvas.focused && half == state.active { Lit::Yes } else { Lit::No },
    };
    listing::draw(canvas.frame.buffer_mut(), body, &code, canvas.theme);
}

/// Gives who wrote each line of the port; nothing while the ledger's text is not the one that is shown.
fn writers(canvas: &Canvas<'_, '_>, state: &State, half: Half) -> Vec<Origin> {
    let file = port_file(canvas, state).filter(|_| half == Half::Port && state.writers == Writers::Shown);
    file.map(FileLines::origins).unwrap_or_default()
}

fn port_file<'a>(canvas: &Canvas<'a, '_>, state: &State) -> Option<&'a FileLines> {
    let file = canvas.state.facts.provenance.at(state.port.path.as_deref()?)?;
    state.port.doc.as_ref().filter(|doc| *doc.text == *file.text).map(|_| file)
}

/// The legend of the writers' marks, with counts of lines that are not blank.
fn legend(file: Option<&FileLines>) -> String {
    let Some(file) = file else { return "Who wrote each line: not known yet".into() };
    let tally = file.tally();
    let from = file.from.as_deref().unwrap_or("an accepted port");
    let words = |origin: Origin| match origin {
        Origin::Before => "there before".to_string(),
        Origin::Model => "model".into(),
        Origin::Changed => "model, changed by you".into(),
        Origin::Person => "you".into(),
        Origin::Upstream => format!("from {from}"),
    };
    let part = |origin: Origin| format!("{} {} {}", origin.mark(), tally.of(origin), words(origin));
    let mut parts: Vec<String> = Origin::MARKED.into_iter().map(part).collect();
    parts.extend((tally.before > 0).then(|| part(Origin::Before).trim_start().to_string()));
    parts.join(" · ")
}

fn title(canvas: &mut Canvas<'_, '_>, state: &State, half: Half, area: Rect) {
    let side = state.side(half);
    let (word, mark) = match half {
        Half::Reference => ("Reference", "‹"),
        Half::Port => ("Port", "›"),
    };
    let file = side.path.as_ref().and_then(|path| path.file_name()).map(|name| name.to_string_lossy());
    let symbol = state.symbol_here(half);
    let lines = side.doc.as_ref().map(|doc| format!("{}/{}", side.cursor, doc.line_count()));
    let parts = [Some(word.into()), file, symbol.map(Into::into), lines.map(Into::into)];
    let text = parts.into_iter().flatten().map(|part| one_line(&part)).collect::<Vec<_>>().join(" · ");
    let active = half == state.active;
    let lead = if active && canvas.focused { mark } else { " " };
    let style = if active && canvas.focused { canvas.theme.title_focus } else { canvas.theme.title };
    let text = truncate(&format!("{lead}{text}"), usize::from(area.width));
    canvas.frame.render_widget(Line::styled(text, style), area);
}

fn nothing(canvas: &mut Canvas<'_, '_>, state: &State, side: &Side, half: Half, area: Rect) {
    let path = side.path.as_ref();
    let report = path.and_then(|path| state.missing.get(path));
    let name = path.and_then(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    let lines: Vec<String> = match (half, report) {
        (Half::Port, None) if path.is_none() => vec!["No model is chosen yet".into()],
        (_, None) => vec![format!("Reading {name} …")],
        (Half::Port, Some(_)) => {
            vec![
                format!("{name} is not there yet"),
                "Ask for a first draft in Chat, or write it: l, then e".into(),
            ]
        }
        (Half::Reference, Some(report)) => {
            let mut lines = vec![report.text.clone()];
            lines.extend(report.hint.clone());
            lines
        }
    };
    let lines: Vec<String> = lines.iter().map(|line| one_line(line)).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    empty(canvas.frame, area, &lines, canvas.theme.dim);
}

fn words_below(canvas: &mut Canvas<'_, '_>, state: &State) {
    let area = canvas.area;
    if area.height < 3 {
        return;
    }
    let row = Rect { y: area.bottom() - 1, height: 1, ..area };
    let side = state.side(state.active);
    let (text, style) = if side.search.typing() {
        (format!("/{}", side.search.query), canvas.theme.text)
    } else if let Some(note) = &state.note {
        let bad = note.starts_with("first divergence");
        (note.clone(), if bad { canvas.theme.fail } else { canvas.theme.text })
    } else if !side.search.query.is_empty() {
        (matches(side), canvas.theme.text)
    } else if state.writers == Writers::Shown {
        (legend(port_file(canvas, state)), canvas.theme.text)
    } else if let Some(pair) = state.pair_here(state.active) {
        (format!("{} ↔ {} · {}", pair.reference, pair.port, pair.reason), canvas.theme.dim)
    } else {
        (divergence_words(state), canvas.theme.dim)
    };
    let text = truncate(&format!(" {}", one_line(&text)), usize::from(row.width));
    let column = row.x + u16::try_from(text.width()).unwrap_or(0).min(row.width.saturating_sub(1));
    canvas.frame.render_widget(Line::styled(text, style), row);
    if side.search.typing() && canvas.focused {
        let found = format!("{} ", matches(side).split_once(' ').map_or("", |(_, rest)| rest));
        let at = row.right().saturating_sub(found.width() as u16);
        if at > column + 2 {
            canvas.frame.buffer_mut().set_string(at, row.y, found, canvas.theme.dim);
        }
        canvas.frame.set_cursor_position((column, row.y));
    }
}

fn divergence_words(state: &State) -> String {
    state
        .divergence
        .as_ref()
        .map_or(String::new(), |found| format!("first divergence: {}; d goes there", found.module))
}

fn matches(side: &Side) -> String {
    let hits = &side.search.hits;
    let at = hits.iter().position(|hit| hit.line >= side.cursor).map_or(hits.len(), |at| at + 1);
    match hits.len() {
        0 => format!("/{} no match", side.search.query),
        count => format!("/{} match {at} of {count}", side.search.query),
    }
}

fn draw_list(canvas: &mut Canvas<'_, '_>, open: &List) {
    let theme = canvas.theme;
    let wanted = u16::try_from(open.rows.len()).unwrap_or(u16::MAX).saturating_add(3).max(6);
    let area = centred(canvas.area, canvas.area.width.saturating_sub(4).min(96), wanted);
    let title = match open.kind {
        list::Kind::Outline => " Outline · type to filter · Enter goes · Esc closes ",
        list::Kind::Jump => " Jump · type to search · Enter goes · Esc closes ",
        list::Kind::Files => " Reference files and nearest ports · Enter opens · Esc closes ",
    };
    let title = truncate(title, usize::from(area.width.saturating_sub(4)));
    let block =
        Block::bordered().border_style(theme.border_focus).title(Span::styled(title, theme.title_focus));
    let inner = block.inner(area);
    canvas.frame.render_widget(Clear, area);
    canvas.frame.render_widget(block, area);
    if inner.height < 2 || inner.width < 8 {
        return;
    }
    let query = truncate(&one_line(&open.query), usize::from(inner.width - 4));
    let column = inner.x + 2 + query.width() as u16;
    let line = Line::from(vec![Span::styled("> ", theme.accent), Span::raw(query)]);
    canvas.frame.render_widget(line, Rect { height: 1, ..inner });
    if canvas.focused {
        canvas.frame.set_cursor_position((column, inner.y));
    }
    let rows = usize::from(inner.height - 1);
    let first = (open.selected + 1).saturating_sub(rows);
    if open.rows.is_empty() {
        let at = Rect { y: inner.y + 1, height: 1, ..inner };
        canvas.frame.render_widget(Line::styled("  nothing of that name", theme.dim), at);
    }
    let texts = open.rows.iter().map(|row| row.text.width()).max().unwrap_or(0);
    let texts = texts.min(usize::from(inner.width) * 2 / 3);
    for (at, row) in open.rows.iter().enumerate().skip(first).take(rows) {
        let y = inner.y + 1 + (at - first) as u16;
        let (lead, style) = if at == open.selected { ("›", theme.selected) } else { (" ", theme.text) };
        let text = truncate(&one_line(&row.text), texts);
        let pad = " ".repeat(texts - text.width() + 2);
        let room = usize::from(inner.width).saturating_sub(texts + 4);
        let detail = truncate(&one_line(&row.detail), room);
        let fill = " ".repeat(room.saturating_sub(detail.width()) + 1);
        let line = Line::from(vec![
            Span::styled(format!("{lead}{text}{pad}"), style),
            Span::styled(format!("{detail}{fill}"), theme.dim.patch(style)),
        ]);
        canvas.frame.render_widget(line, Rect { y, height: 1, ..inner });
    }
}

#[cfg(test)]
mod tests;
