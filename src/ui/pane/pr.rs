//! Draws the pane of [`crate::app::pane::pr`]: files and gates, the diff, the Voice fields; side by side where there is
//! room, one section at a time where there is not. Draws what fits: cost follows the screen and the chosen file.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::app::State as App;
use crate::app::pane::pr::{Section, State};
use crate::pr::data::PrSnapshot;
use crate::ui::Canvas;
use crate::util::text::{one_line, truncate};

mod diff;
mod layer;
mod lists;
mod voice;

#[cfg(test)]
mod tests;

/// From here on the fields stand beside the diff.
const THREE: u16 = 138;
/// From here on the lists stand beside the diff.
const TWO: u16 = 100;
const LISTS: u16 = 34;

/// What drawing keeps between frames: the first row shown of each section.
#[derive(Debug, Default)]
pub struct View {
    files: usize,
    diff: usize,
    voice: usize,
    gates: usize,
}

/// Gives the words beside the title.
pub fn subtitle(app: &App) -> String {
    let Some(snapshot) = &app.panes.pr.snapshot else { return String::new() };
    let counts = snapshot.counts();
    let branch = snapshot.branch.as_ref().map_or("no branch", String::as_str);
    let base = &snapshot.base;
    one_line(&format!(
        "{branch} against {base} · ▪ {} staged · ▫ {} unstaged",
        counts.staged, counts.unstaged
    ))
}

/// Draws the pane.
pub fn draw(canvas: &mut Canvas<'_, '_>, state: &State, view: &mut View) {
    let mut area = canvas.area;
    if let Some(report) = &state.trouble {
        area = bottom(canvas, area, &report.to_string(), canvas.theme.fail);
    } else if let Some(report) = state.snapshot.as_ref().and_then(PrSnapshot::hindrance) {
        area = bottom(canvas, area, &report.to_string(), canvas.theme.warn);
    }
    if state.snapshot.is_none() {
        let lines = [
            "The pull request: what the branch changes, what of it is staged,",
            "upstream's template with the fields that only you write, and the gates.",
            "",
            "It is read when the workspace is there; r reads it again.",
        ];
        crate::ui::frame::empty(canvas.frame, area, &lines, canvas.theme.dim);
        return;
    }
    match area.width {
        THREE.. => three(canvas, area, state, view),
        TWO.. => two(canvas, area, state, view),
        _ => one(canvas, area, state, view),
    }
    if let Some(open) = &state.layer {
        layer::draw(canvas, state, open);
    }
}

fn three(canvas: &mut Canvas<'_, '_>, area: Rect, state: &State, view: &mut View) {
    let area = facts(canvas, area, state);
    let right = (area.width / 3).min(64);
    let (left, rest) = split(canvas, area, LISTS);
    let (middle, right) = split(canvas, rest, rest.width - right - 1);
    lists(canvas, left, state, view);
    section(canvas, middle, state, Section::Diff, view);
    section(canvas, right, state, Section::Voice, view);
}

fn two(canvas: &mut Canvas<'_, '_>, area: Rect, state: &State, view: &mut View) {
    let area = facts(canvas, area, state);
    let (left, right) = split(canvas, area, LISTS);
    lists(canvas, left, state, view);
    let shown = if state.section == Section::Voice { Section::Voice } else { Section::Diff };
    section(canvas, right, state, shown, view);
}

// One section, and a line that names the others.
fn one(canvas: &mut Canvas<'_, '_>, area: Rect, state: &State, view: &mut View) {
    let theme = canvas.theme;
    let mut spans = Vec::new();
    for (at, section) in Section::ALL.into_iter().enumerate() {
        let here = section == state.section;
        let mark = if here { "●" } else { " " };
        let style = if here { theme.title_focus } else { theme.dim };
        let bar = if at == 0 { "" } else { "│" };
        spans.push(Span::styled(bar, theme.border));
        spans.push(Span::styled(format!("{mark}{} ", section.title()), style));
    }
    let name = state.chosen().map(|file| one_line(&file.path)).unwrap_or_default();
    let used: usize = spans.iter().map(Span::width).sum();
    let room = usize::from(area.width).saturating_sub(used + 2);
    spans.push(Span::styled(format!("  {}", tail(&name, room)), theme.dim));
    canvas.frame.render_widget(Line::from(spans), Rect { height: 1, ..area });
    let rest = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let rest = if state.section == Section::Voice { facts(canvas, rest, state) } else { rest };
    body(canvas, rest, state, state.section, view);
}

