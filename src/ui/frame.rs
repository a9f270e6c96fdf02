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
    let width = usize::from(area.width);
    let (mut left, mut right) = words(state);
    while side(&left).width() + side(&right).width() > width {
        let least =
            left.iter().chain(&right).map(|word| word.keep).min().filter(|keep| *keep < Keep::Verdict);
        let Some(least) = least else { break };
        left.retain(|word| word.keep != least);
        right.retain(|word| word.keep != least);
    }
    // A name that is too long gives way too.
    let allowed: usize =
        right.iter().filter(|word| word.keep == Keep::Always).map(|word| word.text.width() + 3).sum();
    let left = truncate(&side(&left), width.saturating_sub(allowed));
    let room = width.saturating_sub(left.width());
    let right = match side(&right) {
        right if right.width() > room => format!("{} ", truncate(&right, room.saturating_sub(1))),
        right => right,
    };
    let gap = width.saturating_sub(left.width() + right.width());
    let line = Line::from(vec![
        Span::styled(left, theme.bar_key),
        Span::styled(" ".repeat(gap), theme.bar),
        Span::styled(right, theme.bar),
    ]);
    frame.render_widget(line, area);
}

/// How long a narrow screen keeps a word of the top line: what comes first goes first. What is allowed is never lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Keep {
    Tokens,
    Model,
    Branch,
    Program,
    Running,
    Ssh,
    Demo,
    Verdict,
    Always,
}

struct Word {
    keep: Keep,
    text: String,
}

fn side(words: &[Word]) -> String {
    let words: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    if words.is_empty() { String::new() } else { format!(" {} ", words.join(" · ")) }
}

/// Gives the words on the left and on the right.
fn words(state: &State) -> (Vec<Word>, Vec<Word>) {
    let facts = &state.facts;
    let word = |keep, text: &str| Word { keep, text: text.to_string() };
    let mut left = vec![word(Keep::Program, "mlxport")];
    left.extend(facts.model_type.as_ref().map(|name| word(Keep::Always, name)));
    left.extend(facts.workspace.as_ref().map(|workspace| word(Keep::Branch, &workspace.branch)));
    let policy = state.panes.chat.machine.policy();
    // What is cut, where even the last words do not fit, is the end.
    let mut right =
        vec![word(Keep::Always, "sandboxed"), word(Keep::Always, &format!("edits: {}", policy.mode.name()))];
    let recorded = facts.demo.as_ref().map(|demo| format!("recorded session {}/{}", demo.played, demo.total));
    right.extend(recorded.map(|text| word(Keep::Demo, &text)));
    if !facts.model.model.is_empty() {
        right.push(word(Keep::Model, &facts.model.model));
    }
    right.extend(context(&facts.model).map(|text| word(Keep::Tokens, &text)));
    // Watching is what the program always does; only work that ends is worth a word.
    let mut running =
        state.jobs.running().filter(|(_, job)| !matches!(job.kind, JobKind::Watch | JobKind::WatchEdit));
    right.extend(running.next().map(|(_, job)| word(Keep::Running, &format!("… {}", job.title))));
    if facts.ssh {
        right.push(word(Keep::Ssh, "ssh"));
    }
    let verdict = facts.verdict.as_ref().map(|verdict| format!("{} {}", verdict.glyph, verdict.text));
    right.extend(verdict.map(|text| word(Keep::Verdict, &text)));
    (left, right)
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

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;
    use crate::app::facts::{VerdictFacts, WorkspaceFacts};

    fn line(width: u16, state: &State) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, 1)).expect("a test terminal");
        let theme = Theme::named("mono").expect("a theme");
        terminal.draw(|frame| status(frame, frame.area(), state, &theme)).expect("drawn");
        terminal.backend().to_string().lines().next().unwrap_or_default().trim_matches('"').to_string()
    }

    fn busy() -> State {
        let mut state = State::default();
        state.facts.model_type = Some("arcee".into());
        state.facts.workspace =
            Some(WorkspaceFacts { branch: "add-arcee".into(), ..WorkspaceFacts::default() });
        state.facts.model.model = "qwen3-coder-480b".into();
        (state.facts.model.context_used, state.facts.model.context_limit) = (31_000, 128_000);
        let text = "exact 2.9e-01 at layers.0.mlp".into();
        let (name, run_id) = ("fail", "r1".into());
        state.facts.verdict = Some(VerdictFacts { glyph: '✗', name, pass: false, text, run_id });
        state
    }

    #[test]
    fn the_top_line_loses_tokens_and_names_before_the_verdict_and_never_what_is_allowed() {
        let state = busy();
        let words = |width| line(width, &state).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(
            words(118),
            "mlxport · arcee · add-arcee sandboxed · edits: ask · qwen3-coder-480b · 31k/128k · ✗ exact 2.9e-01 at layers.0.mlp"
        );
        assert_eq!(words(80), "mlxport · arcee sandboxed · edits: ask · ✗ exact 2.9e-01 at layers.0.mlp");
        assert_eq!(words(60), "arcee sandboxed · edits: ask · ✗ exact 2.9e-01 at layers…");
        for width in 40..200 {
            let shown = line(width, &state);
            assert!(shown.contains("sandboxed · edits: ask") && shown.contains("arcee"), "{width}: {shown}");
        }
    }
}
