//! What stands below the transcript: the manual provider's steps, the queue, the status row, the composer.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::transcript::Below;
use crate::app::Millis;
use crate::app::pane::chat::{Budget, CallPhase, CompactPhase, History, Machinery, Round, State};
use crate::theme::Theme;
use crate::ui::Canvas;
use crate::ui::widget::editor::{self, Focus};
use crate::util::text::{one_line, truncate};

/// Queued messages that are shown; the rest is counted.
const QUEUE_ROWS: usize = 3;
const COMPOSER_ROWS: u16 = 8;
const SPINNER: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/// Draws the words of a conversation that has not begun.
pub fn empty(canvas: &mut Canvas<'_, '_>, area: Rect, state: &State) {
    let name = canvas.state.facts.model_type.as_deref().unwrap_or("a model");
    let first = format!("Port {name}: say what you want, and press Enter.");
    if canvas.state.facts.model_type.is_none() {
        let words =
            ["No architecture yet.", "Start with: mlxport port arcee", "or see it at work: mlxport demo"];
        return crate::ui::frame::empty(canvas.frame, area, &words, canvas.theme.dim);
    }
    let second = match (&canvas.state.facts.demo, state.ready) {
        (Some(_), _) => "F8 plays the recorded person's next step.",
        (None, false) => "The workspace is being made ready; what you send waits for it.",
        (None, true) if canvas.state.facts.model.provider.is_empty() => {
            "No model is set up yet: name its endpoint by model.base_url in config.toml, MLXPORT_BASE_URL or --base-url URL, or \
             carry the text to a web chat yourself with --provider manual."
        }
        (None, true) => "The model reads, proposes edits and runs checks. You accept each edit.",
    };
    crate::ui::frame::empty(canvas.frame, area, &[&first, second], canvas.theme.dim);
}

/// Counts the rows of the queue.
pub fn queue_rows(state: &State) -> u16 {
    let queued = state.machine.queue().len();
    u16::try_from(queued.min(QUEUE_ROWS) + usize::from(queued > QUEUE_ROWS)).unwrap_or(0)
}

/// Draws the queue.
pub fn queue(canvas: &mut Canvas<'_, '_>, area: Rect, state: &State) {
    let queue = state.machine.queue();
    let mut lines: Vec<String> =
        queue.iter().take(QUEUE_ROWS).map(|text| format!("⋯ {}", one_line(text))).collect();
    if queue.len() > QUEUE_ROWS {
        lines.push(format!("  and {} more", queue.len() - QUEUE_ROWS));
    }
    draw_lines(canvas, area, lines.iter().map(|line| (line.as_str(), canvas.theme.dim)).collect());
}

/// Counts the rows of the manual provider's steps.
pub fn manual_rows(state: &State) -> u16 {
    if state.carried().manual_request().is_some() { 4 } else { 0 }
}

/// Draws what the person has to do as the manual provider.
pub fn manual(canvas: &mut Canvas<'_, '_>, area: Rect, state: &State) {
    let Some((request, problem)) = state.carried().manual_request() else { return };
    let theme = canvas.theme;
    let count = |text: &str| text.lines().count();
    let first = match problem {
        Some(_) => "!  Not readable: y copies what to tell the model. Then paste its next reply".into(),
        None => {
            format!("1  y copies the request ({} lines) for any chat; Y copies everything", count(request))
        }
    };
    let second = match &state.reply {
        Some(reply) => format!("2  [Pasted reply, {} lines] Enter sends it, Esc drops it", count(reply)),
        None => "2  paste the model's whole reply here, then press Enter".to_string(),
    };
    let style = if problem.is_some() { theme.warn } else { theme.text };
    let what = match state.machine.state() {
        _ if state.reader.waits_for_person() => "Second reader: you carry its text to a new chat and back:",
        Machinery::Compacting(_) => "A summary is wanted. You carry the text to a model and back:",
        _ => "You carry the text to a model and back:",
    };
    let lines = vec![("", theme.text), (what, theme.strong), (&first, style), (&second, theme.text)];
    draw_lines(canvas, area, lines);
}

