//! The layers of this pane: a summary that waits for the person, in a bounded, scrollable box, and the sheet of what fills the
//! context, in place of the transcript.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use crate::agent::data::fact_line;
use crate::app::pane::chat::{Digest, Part, Reading, Sheet, Why};
use crate::theme::Theme;
use crate::ui::Canvas;
use crate::ui::widget::editor::{self, Focus};
use crate::ui::widget::wrap::{Indent, wrap};
use crate::util::text::{neutralise, one_line, truncate};

/// Cells of a bar.
const BAR: usize = 12;

/// Gives how many rows the summary's box takes of what is left.
pub fn digest_rows(digest: &Digest, left: Rect, theme: &Theme) -> u16 {
    let most = (left.height * 3 / 5).max(left.height.min(6));
    let wanted = match digest.mode {
        Reading::Aside => 2,
        Reading::Judging => text(digest, left.width, theme).len() + 1,
        Reading::Editing => usize::from(u16::MAX),
    };
    u16::try_from(wanted).unwrap_or(u16::MAX).min(most)
}

/// Draws the summary's box.
pub fn digest(canvas: &mut Canvas<'_, '_>, area: Rect, digest: &Digest) {
    if area.height < 2 {
        return;
    }
    let theme = canvas.theme;
    canvas.frame.render_widget(title(digest, area.width, theme), Rect { height: 1, ..area });
    let left = Rect { y: area.y + 1, height: area.height - 1, ..area };
    match digest.mode {
        Reading::Aside => {
            let words = Line::styled("  Ctrl-T goes back to it", theme.dim);
            canvas.frame.render_widget(words, Rect { height: 1, ..left });
        }
        Reading::Editing => {
            let wrapped = editor::wrap(&digest.editor, left.width);
            let focus = if canvas.focused { Focus::Here } else { Focus::Elsewhere };
            editor::draw(canvas.frame, left, &wrapped, theme.text, focus);
        }
        Reading::Judging => rows(canvas, left, &text(digest, left.width, theme), digest.scroll),
    }
}

fn title(digest: &Digest, width: u16, theme: &Theme) -> Line<'static> {
    let why = match digest.why {
        Why::Asked => "",
        Why::Full => "Context nearly full: ",
        Why::Overflow => "Request too long: ",
    };
    let words = match digest.mode {
        Reading::Editing => "editing the summary: Ctrl-S uses your text, Esc goes back".to_string(),
        Reading::Judging | Reading::Aside => {
            let tokens = digest.summary.len() / 4;
            let from = count(digest.tokens);
            format!("{why}let {tokens} tokens stand for {} messages ({from})?", digest.upto)
        }
    };
    let room = usize::from(width).saturating_sub(3);
    Line::from(vec![Span::styled("? ", theme.warn), Span::styled(truncate(&words, room), theme.strong)])
}

fn text(digest: &Digest, width: u16, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = wrap(&[(neutralise(digest.summary.trim()), theme.text)], width, &Indent::default());
    lines.push(Line::default());
    let head = "Kept word for word beside it; the messages themselves stay here and in the log:";
    lines.extend(wrap(&[(head.into(), theme.dim)], width, &Indent::default()));
    for pin in &digest.pinned {
        lines.extend(wrap(&[(neutralise(&fact_line(pin)), theme.dim)], width, &Indent::default()));
    }
    lines
}

fn rows(canvas: &mut Canvas<'_, '_>, area: Rect, lines: &[Line<'static>], scroll: usize) {
    let height = usize::from(area.height);
    let hidden = lines.len() > height;
    let shown = if hidden { height.saturating_sub(1) } else { height };
    let first = scroll.min(lines.len().saturating_sub(shown));
    for (at, line) in lines.iter().skip(first).take(shown).enumerate() {
        let y = area.y + u16::try_from(at).unwrap_or(0);
        canvas.frame.render_widget(line, Rect { y, height: 1, ..area });
    }
    if hidden && height > 0 {
        let last = (first + shown).min(lines.len());
        let words = format!("  rows {}–{last} of {} · j k scroll", first + 1, lines.len());
        let y = area.y + area.height - 1;
        canvas.frame.render_widget(Line::styled(words, canvas.theme.dim), Rect { y, height: 1, ..area });
    }
}

/// Draws what fills the context.
pub fn sheet(canvas: &mut Canvas<'_, '_>, area: Rect, sheet: &Sheet) {
    let theme = canvas.theme;
    let total: u64 = sheet.parts.iter().map(|part| part.tokens).sum::<u64>().max(1);
    let mut lines = vec![Line::from(vec![
        Span::styled("Context", theme.strong),
        Span::styled(format!(" · {} · Esc closes", used(sheet)), theme.dim),
    ])];
    lines.extend(wrap(&[(promise(sheet), theme.dim)], area.width, &Indent::default()));
    lines.push(Line::default());
    for part in &sheet.parts {
        lines.push(row(part, total, area.width, (0, theme.text, theme)));
        lines.extend(part.inner.iter().map(|inner| row(inner, total, area.width, (2, theme.dim, theme))));
    }
    rows(canvas, area, &lines, sheet.scroll);
}

fn used(sheet: &Sheet) -> String {
    let meter = &sheet.meter;
    let used = format!("{} tokens, {}", count(meter.tokens), meter.source.name());
    match (meter.limit, meter.percent()) {
        (Some(limit), Some(percent)) => format!("{used}, {percent} % of {}", count(limit)),
        _ => format!("{used}; no limit is known"),
    }
}

fn promise(sheet: &Sheet) -> String {
    let parts = "Parts are estimated: a quarter of their bytes.";
    match sheet.meter.limit {
        Some(_) => format!(
            "{parts} At {} % a summary is made and shown to you; /compact makes one now.",
            sheet.threshold
        ),
        None => format!("{parts} /compact makes a summary; a profile's `context` names the limit."),
    }
}

fn row(part: &Part, total: u64, width: u16, (indent, style, theme): (usize, Style, &Theme)) -> Line<'static> {
    let filled = usize::try_from((part.tokens * BAR as u64).div_ceil(total)).unwrap_or(0).min(BAR);
    let bar = match indent {
        0 => format!("{}{} ", "█".repeat(filled), "·".repeat(BAR - filled)),
        _ => " ".repeat(BAR + 1),
    };
    let tokens = format!("{:>6}  ", count(part.tokens));
    let room = usize::from(width).saturating_sub(bar.width() + tokens.width() + indent);
    let name = truncate(&one_line(&part.name), room);
    let left = room.saturating_sub(name.width() + 3);
    let mut spans = vec![
        Span::styled(bar, theme.accent),
        Span::styled(tokens, style),
        Span::styled(format!("{}{name}", " ".repeat(indent)), style),
    ];
    if !part.note.is_empty() && left > 6 {
        spans.push(Span::styled(format!(" · {}", truncate(&one_line(&part.note), left)), theme.dim));
    }
    Line::from(spans)
}

/// Writes a count of tokens: `812`, `3.4k`, `128k`.
fn count(tokens: u64) -> String {
    match tokens {
        0..1000 => tokens.to_string(),
        1000..10_000 => format!("{}.{}k", tokens / 1000, tokens % 1000 / 100),
        _ => format!("{}k", tokens / 1000),
    }
}

#[cfg(test)]
mod tests;
