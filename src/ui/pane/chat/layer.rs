//! The lists over the conversation: rules in force, written edits.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear};
use unicode_width::UnicodeWidthStr;

use super::judge::ends;
use crate::agent::data::policy::{EditMode, Taken};
use crate::app::Millis;
use crate::app::pane::chat::{Layer, Stands, State, Written};
use crate::ui::Canvas;
use crate::ui::overlay::centred;
use crate::util::text::{one_line, truncate};

/// Draws the open list.
pub fn draw(canvas: &mut Canvas<'_, '_>, state: &State, layer: Layer) {
    let policy = state.machine.policy();
    let (title, at, head, rows) = match layer {
        Layer::Rules { at } => {
            let rows: Vec<_> = policy.in_force(state.now).map(|taken| rule(taken, state.now)).collect();
            (" Rules for edits · d revokes · Esc closes ", at, mode(policy.mode), rows)
        }
        Layer::Edits { at } => {
            let rows = state.written.iter().rev().map(edit).collect();
            let head =
                "Written in this session, the latest first. u takes one back, if its lines still stand.";
            (" Edits · u takes back · Esc closes ", at, head.to_string(), rows)
        }
    };
    let wanted = u16::try_from(rows.len().max(1)).unwrap_or(u16::MAX).saturating_add(4);
    let area = centred(canvas.area, canvas.area.width.saturating_sub(2).min(110), wanted.max(7));
    list(canvas, area, (title, &head), (at, &rows));
}

fn mode(mode: EditMode) -> String {
    format!("Mode {}: {}.", mode.name(), mode.words())
}

fn rule(taken: &Taken, now: Millis) -> (String, String) {
    let left = match taken.until_ms {
        Some(until) => {
            let seconds = until.saturating_sub(now).div_ceil(1000);
            if seconds < 90 {
                format!("{seconds} s left")
            } else {
                format!("{} min left", seconds.div_ceil(60))
            }
        }
        None => ends(&taken.rule).trim_end_matches('.').to_lowercase(),
    };
    (taken.rule.to_string(), left)
}

fn edit(edit: &Written) -> (String, String) {
    let (added, removed) = edit.counts();
    let by = edit.by.words().unwrap_or_else(|| "accepted by you".into());
    let state = match edit.stands {
        Stands::Yes => by,
        Stands::TakenBack => format!("taken back; {by}"),
    };
    (format!("{} +{added} −{removed}", edit.path), state)
}

fn list(
    canvas: &mut Canvas<'_, '_>,
    area: Rect,
    (title, head): (&str, &str),
    (at, rows): (usize, &[(String, String)]),
) {
    let theme = canvas.theme;
    let title = truncate(title, usize::from(area.width.saturating_sub(4)));
    let block =
        Block::bordered().border_style(theme.border_focus).title(Span::styled(title, theme.title_focus));
    let inner = block.inner(area);
    canvas.frame.render_widget(Clear, area);
    canvas.frame.render_widget(block, area);
    if inner.height < 2 || inner.width < 12 {
        return;
    }
    let width = usize::from(inner.width);
    let head = Line::styled(truncate(head, width), theme.dim);
    canvas.frame.render_widget(head, Rect { height: 1, ..inner });
    let below = Rect { y: inner.y + 1, height: inner.height - 1, ..inner };
    if rows.is_empty() {
        let words = Line::styled("  none", theme.dim);
        return canvas.frame.render_widget(words, Rect { height: 1, ..below });
    }
    let height = usize::from(below.height);
    let first = (at + 1).saturating_sub(height);
    for (y, (index, (what, state))) in (below.y..below.bottom()).zip(rows.iter().enumerate().skip(first)) {
        let (lead, style) = if index == at { ("› ", theme.selected) } else { ("  ", theme.text) };
        let state = truncate(&one_line(state), width / 2);
        let room = width.saturating_sub(state.width() + 4);
        let what = truncate(&one_line(what), room);
        let gap = " ".repeat(width.saturating_sub(what.width() + state.width() + 2));
        let line = Line::from(vec![
            Span::styled(format!("{lead}{what}{gap}"), style),
            Span::styled(state, theme.dim.patch(style)),
        ]);
        canvas.frame.render_widget(line, Rect { y, height: 1, ..below });
    }
}
