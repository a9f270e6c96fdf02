//! Draws the workspace's set-up above the panes: steps with their state, bytes and minutes, and the way out of a failure.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Wrap};

use super::overlay::centred;
use crate::app::State;
use crate::app::setup::StepState;
use crate::theme::Theme;
use crate::util::text::{one_line, truncate};

/// Draws the layer.
pub fn draw(frame: &mut Frame<'_>, state: &State, theme: &Theme) {
    let setup = &state.setup;
    let rows = u16::try_from(setup.steps.len()).unwrap_or(20);
    let area = centred(frame.area(), 100, rows + 9);
    frame.render_widget(Clear, area);
    let title = match (&setup.failed, setup.steps.is_empty()) {
        (Some(_), false) => " Workspace · a step failed ",
        (Some(_), true) => " Workspace · not opened ",
        (None, _) => " Workspace · being built ",
    };
    let block =
        Block::bordered().border_style(theme.border_focus).title(Span::styled(title, theme.title_focus));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let width = usize::from(inner.width);
    let mut lines = Vec::new();
    for step in &setup.steps {
        let style = match step.state {
            StepState::Todo | StepState::Skipped => theme.dim,
            StepState::Running => theme.running,
            StepState::Done => theme.ok,
            StepState::Failed => theme.fail,
        };
        let glyph = step.state.glyph();
        let label = format!("{:<41} ", truncate(&step.label, 41));
        lines.push(Line::from(vec![
            Span::styled(format!(" {glyph} "), style),
            Span::styled(label, theme.text),
            Span::styled(truncate(&one_line(&step.note), width.saturating_sub(46)), theme.dim),
        ]));
    }
    lines.push(Line::default());
    if let Some(report) = &setup.failed {
        lines.push(Line::styled(format!(" {}", one_line(&report.text)), theme.fail));
        let detail = report.detail.as_deref().unwrap_or("").lines().rev().take(3).collect::<Vec<_>>();
        lines.extend(
            detail.into_iter().rev().map(|line| Line::styled(format!("   {}", one_line(line)), theme.dim)),
        );
        let way_out = report.hint.clone().unwrap_or_else(|| "run `mlxport doctor` to see more".into());
        lines.push(Line::styled(format!(" {}", one_line(&way_out)), theme.text));
    } else {
        lines.push(Line::styled(format!(" {}", truncate(&one_line(&setup.last_line), width)), theme.dim));
    }
    let below = match &setup.failed {
        Some(_) => " Esc hides this; Ctrl-P, Set up the workspace, tries again.",
        None => " Esc hides this; the work goes on. It can be cut and continued at any time.",
    };
    lines.push(Line::styled(below, theme.dim));
    let words = Paragraph::new(lines).wrap(Wrap { trim: false });
    frame.render_widget(words, Rect { ..inner });
}
