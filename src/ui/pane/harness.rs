//! Draws the pane of [`crate::app::pane::harness`]: rows, failures first; under them the first divergence and its chart;
//! evidence and log in their place.

mod chart;
mod compare;
mod evidence;
mod rows;
#[cfg(test)]
mod tests;

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::app::pane::harness::{Face, State, failed};
use crate::app::{Millis, State as App};
use crate::harness::data::Evidence;
use crate::theme::Theme;
use crate::ui::Canvas;
use crate::util::text::{one_line, truncate};

/// What drawing keeps between frames.
#[derive(Debug, Default)]
pub struct View {}

/// Gives the words beside the title.
pub fn subtitle(state: &App) -> String {
    let pane = &state.panes.harness;
    match (pane.face, &pane.running, &pane.last) {
        (Face::Evidence, ..) => "evidence · Esc back".into(),
        (Face::Log, ..) => log_title(pane),
        (Face::Compare, ..) => "compared with the pinned run · Esc back".into(),
        (Face::Rows, Some(running), _) => running.text.clone(),
        (Face::Rows, None, Some(last)) => last.variant.clone(),
        (Face::Rows, None, None) => String::new(),
    }
}

/// Draws the pane.
pub fn draw(canvas: &mut Canvas<'_, '_>, state: &State, _view: &mut View) {
    if canvas.area.width == 0 || canvas.area.height == 0 {
        return;
    }
    if state.is_empty() && state.face == Face::Rows {
        let keys = &canvas.state.keymap;
        let lines = [
            "The harness compares the port with its reference on small random twins.".to_string(),
            "It checks by itself whenever the port is saved.".to_string(),
            format!("{} runs all checks now.", keys.key_of("harness.rerun")),
        ];
        let lines = lines.each_ref().map(String::as_str);
        return crate::ui::frame::empty(canvas.frame, canvas.area, &lines, canvas.theme.dim);
    }
    let area = canvas.area;
    let lines = match state.face {
        Face::Rows => overview(canvas, state),
        Face::Evidence => evidence::lines(state, area, canvas.theme),
        Face::Log => log(state, area, canvas.theme),
        Face::Compare => compare::lines(state, area, canvas.theme),
    };
    for (at, line) in lines.into_iter().take(usize::from(area.height)).enumerate() {
        let y = area.y + u16::try_from(at).unwrap_or(u16::MAX);
        canvas.frame.render_widget(line, Rect { y, height: 1, ..area });
    }
}

/// The rows, and what fits under them: why there is no verdict, the place, the chart, the latency.
fn overview(canvas: &Canvas<'_, '_>, state: &State) -> Vec<Line<'static>> {
    let (area, theme) = (canvas.area, canvas.theme);
    let mut below = Vec::new();
    below.extend(failure(state, area.width, theme));
    below.extend(place(state, area.width, theme));
    let foot = foot(state, area.width, theme);
    let mut lines = rows::lines(state, area.width, (canvas.focused, theme));
    let height = usize::from(area.height);
    let spare = height.saturating_sub(below.len() + 1);
    if lines.len() > spare && spare > 0 {
        let first = state.selected.saturating_sub(spare - 1).min(lines.len() - spare);
        lines = lines.split_off(first);
        lines.truncate(spare);
    }
    let left = height.saturating_sub(lines.len() + below.len() + 1);
    let chart = chart::lines(state, (area.width, left), theme);
    lines.append(&mut below);
    lines.extend(chart);
    lines.resize(height.saturating_sub(1), Line::default());
    lines.push(foot);
    lines
}

fn failure(state: &State, width: u16, theme: &Theme) -> Vec<Line<'static>> {
    let Some(report) = &state.failed else { return Vec::new() };
    let width = usize::from(width.saturating_sub(3));
    let mut lines =
        vec![Line::styled(format!(" ! {}", truncate(&one_line(&report.text), width)), theme.fail)];
    if let Some(hint) = &report.hint {
        lines.push(Line::styled(format!("   {}", truncate(&one_line(hint), width)), theme.dim));
    }
    lines
}

