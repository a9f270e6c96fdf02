//! Draws [`crate::app::pane::configs::ledger`]: a row a key, what each change led to, and the evidence of one key.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::foot::{self, Foot};
use super::matrix::{padded, short_key};
use crate::app::pane::configs::ledger::{Kind, Only, State, Typing};
use crate::app::pane::configs::list::table_height;
use crate::hub::data::{Entry, Move, Place};
use crate::theme::Theme;
use crate::ui::Canvas;
use crate::ui::frame::empty;
use crate::util::text::{one_line, truncate};

/// Columns of ` R:12,40… P:7 chg nul rem `.
const LINES: usize = 9;
const MOVED: usize = 4;
const DEFAULT: usize = 14;

/// Gives the words beside the title.
pub fn subtitle(state: &State) -> String {
    match (state.ledger.entries.len(), state.only) {
        (0, _) => String::new(),
        (count, Only::All) => format!("{count} keys"),
        (_, Only::Alarms) => "alarms only".into(),
    }
}

/// Draws the layer.
pub fn draw(canvas: &mut Canvas<'_, '_>, state: &State) {
    let (area, theme) = (canvas.area, canvas.theme);
    if state.ledger.entries.is_empty() && state.failed.is_none() {
        let lines = [
            "Who reads each key, and what moves when it changes",
            "",
            "It fills when the reference's sources are open or a config is named.",
            "c changes every key on a small twin and sees whether both sides move alike.",
        ];
        return empty(canvas.frame, area, &lines, theme.dim);
    }
    if state.open.is_some() {
        evidence(canvas, state);
    } else {
        let shape = Shape::of(state, usize::from(area.width));
        header(canvas, &shape);
        let height = table_height((area.width, area.height));
        let top = state.top(height);
        for (at, index) in state.rows.iter().enumerate().skip(top).take(height) {
            let row = Rect { y: area.y + 1 + (at - top) as u16, height: 1, ..area };
            line(canvas, state, (&state.ledger.entries[*index], at == state.cursor.at), &shape, row);
        }
    }
    below(canvas, state);
}

/// What fits beside the key.
struct Shape {
    key: usize,
    defaults: bool,
    why: usize,
}

impl Shape {
    fn of(state: &State, width: usize) -> Self {
        let longest = state.rows.iter().map(|index| state.ledger.entries[*index].path.width()).max();
        let key = longest.unwrap_or(3).clamp(8, (width * 2 / 5).max(8));
        let fixed = 3 + key + 1 + 2 * LINES + 3 * MOVED;
        let defaults = width > fixed + 2 * DEFAULT + 12;
        let why = width.saturating_sub(fixed + if defaults { 2 * DEFAULT } else { 0 });
        Self { key, defaults, why }
    }
}

fn header(canvas: &mut Canvas<'_, '_>, shape: &Shape) {
    let mut text = format!("   {}", padded("key", shape.key + 1));
    for (title, width) in [("ref", LINES), ("port", LINES), ("chg", MOVED), ("nul", MOVED), ("rem", MOVED)] {
        text.push_str(&padded(title, width));
    }
    if shape.defaults {
        text.push_str(&padded("default", DEFAULT));
        text.push_str(&padded("port's", DEFAULT));
    }
    let row = Rect { height: 1, ..canvas.area };
    let text = truncate(&text, usize::from(row.width));
    canvas.frame.render_widget(Line::styled(text, canvas.theme.strong), row);
}

fn line(canvas: &mut Canvas<'_, '_>, state: &State, (entry, lit): (&Entry, bool), shape: &Shape, area: Rect) {
    let theme = canvas.theme;
    if lit && canvas.focused {
        canvas.frame.buffer_mut().set_style(area, theme.selected);
    }
    let (mark, style) = match (entry.rings(), entry.alarm) {
        (true, _) => ("!", theme.fail),
        (false, Some(_)) => ("x", theme.dim),
        (false, None) => (" ", theme.dim),
    };
    let found = !state.query.is_empty() && entry.path.to_lowercase().contains(&state.query);
    let key_style = match (found, entry.rings(), entry.untried.is_some()) {
        (true, ..) => theme.r#match,
        (_, true, _) => theme.strong,
        (_, _, true) => theme.dim,
        _ => theme.text,
    };
    let key = padded(&short_key(&one_line(&entry.path), shape.key), shape.key + 1);
    let mut spans = vec![
        Span::styled(if lit { "›" } else { " " }, theme.accent),
        Span::styled(mark, style),
        Span::styled(if entry.flag.is_some() { "⚑" } else { " " }, theme.accent),
        Span::styled(key, key_style),
        Span::styled(padded(&places(&entry.reference), LINES), theme.dim),
        Span::styled(padded(&places(&entry.port), LINES), theme.dim),
    ];
    for mutation in ["value", "null", "absent"] {
        let (text, style) = entry.worst(mutation).map_or(("", theme.dim), |one| moved(one, theme));
        spans.push(Span::styled(padded(text, MOVED), style));
    }
    if shape.defaults {
        let own = entry.reference_default.as_ref().map(|value| value.short()).unwrap_or_default();
        let port = entry.port_default.clone().unwrap_or_default();
        for text in [own, port] {
            spans.push(Span::styled(padded(&truncate(&one_line(&text), DEFAULT - 1), DEFAULT), theme.text));
        }
    }
    if shape.why > 8 {
        let text = truncate(&why(entry), shape.why);
        spans.push(Span::styled(text, if entry.rings() { theme.fail } else { theme.dim }));
    }
    canvas.frame.render_widget(Line::from(spans), area);
}

