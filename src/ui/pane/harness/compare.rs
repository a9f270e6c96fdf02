//! The pinned run beside the last: what is worse or better beyond noise, and which inputs differ.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::app::pane::harness::State;
use crate::harness::data::compare::{Change, Row, Side, compare};
use crate::theme::Theme;
use crate::util::text::{one_line, truncate};

/// Gives the lines from the scroll position on.
pub fn lines(state: &State, area: Rect, theme: &Theme) -> Vec<Line<'static>> {
    let (Some(pinned), Some(run)) = (&state.pinned, &state.run) else {
        return vec![Line::styled(" No run is pinned. p pins the last one", theme.dim)];
    };
    let compared = compare(pinned, run);
    let width = usize::from(area.width);
    let inputs = match compared.inputs.is_empty() {
        true => "nothing that goes in has changed".into(),
        false => format!("changed: {}", compared.inputs.join(", ")),
    };
    let head = format!(" {} → {}", compared.before, compared.after);
    let mut lines = vec![
        Line::styled(truncate(&head, width), theme.strong),
        Line::styled(truncate(&format!(" {}", one_line(&inputs)), width), theme.dim),
    ];
    lines.extend(compared.rows.iter().map(|row| line(row, width, theme)));
    let most = lines.len().saturating_sub(usize::from(area.height));
    lines.split_off(state.scroll.min(most))
}

fn line(row: &Row, width: usize, theme: &Theme) -> Line<'static> {
    let style = match row.change {
        Change::Worse => theme.fail,
        Change::Better => theme.ok,
        Change::Added | Change::Gone => theme.warn,
        Change::Noise | Change::Same => theme.dim,
    };
    let about = [row.variant.as_deref(), row.twin.as_deref()];
    let about = about.into_iter().flatten().map(one_line).collect::<Vec<_>>().join(" ");
    let change = format!(" {:<12} ", row.change.name());
    let (before, after) = (side(row.before.as_ref()), side(row.after.as_ref()));
    let text = format!("{:<13} {about:<9} {before} → {after}", row.id);
    let room = width.saturating_sub(change.len());
    Line::from(vec![Span::styled(change, style), Span::styled(truncate(&text, room), Style::default())])
}

fn side(side: Option<&Side>) -> String {
    let Some(side) = side else { return "–".into() };
    let figure = side.figure.as_ref().map(|figure| format!(" {}", one_line(&figure.to_string())));
    format!("{}{}", side.verdict.sign(), figure.unwrap_or_default())
}