fn lists(canvas: &mut Canvas<'_, '_>, area: Rect, state: &State, view: &mut View) {
    let wanted = lists::gates_height(state, area.width);
    let files = state.snapshot.as_ref().map_or(0, |snapshot| snapshot.files.len());
    let files = u16::try_from(files).unwrap_or(u16::MAX).saturating_add(2);
    // The gates get what they need; the files at least a third.
    let top = area.height.saturating_sub(wanted + 1).max(area.height / 3).max(files.min(area.height / 3));
    let upper = Rect { height: top.min(area.height), ..area };
    let lower = Rect { y: area.y + upper.height, height: area.height - upper.height, ..area };
    section(canvas, upper, state, Section::Files, view);
    section(canvas, lower, state, Section::Gates, view);
}

fn section(canvas: &mut Canvas<'_, '_>, area: Rect, state: &State, section: Section, view: &mut View) {
    if area.height == 0 {
        return;
    }
    let theme = canvas.theme;
    let here = canvas.focused && state.section == section;
    let mark = if here { "●" } else { "" };
    let style = if here { theme.title_focus } else { theme.title };
    let more = match section {
        Section::Diff => {
            state.chosen().map(|file| format!(" · {}", one_line(&file.path))).unwrap_or_default()
        }
        Section::Voice => " · only you write here".into(),
        Section::Files | Section::Gates => String::new(),
    };
    let title = truncate(&format!("{mark}{}{more} ", section.title()), usize::from(area.width));
    let rule = "─".repeat(usize::from(area.width).saturating_sub(title.width()));
    let line = Line::from(vec![Span::styled(title, style), Span::styled(rule, theme.border)]);
    canvas.frame.render_widget(line, Rect { height: 1, ..area });
    let rest = Rect { y: area.y + 1, height: area.height - 1, ..area };
    body(canvas, rest, state, section, view);
}

fn body(canvas: &mut Canvas<'_, '_>, area: Rect, state: &State, section: Section, view: &mut View) {
    match section {
        Section::Files => lists::files(canvas, area, state, &mut view.files),
        Section::Diff => diff::draw(canvas, area, state, &mut view.diff),
        Section::Voice => voice::draw(canvas, area, state, &mut view.voice),
        Section::Gates => lists::gates(canvas, area, state, &mut view.gates),
    }
}

/// Splits off a left column with a line between.
fn split(canvas: &mut Canvas<'_, '_>, area: Rect, left: u16) -> (Rect, Rect) {
    let left = left.min(area.width.saturating_sub(1));
    for row in 0..area.height {
        let cell = Rect { x: area.x + left, y: area.y + row, width: 1, height: 1 };
        canvas.frame.render_widget(Line::styled("│", canvas.theme.border), cell);
    }
    let one = Rect { width: left, ..area };
    (one, Rect { x: area.x + left + 1, width: area.width - left - 1, ..area })
}

fn facts(canvas: &mut Canvas<'_, '_>, area: Rect, state: &State) -> Rect {
    bottom(canvas, area, &format!("Facts for your disclosure: {}", state.facts), canvas.theme.dim)
}

/// Writes words on the last lines, at most three; gives what is left above.
fn bottom(canvas: &mut Canvas<'_, '_>, area: Rect, text: &str, style: Style) -> Rect {
    let lines = wrap(&one_line(text), usize::from(area.width));
    let rows = u16::try_from(lines.len().min(3)).unwrap_or(0).min(area.height / 3);
    let top = area.bottom() - rows;
    for (at, line) in (0..rows).zip(lines) {
        canvas.frame.render_widget(Line::styled(line, style), Rect { y: top + at, height: 1, ..area });
    }
    Rect { height: area.height - rows, ..area }
}

/// Wraps by words; a word wider than the line, such as a link, goes on in the next.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(last) = lines.last_mut() else { break };
        let gap = usize::from(!last.is_empty());
        if last.width() + gap + word.width() <= width {
            last.push_str(if gap == 1 { " " } else { "" });
            last.push_str(word);
            continue;
        }
        if !last.is_empty() {
            lines.push(String::new());
        }
        for c in word.chars() {
            let cells = c.width().unwrap_or(0);
            if lines.last().is_some_and(|line| line.width() + cells > width) {
                lines.push(String::new());
            }
            if let Some(line) = lines.last_mut() {
                line.push(c);
            }
        }
    }
    lines
}

/// Keeps the end of a path, which says most.
fn tail(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_string();
    }
    let mut kept = String::new();
    for c in text.chars().rev() {
        if kept.width() + 2 > width {
            break;
        }
        kept.insert(0, c);
    }
    if width == 0 { String::new() } else { format!("…{kept}") }
}

/// Moves the first row shown as little as needed to have rows `from..to` in view; a taller block shows its first row.
fn scroll(top: &mut usize, rows: std::ops::Range<usize>, height: usize, total: usize) {
    if rows.end > *top + height {
        *top = rows.end.saturating_sub(height);
    }
    if rows.start < *top {
        *top = rows.start;
    }
    *top = (*top).min(total.saturating_sub(height));
}