/// The first divergence with both places.
fn place(state: &State, width: u16, theme: &Theme) -> Vec<Line<'static>> {
    let own = state.current().and_then(|row| row.record.first_divergence.as_ref());
    let any = || state.rows.iter().find_map(|row| row.record.first_divergence.as_ref());
    let Some(place) = own.or_else(any) else { return Vec::new() };
    let room = usize::from(width.saturating_sub(14));
    let mut lines = vec![Line::from(vec![
        Span::styled(" first divergence: ", theme.dim),
        Span::styled(one_line(&place.module), theme.strong),
        Span::styled(" · g goes there", theme.dim),
    ])];
    for (side, at) in [("reference", &place.reference), ("port", &place.port)] {
        let at = at.as_deref().map_or_else(|| "no place known".into(), |at| tail(short(&one_line(at)), room));
        lines.push(Line::from(vec![Span::styled(format!("   {side:<9} "), theme.dim), Span::raw(at)]));
    }
    lines
}

/// The last line: verdict, latency, run.
fn foot(state: &State, width: u16, theme: &Theme) -> Line<'static> {
    let Some(last) = &state.last else { return Line::default() };
    let mut parts = Vec::new();
    match last.latency {
        Some(latency) => parts.push(format!("saved → verdict {}", seconds(latency))),
        None => parts.push(format!("run took {:.2} s", last.seconds)),
    }
    match last.evidence {
        Evidence::Current => {}
        Evidence::Stale => parts.push("stale: what was checked has changed since".into()),
        Evidence::Unknown => parts.push("the checked file is gone".into()),
    }
    parts.push(format!("run {}", last.run_id));
    Line::styled(
        format!(" {}", truncate(&parts.join(" · "), usize::from(width.saturating_sub(1)))),
        theme.dim,
    )
}

fn log(state: &State, area: Rect, theme: &Theme) -> Vec<Line<'static>> {
    let filtered = state.log.typing() || !state.log.filter().is_empty();
    let height = usize::from(area.height).saturating_sub(usize::from(filtered));
    let end = state.log.len().saturating_sub(state.scroll.min(state.log.len().saturating_sub(height)));
    let first = end.saturating_sub(height);
    let style = |text: &str| if failed(text) { theme.fail } else { Style::default() };
    let mut lines: Vec<Line<'static>> = (first..end)
        .filter_map(|at| state.log.line(at))
        .map(|text| Line::styled(truncate(text, usize::from(area.width)), style(text)))
        .collect();
    if filtered {
        // Where there is no title, in one column, this is the only place that shows what is typed.
        lines.resize(height, Line::default());
        let text = match (state.log.is_empty(), state.log.typing()) {
            (true, false) => " No line has these words. Esc takes the filter away".into(),
            _ => format!(" /{}", log_title(state)),
        };
        lines.push(Line::styled(truncate(&text, usize::from(area.width)), theme.strong));
    }
    lines
}

/// Says what the log shows: all of it, or what the filter lets through.
fn log_title(state: &State) -> String {
    let log = &state.log;
    let filter = one_line(log.filter());
    match (log.typing(), filter.is_empty()) {
        (true, _) => format!("{filter}▏  {} of {} lines", log.len(), log.total()),
        (false, false) => format!("{filter}  {} of {} lines · Esc all", log.len(), log.total()),
        (false, true) => "log · / filter · n N failures · Esc back".into(),
    }
}

/// Writes milliseconds as seconds.
fn seconds(millis: Millis) -> String {
    format!("{:.2} s", millis as f64 / 1000.0)
}

/// Leaves out where the packages lie: evidence has the whole path.
fn short(path: &str) -> &str {
    ["site-packages/", "mlx_lm/models/"]
        .into_iter()
        .find_map(|mark| {
            path.find(mark).map(|at| at + if mark.ends_with("packages/") { mark.len() } else { 0 })
        })
        .map_or(path, |at| &path[at..])
}

/// Keeps the end of a path: its file and line.
fn tail(text: &str, columns: usize) -> String {
    let length = text.chars().count();
    if length <= columns {
        return text.to_string();
    }
    let kept: String = text.chars().skip(length + 1 - columns.max(1)).collect();
    format!("…{kept}")
}