fn draw_lines(canvas: &mut Canvas<'_, '_>, area: Rect, lines: Vec<(&str, ratatui::style::Style)>) {
    for (at, (text, style)) in lines.into_iter().take(usize::from(area.height)).enumerate() {
        let y = area.y + u16::try_from(at).unwrap_or(0);
        let text = truncate(text, usize::from(area.width));
        canvas.frame.render_widget(Line::styled(text, style), Rect { y, height: 1, ..area });
    }
}

/// Draws the row that parts transcript and composer: what happens, for how long, and what lies below the view.
pub fn status(canvas: &mut Canvas<'_, '_>, area: Rect, state: &State, below: Below) {
    let theme = canvas.theme;
    let width = usize::from(area.width);
    let (mut words, mut style) = words(state, theme);
    if let Some(reading) = state.reader_words() {
        let spinner = spinner(state.now);
        (words, style) = match words.is_empty() {
            true if state.reader.waits_for_person() => (format!("{reading} · Ctrl-C stops"), theme.accent),
            true => (format!("{spinner} {reading} · Ctrl-C stops"), theme.running),
            false => (format!("{words} · {reading}"), style),
        };
    }
    if canvas.state.facts.model_type.is_none() && matches!(state.machine.state(), Machinery::Idle) {
        words.clear();
    }
    let right = match below {
        Below::Nothing => String::new(),
        Below::New(0) => " ↓ Ctrl-End ".into(),
        Below::New(count) => format!(" ↓ {count} new · Ctrl-End "),
    };
    let left = match words.is_empty() {
        true => String::new(),
        false => format!(" {} ", truncate(&one_line(&words), width.saturating_sub(right.width() + 5))),
    };
    let rule = width.saturating_sub(left.width() + right.width() + 2);
    let line = Line::from(vec![
        Span::styled("──", theme.border),
        Span::styled(left, style),
        Span::styled("─".repeat(rule), theme.border),
        Span::styled(right, theme.accent),
    ]);
    canvas.frame.render_widget(line, area);
}

fn words(state: &State, theme: &Theme) -> (String, ratatui::style::Style) {
    let now = state.now;
    let spinner = spinner(now);
    match state.machine.state() {
        Machinery::Idle if !state.ready && state.history == History::Reading => {
            ("Reading the session".into(), theme.dim)
        }
        Machinery::Idle if !state.ready => ("Waiting for the workspace".into(), theme.dim),
        Machinery::Idle => (String::new(), theme.dim),
        Machinery::Streaming { attempt, since_ms, partial, .. } => {
            let what = match (partial.is_empty(), partial.text.is_empty()) {
                (true, _) => "waiting for the model",
                (false, true) if partial.calls.is_empty() => "the model thinks",
                (false, _) => "the model answers",
            };
            let again = if *attempt > 1 { format!(" · attempt {attempt}") } else { String::new() };
            (format!("{spinner} {what} · {}{again} · Ctrl-C stops", seconds(now, *since_ms)), theme.running)
        }
        Machinery::WaitingRetry { attempt, until_ms, failure } => {
            let left = until_ms.saturating_sub(now).div_ceil(1000);
            (format!("Attempt {attempt} in {left} s · r now · {}", failure.text), theme.warn)
        }
        Machinery::Tools(round) => running(round, now, spinner, theme),
        Machinery::ManualWaiting { .. } => ("Manual provider".into(), theme.accent),
        Machinery::Compacting(under_way) => condensing(&under_way.phase, now, spinner, theme),
        Machinery::Interrupted => ("Interrupted · r goes on".into(), theme.warn),
        Machinery::Stopped { .. } => ("Stopped · r tries again".into(), theme.fail),
        Machinery::BudgetSpent { budget: Budget::Rounds(rounds) } => {
            (format!("{rounds} rounds of tools used in this turn · r goes on"), theme.warn)
        }
        Machinery::BudgetSpent { budget: Budget::Tokens(tokens) } => {
            (format!("{tokens} tokens used in this turn · r goes on"), theme.warn)
        }
    }
}

