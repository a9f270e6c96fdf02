//! The rows of one item of the transcript.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::agent::data::Mark;
use crate::app::pane::chat::{Card, CardState, Details, Item, ItemKind, Partial, Tone};
use crate::theme::Theme;
use crate::ui::widget::markdown::Markdown;
use crate::ui::widget::wrap::{Indent, wrap};
use crate::util::text::{neutralise, one_line, truncate};

/// Rows of a person's message, or lines of a tool's output, that are shown before the rest is counted.
const LONG_MESSAGE: usize = 24;
const LONG_OUTPUT: usize = 60;
/// Rows that are shown of an edit that was written without asking.
const SHORT_DIFF: usize = 12;
/// How much of a running thought is shown.
const THOUGHT: usize = 240;

/// An empty row.
pub static BLANK: Line<'static> = Line { style: Style::new(), alignment: None, spans: Vec::new() };

/// Makes an item's rows; a blank one first where it does not belong to the item before.
pub fn rows(
    item: &Item,
    before: Option<&Item>,
    (width, details): (u16, Details),
    theme: &Theme,
) -> Vec<Line<'static>> {
    let mut rows = Vec::new();
    let is_card = |item: &Item| matches!(item.kind, ItemKind::Tool(_));
    let joined = before.is_none_or(|before| is_card(before) && is_card(item));
    if !joined {
        rows.push(BLANK.clone());
    }
    match &item.kind {
        ItemKind::User { text } => rows.extend(user(text, width, details, theme)),
        ItemKind::Model { text, reasoning, mark } => {
            rows.extend(thought(reasoning, width, details, theme));
            rows.extend(Markdown::whole(text, width, theme));
            rows.extend(marked(*mark).map(|words| Line::styled(words, theme.warn)));
        }
        ItemKind::Reader { text, mark } => {
            rows.push(Line::styled(
                "┌ second reader, a language model: doubts to check, not text for upstream",
                theme.warn,
            ));
            rows.extend(Markdown::whole(text, width, theme));
            rows.extend(marked(*mark).map(|words| Line::styled(words, theme.warn)));
        }
        ItemKind::Tool(card) => rows.extend(tool(card, width, details, theme)),
        ItemKind::Notice { tone, text, hint } => {
            let (glyph, style) = match tone {
                Tone::Quiet => ("· ", theme.dim),
                Tone::Warn => ("! ", theme.warn),
                Tone::Fail => ("✗ ", theme.fail),
            };
            rows.extend(wrap(&[(neutralise(text), style)], width, &Indent::mark(glyph, style)));
            if let Some(hint) = hint {
                rows.extend(wrap(&[(neutralise(hint), theme.dim)], width, &Indent::all("  ", theme.dim)));
            }
        }
    }
    rows
}

fn user(text: &str, width: u16, details: Details, theme: &Theme) -> Vec<Line<'static>> {
    let mut rows = wrap(&[(neutralise(text), theme.user)], width, &Indent::mark("› ", theme.user));
    if rows.len() > LONG_MESSAGE && !details.shown() {
        let more = rows.len() - LONG_MESSAGE + 1;
        rows.truncate(LONG_MESSAGE - 1);
        rows.push(Line::styled(format!("  … {more} more rows"), theme.dim));
    }
    rows
}

fn marked(mark: Mark) -> Option<&'static str> {
    match mark {
        Mark::Whole => None,
        Mark::Interrupted => Some("[interrupted]"),
        Mark::Cut => Some("[the connection broke here; asked again]"),
        Mark::Truncated => Some("[cut at the limit of output tokens]"),
    }
}

fn thought(reasoning: &str, width: u16, details: Details, theme: &Theme) -> Vec<Line<'static>> {
    if reasoning.trim().is_empty() {
        return Vec::new();
    }
    if details.shown() {
        let text = neutralise(reasoning.trim());
        return wrap(&[(text, theme.dim)], width, &Indent::all("┊ ", theme.dim));
    }
    let words = reasoning.split_whitespace().count();
    vec![Line::styled(format!("┊ thought, {words} words"), theme.dim)]
}

fn tool(card: &Card, width: u16, details: Details, theme: &Theme) -> Vec<Line<'static>> {
    let (glyph, style) = match card.state {
        CardState::Waiting | CardState::Accepted => ("◌", theme.running),
        CardState::NeedsApproval => ("?", theme.warn),
        CardState::Done => ("✓", theme.ok),
        CardState::Denied => ("✗", theme.warn),
        CardState::Failed => ("✗", theme.fail),
        CardState::Interrupted => ("■", theme.warn),
        CardState::TakenBack => ("↶", theme.warn),
    };
    let room = usize::from(width).saturating_sub(2);
    let title = truncate(&one_line(&card.title), room);
    let left = room.saturating_sub(unicode_width::UnicodeWidthStr::width(title.as_str()) + 3);
    let mut spans = vec![Span::styled(format!("{glyph} "), style), Span::styled(title, theme.strong)];
    let said: Vec<&str> =
        [card.summary.as_str(), card.note.as_str()].into_iter().filter(|text| !text.is_empty()).collect();
    if !said.is_empty() && left > 8 {
        spans.push(Span::styled(" · ", theme.dim));
        spans.push(Span::styled(truncate(&one_line(&said.join(" · ")), left), theme.dim));
    }
    let mut rows = vec![Line::from(spans)];
    rows.extend(written(card, (width, details), theme));
    if details.shown() {
        rows.extend(output(&card.output, width, theme));
    }
    rows
}

/// What was written without asking: its first lines, all of them with the details.
fn written(card: &Card, (width, details): (u16, Details), theme: &Theme) -> Vec<Line<'static>> {
    let mut rows = super::judge::diff_lines(&card.diff, width, theme);
    let most = if details.shown() { rows.len() } else { SHORT_DIFF };
    if rows.len() > most {
        let more = rows.len() - most + 1;
        rows.truncate(most - 1);
        rows.push(Line::styled(format!("  │ … {more} more rows; Ctrl-O shows them"), theme.dim));
    }
    rows
}

fn output(text: &str, width: u16, theme: &Theme) -> Vec<Line<'static>> {
    let total = text.lines().count();
    let line = |line: &str| {
        let cut = truncate(&neutralise(line), usize::from(width).saturating_sub(4));
        Line::from(vec![Span::styled("  │ ", theme.border), Span::styled(cut, theme.dim)])
    };
    let mut rows: Vec<Line<'static>> = text.lines().take(LONG_OUTPUT).map(line).collect();
    if total > LONG_OUTPUT {
        rows.push(line(&format!("… {} more lines", total - LONG_OUTPUT)));
    }
    rows
}

/// Makes the rows below a streamed text, above the calls being written: the end of a thought while nothing is said.
pub fn unfinished(partial: &Partial, width: u16, theme: &Theme) -> Vec<Line<'static>> {
    let mut rows = Vec::new();
    if partial.text.trim().is_empty() && !partial.reasoning.is_empty() {
        let from = partial.reasoning.char_indices().rev().nth(THOUGHT).map_or(0, |(at, _)| at);
        let end = one_line(&partial.reasoning[from..]);
        rows.extend(wrap(&[(end, theme.dim)], width, &Indent::all("┊ ", theme.dim)));
    }
    if !partial.calls.is_empty() && !partial.text.trim().is_empty() {
        rows.push(BLANK.clone());
    }
    rows
}