fn why(entry: &Entry) -> String {
    match (&entry.rejected, entry.alarm, &entry.untried) {
        (Some(rejected), Some(_), _) => one_line(&format!("rejected: {}", rejected.reason)),
        (_, Some(alarm), _) => alarm.text().into(),
        (_, None, Some(untried)) => one_line(untried),
        _ => String::new(),
    }
}

/// Line numbers, as many as fit.
fn places(places: &[Place]) -> String {
    let mut text = String::new();
    for (at, place) in places.iter().enumerate() {
        let next = format!("{}{}", if at > 0 { "," } else { "" }, place.line);
        if text.len() + next.len() + 2 > LINES {
            text.push('…');
            break;
        }
        text.push_str(&next);
    }
    if text.is_empty() { "–".into() } else { text }
}

fn moved(one: &Move, theme: &Theme) -> (&'static str, Style) {
    let style = match one.outcome.as_str() {
        "ignored" | "different" => theme.fail,
        "port_only" | "port_rejects" | "close" => theme.warn,
        "same" => theme.ok,
        _ => theme.dim,
    };
    (one.sign(), style)
}

fn evidence(canvas: &mut Canvas<'_, '_>, state: &State) {
    let (area, theme) = (canvas.area, canvas.theme);
    let height = table_height((area.width, area.height)) + 1;
    let cursor = state.open.map_or(0, |cursor| cursor.at);
    let lines = state.evidence();
    let top = (cursor + 1).saturating_sub(height);
    for (at, one) in lines.iter().enumerate().skip(top).take(height) {
        let row = Rect { y: area.y + (at - top) as u16, height: 1, ..area };
        if at == cursor && canvas.focused {
            canvas.frame.buffer_mut().set_style(row, theme.selected);
        }
        let (indent, style) = match one.kind {
            Kind::Title => (0, theme.strong),
            Kind::Alarm => (1, theme.fail),
            Kind::Rejected => (1, theme.warn),
            Kind::Heading => (0, theme.strong),
            Kind::Plain => (1, theme.text),
            Kind::Place => (1, theme.accent),
        };
        let lead = if at == cursor { "›" } else { " " };
        let text = format!("{lead}{}{}", " ".repeat(indent), one_line(&one.text));
        canvas.frame.render_widget(Line::styled(truncate(&text, usize::from(area.width)), style), row);
    }
}

/// What the marks mean, the most needed first.
const LEGEND: [&str; 7] = [
    "! alarm",
    "= both move alike",
    "R! reference alone",
    "≠! both, apart",
    "x rejected",
    "· neither moves",
    "R✗ P✗ refused",
];

fn below(canvas: &mut Canvas<'_, '_>, state: &State) {
    let theme = canvas.theme;
    let lead = |what: &Typing| match what {
        Typing::Search => " /".to_string(),
        Typing::Reason(key) => format!(" why may the port ignore {}: ", one_line(key)),
    };
    let about = match (&state.failed, state.entry()) {
        (Some(report), _) => (report.to_string(), theme.fail),
        (None, Some(entry)) => (about(state, entry), theme.text),
        (None, None) => (state.ledger.known.join(" · "), theme.text),
    };
    let typed = state.typing.as_ref().map(|typed| (lead(&typed.what), &typed.editor));
    foot::draw(
        canvas,
        &Foot { typed, legend: foot::legend(&LEGEND, usize::from(canvas.area.width)), about, spill: false },
    );
}

/// Says about the key under the cursor what the table has no room for.
fn about(state: &State, entry: &Entry) -> String {
    let worst = ["value", "null", "absent"].into_iter().filter_map(|kind| entry.worst(kind));
    let mut parts = vec![entry.path.clone()];
    parts.extend(entry.alarm.map(|alarm| alarm.text().to_string()));
    parts.extend(entry.rejected.as_ref().map(|rejected| format!("rejected: {}", rejected.reason)));
    parts.extend(worst.take(1).map(Move::words));
    if entry.moves.is_empty() {
        parts.push(entry.untried.as_ref().map_or_else(
            || state.ledger.known.get(2).cloned().unwrap_or_default(),
            |why| format!("not tried: {why}"),
        ));
    }
    parts.join(" · ")
}
