//! What stands above the pane: push confirmation, written reasons, stored runs, hand-over.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear};

use super::lists::sign;
use super::wrap;
use crate::app::pane::pr::{Ask, Layer, Prompt, State};
use crate::pr::data::{GateState, HandOver, Outcome, Plan};
use crate::theme::Theme;
use crate::ui::Canvas;
use crate::ui::overlay::centred;
use crate::ui::widget::editor;
use crate::util::text::{one_line, truncate};

/// Draws the top layer.
pub fn draw(canvas: &mut Canvas<'_, '_>, state: &State, layer: &Layer) {
    match layer {
        Layer::Prompt(prompt) => draw_prompt(canvas, state, prompt),
        Layer::Outputs(at) => outputs(canvas, state, *at),
        Layer::HandOver => {
            if let Some(done) = &state.hand_over {
                hand_over(canvas, state, done);
            }
        }
    }
}

/// Draws an empty box with a title; gives its inside.
fn sheet(canvas: &mut Canvas<'_, '_>, title: &str, rows: usize) -> Rect {
    let height = u16::try_from(rows).unwrap_or(u16::MAX).saturating_add(2);
    let area = centred(canvas.area, 96, height);
    canvas.frame.render_widget(Clear, area);
    let block = Block::bordered()
        .border_style(canvas.theme.border_focus)
        .title(Span::styled(format!(" {title} "), canvas.theme.title_focus));
    let inner = block.inner(area);
    canvas.frame.render_widget(block, area);
    inner
}

fn width(canvas: &Canvas<'_, '_>) -> usize {
    usize::from(canvas.area.width.min(96)).saturating_sub(2)
}

fn put(canvas: &mut Canvas<'_, '_>, area: Rect, lines: Vec<Line<'static>>) {
    for (at, line) in (0..area.height).zip(lines) {
        canvas.frame.render_widget(line, Rect { y: area.y + at, height: 1, ..area });
    }
}

fn draw_prompt(canvas: &mut Canvas<'_, '_>, state: &State, prompt: &Prompt) {
    let width = width(canvas);
    let (title, words) = match &prompt.ask {
        Ask::Push(plan) => ("Push to your fork", push_words(state, plan)),
        Ask::Gate(id) => {
            let gate = state.gates.iter().find(|gate| gate.id == *id);
            let text = gate.map(|gate| gate.text.clone()).unwrap_or_default();
            let ask = "Write why this may stay as it is. The reason is kept with the session.";
            ("Answer for a gate", vec![text, ask.to_string()])
        }
        Ask::Overlap(stopped) => {
            let rule = "Upstream forbids AI-written posts. This paste repeats the model's words:".to_string();
            let found = stopped.overlaps.iter().take(3).map(|overlap| format!("“{}”", overlap.text));
            let ask =
                "Esc leaves it out. To paste it all the same, write why; the reason is kept.".to_string();
            ("The paste was stopped", std::iter::once(rule).chain(found).chain([ask]).collect())
        }
    };
    let mut lines: Vec<Line<'static>> = words
        .iter()
        .flat_map(|text| wrap(&one_line(text), width))
        .map(|text| Line::styled(text, canvas.theme.text))
        .collect();
    let most = usize::from(canvas.area.height).saturating_sub(4);
    lines.truncate(most);
    let inner = sheet(canvas, title, lines.len() + 2);
    let rows = u16::try_from(lines.len()).unwrap_or(0);
    put(canvas, inner, lines);
    let input = Rect {
        x: inner.x + 2,
        y: inner.bottom().saturating_sub(1).min(inner.y + rows + 1),
        width: inner.width.saturating_sub(2),
        height: 1,
    };
    canvas.frame.render_widget(Line::styled(">", canvas.theme.accent), Rect { x: inner.x, ..input });
    let wrapped = editor::wrap(&prompt.editor, input.width.saturating_sub(1));
    let focus = if canvas.focused { editor::Focus::Here } else { editor::Focus::Elsewhere };
    editor::draw(canvas.frame, input, &wrapped, canvas.theme.voice, focus);
}

