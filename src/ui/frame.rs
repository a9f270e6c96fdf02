//! What stands around the panes: status line, tabs, borders, hint line, and the words for a screen that is too small.

use ratatui::Frame;
use ratatui::layout::{Alignment, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Paragraph, Wrap};
use unicode_width::UnicodeWidthStr;

use super::rect;
use crate::app::facts::ModelFacts;
use crate::app::job::JobKind;
use crate::app::layout::{Borders, Layout, SMALLEST};
use crate::app::{PaneId, State};
use crate::theme::Theme;
use crate::util::text::truncate;

/// Says that the screen is too small, legibly, whatever its size.
pub fn too_small(frame: &mut Frame<'_>, theme: &Theme) {
    let area = frame.area();
    let text = format!(
        "mlxport needs {}×{}; this is {}×{}. Ctrl-Q quits",
        SMALLEST.0, SMALLEST.1, area.width, area.height
    );
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(text).style(theme.text).wrap(Wrap { trim: true }), area);
}

/// Draws the line at the top: what is ported on the left, what runs and answers on the right.
pub fn status(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    let facts = &state.facts;
    let mut left = vec!["mlxport".to_string()];
    left.extend(facts.model_type.clone());
    left.extend(facts.workspace.as_ref().map(|workspace| workspace.branch.clone()));
    let mut right = Vec::new();
    if let Some(demo) = &facts.demo {
        right.push(format!("recorded session {}/{}", demo.played, demo.total));
    }
    right.push("sandboxed".into());
    let policy = state.panes.chat.machine.policy();
    right.push(format!("edits: {}", policy.mode.name()));
    if !facts.model.model.is_empty() {
        right.push(facts.model.model.clone());
    }
    // Where no limit is known the count matters less than the words that a narrow screen would lose for it.
    if facts.demo.is_none() || facts.model.context_limit > 0 {
        right.extend(context(&facts.model));
    }
    // Watching is what the program always does; only work that ends is worth a word.
    let mut running =
        state.jobs.running().filter(|(_, job)| !matches!(job.kind, JobKind::Watch | JobKind::WatchEdit));
    right.extend(running.next().map(|(_, job)| format!("… {}", job.title)));
    right.extend(facts.verdict.as_ref().map(|verdict| format!("{} {}", verdict.glyph, verdict.text)));
    if facts.ssh {
        right.push("ssh".into());
    }
    let width = usize::from(area.width);
    let left = format!(" {} ", left.join(" · "));
    // What matters most stands last, so that a narrow screen loses the first words.
    while right.len() > 1 && left.width() + right.join(" · ").width() + 2 > width {
        right.remove(0);
    }
    let room = width.saturating_sub(left.width() + 1);
    let right = format!("{} ", truncate(&right.join(" · "), room));
    let gap = width.saturating_sub(left.width() + right.width());
    let line = Line::from(vec![
        Span::styled(left, theme.bar_key),
        Span::styled(" ".repeat(gap), theme.bar),
        Span::styled(right, theme.bar),
    ]);
    frame.render_widget(line, area);
}

/// Says how full the model's context is; `~` marks what is not the endpoint's own count.
fn context(model: &ModelFacts) -> Option<String> {
    let about = if model.context_estimated { "~" } else { "" };
    let used = format!("{about}{}", thousands(model.context_used));
    match (model.context_limit, model.context_used) {
        (0, 0) => None,
        (0, _) => Some(format!("{used} tokens")),
        (limit, _) => Some(format!("{used}/{}", thousands(limit))),
    }
}

fn thousands(count: u64) -> String {
    if count < 1000 { count.to_string() } else { format!("{}k", count / 1000) }
}

/// Draws the tab bar.
pub fn tabs(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    let mut spans = Vec::new();
    for (at, pane) in PaneId::ALL.into_iter().enumerate() {
        if at > 0 {
            spans.push(Span::styled("│", theme.border));
        }
        let focused = pane == state.focus;
        let (mark, style) = if focused { ("●", theme.title_focus) } else { (" ", theme.title) };
        spans.push(Span::styled(format!("{mark}{} {} ", at + 1, pane.title()), style));
    }
    frame.render_widget(Line::from(spans), area);
}

/// Draws a pane's border and title, where panes have one.
pub fn border(
    frame: &mut Frame<'_>,
    layout: &Layout,
    (pane, focus): (PaneId, PaneId),
    (state, theme): (&State, &Theme),
) {
    if layout.borders == Borders::None {
        return;
    }
    let Some(area) = layout.of(pane) else { return };
    let focused = pane == focus;
    let (line, title) =
        if focused { (theme.border_focus, theme.title_focus) } else { (theme.border, theme.title) };
    let mark = if focused { "●" } else { "" };
    let subtitle = super::pane::subtitle(pane, state);
    let text = match subtitle.is_empty() {
        true => format!(" {mark}{} ", pane.title()),
        false => format!(" {mark}{} · {subtitle} ", pane.title()),
    };
    let text = truncate(&text, usize::from(area.width.saturating_sub(4)));
    let block =
        Block::bordered().border_type(BorderType::Plain).border_style(line).title(Span::styled(text, title));
    frame.render_widget(block, rect(area));
}

/// Draws the line at the bottom: a toast while there is one, else the keys that count here.
pub fn hints(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    frame.render_widget(Block::new().style(theme.bar), area);
    if let Some(toast) = &state.facts.toast {
        let text = truncate(&toast.text, usize::from(area.width.saturating_sub(2)));
        return frame.render_widget(Line::from(Span::styled(format!(" {text}"), theme.bar_key)), area);
    }
    let contexts = state.contexts(state.focus);
    let mut spans = Vec::new();
    let mut used = 1;
    let mut hints = state.keymap.hints(state.focus, &contexts);
    hints.truncate(7);
    if state.overlay.is_some() || state.models.shown || state.rewind.is_open() {
        hints.clear();
    }
    for hint in hints {
        let text = match (&state.facts.demo, hint.id) {
            (Some(demo), "app.recorded") => match &demo.next {
                Some(next) => format!("play: {next}"),
                None => continue,
            },
            _ => hint.text.to_lowercase(),
        };
        let width = hint.key.width() + text.width() + 4;
        if used + width > usize::from(area.width) {
            continue;
        }
        used += width;
        spans.push(Span::styled(format!(" {}", hint.key), theme.bar_key));
        spans.push(Span::styled(format!(" {text} "), theme.bar));
    }
    frame.render_widget(Line::from(spans), area);
}

/// Draws an empty pane: what it is for and the key that fills it.
pub fn empty(frame: &mut Frame<'_>, area: Rect, lines: &[&str], style: Style) {
    let top = area.height.saturating_sub(u16::try_from(lines.len()).unwrap_or(0)) / 3;
    let text = lines.iter().map(|line| Line::raw((*line).to_string())).collect::<Vec<_>>();
    let inner = Rect { y: area.y + top, height: area.height - top, ..area };
    let words = Paragraph::new(text).style(style).alignment(Alignment::Center).wrap(Wrap { trim: true });
    frame.render_widget(words, inner);
}
