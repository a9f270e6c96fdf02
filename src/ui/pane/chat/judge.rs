//! The approval: title, diff in a bounded, scrollable box, and the field in which the person says why not or edits.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use crate::app::pane::chat::{DiffKind, DiffRow, Emphasis, Judge, Mode};
use crate::theme::Theme;
use crate::ui::Canvas;
use crate::ui::widget::editor::{self, Focus};
use crate::util::text::{neutralise, one_line, truncate};

/// Gives how many rows the box takes of what is left: the whole diff if it fits in three fifths.
pub fn rows(judge: &Judge, left: Rect) -> u16 {
    let most = (left.height * 3 / 5).max(left.height.min(6));
    let wanted = match judge.mode {
        Mode::Judging => judge.rows.len() + 1,
        Mode::Reason => judge.rows.len() + 4,
        Mode::Editing => usize::from(u16::MAX),
        Mode::Aside => 2,
    };
    u16::try_from(wanted).unwrap_or(u16::MAX).min(most)
}

/// Draws the box.
pub fn draw(canvas: &mut Canvas<'_, '_>, area: Rect, judge: &Judge) {
    if area.height < 2 {
        return;
    }
    let theme = canvas.theme;
    canvas.frame.render_widget(title(judge, area.width, theme), Rect { height: 1, ..area });
    let mut left = Rect { y: area.y + 1, height: area.height - 1, ..area };
    match judge.mode {
        Mode::Aside => {
            let words = "  Ctrl-T goes back to it";
            canvas.frame.render_widget(Line::styled(words, theme.dim), Rect { height: 1, ..left });
        }
        Mode::Editing => field(canvas, left, judge),
        Mode::Reason => {
            let rows = left.height.min(3);
            left.height -= rows;
            diff(canvas, left, judge);
            let below = Rect { y: left.y + left.height, height: rows, ..left };
            let words = "Why not? The model reads it. Enter denies, Esc goes back";
            canvas.frame.render_widget(Line::styled(words, theme.dim), Rect { height: 1, ..below });
            field(canvas, Rect { y: below.y + 1, height: rows - 1, ..below }, judge);
        }
        Mode::Judging => diff(canvas, left, judge),
    }
}

fn title(judge: &Judge, width: u16, theme: &Theme) -> Line<'static> {
    // Tools that count their changes do so in the title.
    let counts = match judge.proposal.title.contains(" +") && judge.mode != Mode::Editing {
        true => String::new(),
        false => format!(" +{} −{} ", judge.added, judge.removed),
    };
    let room = usize::from(width).saturating_sub(counts.width() + 3);
    let words = match judge.mode {
        Mode::Editing => format!("editing {}: Ctrl-S accepts your text, Esc goes back", judge.proposal.path),
        Mode::Judging | Mode::Reason | Mode::Aside => format!("{}: accept?", judge.proposal.title),
    };
    Line::from(vec![
        Span::styled("? ", theme.warn),
        Span::styled(truncate(&one_line(&words), room), theme.strong),
        Span::styled(counts, theme.hunk),
    ])
}

fn diff(canvas: &mut Canvas<'_, '_>, area: Rect, judge: &Judge) {
    let height = usize::from(area.height);
    if height == 0 {
        return;
    }
    let hidden = judge.rows.len() > height;
    let shown = if hidden { height - 1 } else { height };
    let first = judge.scroll.min(judge.rows.len().saturating_sub(shown));
    for (at, row) in judge.rows.iter().skip(first).take(shown).enumerate() {
        let y = area.y + u16::try_from(at).unwrap_or(0);
        let line = diff_row(row, area.width, canvas.theme);
        canvas.frame.render_widget(line, Rect { y, height: 1, ..area });
    }
    if hidden {
        let last = (first + shown).min(judge.rows.len());
        let words = format!("  rows {}–{last} of {}", first + 1, judge.rows.len());
        let y = area.y + area.height - 1;
        canvas.frame.render_widget(Line::styled(words, canvas.theme.dim), Rect { y, height: 1, ..area });
    }
}

fn diff_row(row: &DiffRow, width: u16, theme: &Theme) -> Line<'static> {
    let (sign, plain, changed) = match row.kind {
        DiffKind::Same => (' ', theme.text, theme.text),
        DiffKind::Added => ('+', theme.add, theme.add_word),
        DiffKind::Removed => ('-', theme.del, theme.del_word),
        DiffKind::Gap => ('⋯', theme.hunk, theme.hunk),
    };
    let number = if row.number > 0 { format!("{:>4} ", row.number) } else { "     ".into() };
    let mut spans = vec![Span::styled(number, theme.gutter), Span::styled(format!("{sign} "), plain)];
    let mut room = usize::from(width).saturating_sub(7);
    for (emphasis, text) in &row.parts {
        let style = if *emphasis == Emphasis::Changed { changed } else { plain };
        let text = truncate(&neutralise(text), room);
        room = room.saturating_sub(text.width());
        spans.push(Span::styled(text, style));
    }
    Line::from(spans)
}

fn field(canvas: &mut Canvas<'_, '_>, area: Rect, judge: &Judge) {
    let wrapped = editor::wrap(&judge.editor, area.width);
    let focus = if canvas.focused { Focus::Here } else { Focus::Elsewhere };
    editor::draw(canvas.frame, area, &wrapped, canvas.theme.text, focus);
}
