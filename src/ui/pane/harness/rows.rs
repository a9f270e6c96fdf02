//! One line a check: sign, name, twin, figure, bar, floor, place, seconds. What does not fit goes in a fixed order, the
//! sign and the figure last.

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::seconds;
use crate::app::pane::harness::{Mark, Row, State};
use crate::harness::data::{CheckRecord, CheckVerdict, bar};
use crate::theme::Theme;
use crate::util::text::{one_line, truncate};

/// Gives a line for each row, then one for each check that still runs.
pub fn lines(state: &State, width: u16, (focused, theme): (bool, &Theme)) -> Vec<Line<'static>> {
    let elapsed = state.running.as_ref().map(|running| seconds(running.elapsed));
    let wide = columns(state);
    let mut lines = Vec::new();
    for (at, row) in state.rows.iter().enumerate() {
        let line = one(row, (width, wide), (elapsed.as_deref(), theme));
        let chosen = at == state.selected && focused;
        lines.push(if chosen { line.patch_style(theme.selected) } else { line });
    }
    for check in state.waiting() {
        let elapsed = elapsed.clone().unwrap_or_default();
        lines.push(Line::from(vec![
            Span::styled(" … ", theme.running),
            Span::raw(format!("{:<wide$} ", check.name(), wide = wide.0)),
            Span::styled(format!("running {elapsed}"), theme.running),
        ]));
    }
    lines
}

/// Gives the style of a verdict.
pub fn style(verdict: CheckVerdict, theme: &Theme) -> Style {
    match verdict {
        CheckVerdict::Pass => theme.ok,
        CheckVerdict::Suspect => theme.warn,
        CheckVerdict::Fail | CheckVerdict::Error => theme.fail,
        CheckVerdict::NotApplicable | CheckVerdict::NotExercised => theme.dim,
    }
}

fn one(
    row: &Row,
    (width, wide): (u16, (usize, usize)),
    (elapsed, theme): (Option<&str>, &Theme),
) -> Line<'static> {
    let record = &row.record;
    let (sign, sign_style) = match row.mark {
        Mark::Pending => ("…", theme.running),
        Mark::Fresh | Mark::Older | Mark::Aside => (record.verdict.sign(), style(record.verdict, theme)),
    };
    let base = if row.mark == Mark::Fresh { Style::default() } else { theme.dim };
    let mut spans =
        vec![Span::styled(format!(" {sign} "), sign_style), Span::styled(head(record, wide), base)];
    let right = match (row.mark, elapsed) {
        (Mark::Pending, Some(elapsed)) => format!("running {elapsed} "),
        // The row of a variant that the last run left out: whose word it is matters more than how long it took.
        (Mark::Older, _) if record.variant.is_some() => format!("earlier port, {} ", run(row)),
        (Mark::Older, _) => "earlier port ".into(),
        (Mark::Aside, _) => format!("as of {} ", run(row)),
        _ => format!("{:.2} s ", record.seconds),
    };
    let used: usize = spans.iter().map(Span::width).sum();
    let room = usize::from(width).saturating_sub(used + right.width() + 1);
    let middle = middle(record, room);
    let gap = room.saturating_sub(middle.width()) + 1;
    spans.push(Span::styled(middle, base));
    spans.push(Span::raw(" ".repeat(gap)));
    spans.push(Span::styled(right, theme.dim));
    Line::from(spans)
}

/// Names the run of a row, short.
fn run(row: &Row) -> String {
    let id = row.run_id.rsplit('-').next().unwrap_or_default();
    format!("run {}", truncate(&one_line(id), 12))
}

/// Gives the columns that the longest name and the longest variant with its twin need.
fn columns(state: &State) -> (usize, usize) {
    let names = state.rows.iter().map(|row| row.record.id.name().len());
    let names = names.chain(state.waiting().iter().map(|id| id.name().len())).max();
    let abouts = state.rows.iter().map(|row| about(&row.record).width()).max();
    (names.unwrap_or(0).max(7), abouts.unwrap_or(0).clamp(8, 24))
}

/// Names the variant, where a run has several, and the twin.
fn about(record: &CheckRecord) -> String {
    let parts = [record.variant.as_deref(), record.twin.as_deref()];
    parts.into_iter().flatten().map(one_line).collect::<Vec<_>>().join(" ")
}

fn head(record: &CheckRecord, (name, about): (usize, usize)) -> String {
    let text = truncate(&self::about(record), about);
    format!("{:<name$} {text:<about$} ", record.id.name())
}

/// Figure, bar, floor and place, as many as fit; the figure goes last.
fn middle(record: &CheckRecord, room: usize) -> String {
    if let Some(error) = &record.error {
        return truncate(&one_line(&error.text), room);
    }
    let figure =
        record.figure.as_ref().map_or_else(|| record.verdict.name().to_string(), ToString::to_string);
    let figure = format!("{:>8}", one_line(&figure));
    let bar = record.bar.as_ref().map(|at| at.number().map_or_else(|| at.to_string(), bar));
    let bar = bar.map(|bar| format!("  bar {bar:<4}")).unwrap_or_default();
    let floor = record.floor.as_ref().map(|floor| format!("  floor {floor}")).unwrap_or_default();
    let place = record.first_divergence.as_ref().filter(|_| record.verdict != CheckVerdict::Pass);
    let place = place.map(|place| format!("  {}", one_line(&place.module))).unwrap_or_default();
    let choices = [
        format!("{figure}{bar}{floor}{place}"),
        format!("{figure}{bar}{place}"),
        format!("{figure}{place}"),
        figure.clone(),
    ];
    choices.into_iter().find(|text| text.width() <= room).unwrap_or_else(|| truncate(&figure, room))
}