fn spinner(now: Millis) -> char {
    SPINNER[usize::try_from(now / 120).unwrap_or(0) % SPINNER.len()]
}

fn condensing(
    phase: &CompactPhase,
    now: Millis,
    spinner: char,
    theme: &Theme,
) -> (String, ratatui::style::Style) {
    match phase {
        CompactPhase::Streaming { attempt, since_ms, .. } => {
            let again = if *attempt > 1 { format!(" · attempt {attempt}") } else { String::new() };
            let time = seconds(now, *since_ms);
            (
                format!("{spinner} the model sums up the conversation · {time}{again} · Ctrl-C stops"),
                theme.running,
            )
        }
        CompactPhase::WaitingRetry { attempt, until_ms, failure } => {
            let left = until_ms.saturating_sub(now).div_ceil(1000);
            (format!("Summary: attempt {attempt} in {left} s · r now · {}", failure.text), theme.warn)
        }
        CompactPhase::Manual { .. } => ("Manual provider: a summary".into(), theme.accent),
        CompactPhase::Preview { .. } => ("The summary waits for you".into(), theme.warn),
    }
}

fn running(round: &Round, now: Millis, spinner: char, theme: &Theme) -> (String, ratatui::style::Style) {
    let Some(active) = round.active() else { return (String::new(), theme.dim) };
    let name = &active.call.name;
    match &active.phase {
        CallPhase::NeedsApproval { .. } => ("Waiting for you".into(), theme.warn),
        CallPhase::Running { .. } if round.stopping => (format!("{spinner} stopping {name}"), theme.warn),
        CallPhase::Running { since_ms, .. } => {
            (format!("{spinner} {name} · {} · Ctrl-C stops", seconds(now, *since_ms)), theme.running)
        }
        CallPhase::Preparing { since_ms } => {
            (format!("{spinner} working out {name} · {}", seconds(now, *since_ms)), theme.running)
        }
        CallPhase::Waiting | CallPhase::Ended => (String::new(), theme.dim),
    }
}

fn seconds(now: Millis, since: Millis) -> String {
    let seconds = now.saturating_sub(since) / 1000;
    if seconds < 60 { format!("{seconds} s") } else { format!("{} min {} s", seconds / 60, seconds % 60) }
}

/// Gives how many rows the composer takes.
pub fn composer_rows(state: &State, left: Rect) -> u16 {
    let wrapped = editor::wrap(&state.composer.editor, left.width.saturating_sub(2));
    let rows = u16::try_from(wrapped.rows.len()).unwrap_or(u16::MAX);
    rows.clamp(1, COMPOSER_ROWS.min(left.height / 3).max(1))
}

/// Draws the composer.
pub fn composer(canvas: &mut Canvas<'_, '_>, area: Rect, state: &State) {
    let theme = canvas.theme;
    canvas.frame.render_widget(Line::styled("› ", theme.user), Rect { height: 1.min(area.height), ..area });
    let field = Rect { x: area.x + 2, width: area.width.saturating_sub(2), ..area };
    let focus = if canvas.focused { Focus::Here } else { Focus::Elsewhere };
    let wrapped = editor::wrap(&state.composer.editor, field.width);
    editor::draw(canvas.frame, field, &wrapped, theme.text, focus);
    if state.composer.editor.is_empty() && !canvas.focused {
        let words = truncate("Alt-1 to write", usize::from(field.width));
        canvas
            .frame
            .render_widget(Line::styled(words, theme.dim), Rect { height: 1.min(field.height), ..field });
    }
}