fn push_words(state: &State, plan: &Plan) -> Vec<String> {
    let short = plan.commit.get(..8).unwrap_or(&plan.commit);
    let mut words = vec![format!("{} at {short} goes to fork: {}", plan.branch, plan.url)];
    let staged = state.snapshot.as_ref().is_some_and(|snapshot| snapshot.anything_staged());
    if staged {
        words.push("Something is staged and not committed: it does not go.".into());
    }
    let count = |wanted: &GateState| state.gates.iter().filter(|gate| gate.state == *wanted).count();
    let (failing, unknown) = (count(&GateState::Fail), count(&GateState::Unknown));
    if failing + unknown > 0 {
        words.push(format!("Gates: {failing} fail, {unknown} are not checked yet."));
    }
    words.push(format!("Never forced, never to upstream. Type {} to push; Esc goes back.", plan.branch));
    words
}

fn outputs(canvas: &mut Canvas<'_, '_>, state: &State, at: usize) {
    let width = width(canvas);
    let rows = state.outputs.len().min(usize::from(canvas.area.height).saturating_sub(4));
    let first = (at + 1).saturating_sub(rows.max(1));
    let theme: &Theme = canvas.theme;
    let lines = state.outputs.iter().enumerate().skip(first).take(rows).map(|(row, output)| {
        let style = if row == at { theme.selected } else { theme.text };
        Line::styled(truncate(&one_line(&format!("{}  run {}", output.title, output.run)), width), style)
    });
    let lines: Vec<Line<'static>> = lines.collect();
    let inner = sheet(canvas, "Stored runs · Enter inserts as a fenced block", lines.len());
    put(canvas, inner, lines);
}

fn hand_over(canvas: &mut Canvas<'_, '_>, state: &State, done: &HandOver) {
    let theme = canvas.theme;
    let width = width(canvas);
    let plan = &done.plan;
    let short = plan.commit.get(..8).unwrap_or(&plan.commit);
    let mut lines: Vec<Line<'static>> = Vec::new();
    let mut say = |text: &str, style| {
        lines.extend(wrap(&one_line(text), width).into_iter().map(|line| Line::styled(line, style)));
    };
    match done.outcome {
        Outcome::Pushed => {
            say(&format!("✓ {} at {short} is on your fork: {}", plan.branch, plan.url), theme.ok)
        }
        Outcome::UpToDate => {
            say(&format!("✓ your fork had {} at {short} already: {}", plan.branch, plan.url), theme.ok)
        }
        Outcome::Yours => {
            say("Nothing was pushed: push = \"hand-over\" leaves it to you. Run:", theme.warn);
            plan.commands.iter().for_each(|command| say(&format!("  {command}"), theme.strong));
        }
    }
    say("", theme.text);
    match state.link() {
        Ok(url) => {
            say("Open the pull request yourself, in the browser (u copies the link):", theme.text);
            say(&url, theme.accent);
        }
        Err(why) => say(&format!("No link: {why}."), theme.warn),
    }
    say("y copies the text made of the template and your words. mlxport opens no pull request.", theme.dim);
    say("", theme.text);
    let files = state.snapshot.iter().flat_map(|snapshot| &snapshot.files).map(|file| one_line(&file.path));
    say(&format!("Files: {}", files.collect::<Vec<_>>().join(", ")), theme.text);
    for gate in state.gates.iter().filter(|gate| gate.state != GateState::Pass) {
        let style = if gate.state == GateState::Fail { theme.fail } else { theme.dim };
        lines.push(Line::styled(truncate(&one_line(&format!("{} {}", sign(gate), gate.text)), width), style));
    }
    lines.truncate(usize::from(canvas.area.height).saturating_sub(2));
    let inner = sheet(canvas, "Hand-over", lines.len());
    put(canvas, inner, lines);
}
