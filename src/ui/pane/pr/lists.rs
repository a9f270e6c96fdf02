//! The files of the branch and the gates.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::{scroll, tail, wrap};
use crate::app::pane::pr::{Section, State};
use crate::pr::data::{FileDiff, Gate, GateState, Part};
use crate::theme::Theme;
use crate::ui::Canvas;
use crate::util::text::{one_line, truncate};

/// Draws the changed files.
pub fn files(canvas: &mut Canvas<'_, '_>, area: Rect, state: &State, top: &mut usize) {
    let Some(snapshot) = &state.snapshot else { return };
    if snapshot.files.is_empty() {
        let words = format!(
            "The branch changes nothing yet: it is as {}. Accept an edit in Chat, or edit the port.",
            snapshot.base
        );
        for (at, line) in (0..area.height).zip(wrap(&words, usize::from(area.width))) {
            let row = Rect { y: area.y + at, height: 1, ..area };
            canvas.frame.render_widget(Line::styled(line, canvas.theme.dim), row);
        }
        return;
    }
    let at = snapshot.files.iter().position(|file| Some(&file.path) == state.file.as_ref()).unwrap_or(0);
    let height = usize::from(area.height);
    scroll(top, at..at + 1, height, snapshot.files.len());
    for (row, (at_file, file)) in (0..area.height).zip(snapshot.files.iter().enumerate().skip(*top)) {
        let chosen = at_file == at;
        let here = chosen && canvas.focused && state.section == Section::Files;
        let line = file_line(file, usize::from(area.width), canvas.theme);
        let style = if here { canvas.theme.selected } else { Default::default() };
        let line = if chosen && !here { line.style(canvas.theme.strong) } else { line.style(style) };
        canvas.frame.render_widget(line, Rect { y: area.y + row, height: 1, ..area });
    }
}

fn file_line(file: &FileDiff, width: usize, theme: &Theme) -> Line<'static> {
    let committed = file.counts.committed > 0;
    let staged = match (file.staged, committed) {
        (Part::Some, _) => Span::styled("▪", theme.ok),
        (Part::None, true) => Span::styled("·", theme.dim),
        (Part::None, false) => Span::raw(" "),
    };
    let unstaged = if file.unstaged == Part::Some { "▫" } else { " " };
    let counts = match (&file.obstacle, file.counts.added, file.counts.deleted) {
        (Some(_), _, _) => " !".to_string(),
        (None, 0, 0) => file.notes.first().map(|note| format!(" {}", one_line(note))).unwrap_or_default(),
        (None, added, 0) => format!(" +{added}"),
        (None, 0, deleted) => format!(" -{deleted}"),
        (None, added, deleted) => format!(" +{added} -{deleted}"),
    };
    let counts = truncate(&counts, width / 2);
    let room = width.saturating_sub(3 + counts.width());
    let name = tail(&one_line(&file.path), room);
    let gap = " ".repeat(room.saturating_sub(name.width()));
    Line::from(vec![
        staged,
        Span::styled(format!("{unstaged} "), theme.warn),
        Span::raw(format!("{name}{gap}")),
        Span::styled(counts, theme.dim),
    ])
}

/// Gives the rows that the gates need at a width.
pub fn gates_height(state: &State, width: u16) -> u16 {
    let rows: usize = state.gates.iter().map(|gate| lines(gate, width).len()).sum();
    u16::try_from(rows).unwrap_or(u16::MAX)
}

/// Draws the gates.
pub fn gates(canvas: &mut Canvas<'_, '_>, area: Rect, state: &State, top: &mut usize) {
    let mut rows: Vec<(usize, Line<'_>)> = Vec::new();
    let mut here = 0..1;
    for (at, gate) in state.gates.iter().enumerate() {
        let style = match gate.state {
            GateState::Pass => canvas.theme.ok,
            GateState::Fail => canvas.theme.fail,
            GateState::Unknown => canvas.theme.dim,
            GateState::Overridden(_) => canvas.theme.warn,
        };
        let from = rows.len();
        for (first, line) in lines(gate, area.width).into_iter().enumerate() {
            let sign = if first == 0 { sign(gate) } else { " " };
            rows.push((at, Line::from(vec![Span::styled(format!("{sign} "), style), Span::raw(line)])));
        }
        if at == state.gate {
            here = from..rows.len();
        }
    }
    scroll(top, here, usize::from(area.height), rows.len());
    for (row, (at, line)) in (0..area.height).zip(rows.into_iter().skip(*top)) {
        let chosen = at == state.gate && canvas.focused && state.section == Section::Gates;
        let line = if chosen { line.style(canvas.theme.selected) } else { line };
        canvas.frame.render_widget(line, Rect { y: area.y + row, height: 1, ..area });
    }
}

fn lines(gate: &Gate, width: u16) -> Vec<String> {
    let text = match &gate.state {
        GateState::Overridden(reason) => format!("{} · yours: {reason}", gate.text),
        GateState::Pass | GateState::Fail | GateState::Unknown => gate.text.clone(),
    };
    wrap(&one_line(&text), usize::from(width).saturating_sub(2))
}

/// Gives the sign before a gate; readable without colour.
pub fn sign(gate: &Gate) -> &'static str {
    match gate.state {
        GateState::Pass => "✓",
        GateState::Fail => "✗",
        GateState::Unknown => "○",
        GateState::Overridden(_) => "✎",
    }
}
