//! The approval: title, diff in a bounded, scrollable box, and the field in which the person says why not, edits, or writes a
//! rule.

pub mod diff;

pub use diff::lines as diff_lines;

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use crate::agent::data::policy::{Lasts, Rule};
use crate::app::pane::chat::{Judge, Mode, View};
use crate::theme::Theme;
use crate::ui::Canvas;
use crate::ui::widget::editor::{self, Focus};
use crate::util::text::{one_line, truncate};

/// From this width the three texts of a conflict, or the reference and the proposal, stand side by side.
const BESIDE: u16 = 140;

/// Gives how many rows the box takes of what is left: the whole diff if it fits in three fifths.
pub fn rows(judge: &Judge, left: Rect) -> u16 {
    let most = (left.height * 3 / 5).max(left.height.min(6));
    let above = 1 + usize::from(judge.conflict.is_some());
    let wanted = match judge.mode {
        Mode::Judging => judge.shown().len() + above,
        Mode::Reason => judge.shown().len() + above + 3,
        Mode::Rule => judge.shown().len() + above + 4,
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
    if let Some(conflict) = judge.conflict.as_ref().filter(|_| judge.mode != Mode::Aside) {
        let room = canvas.state.size.0;
        let zoom = if area.width < BESIDE && room > BESIDE { " · z: side by side" } else { "" };
        let words = truncate(&format!("! {}{zoom}", conflict.words()), usize::from(area.width));
        canvas.frame.render_widget(Line::styled(words, theme.warn), Rect { height: 1, ..left });
        left = Rect { y: left.y + 1, height: left.height - 1, ..left };
    }
    match judge.mode {
        Mode::Aside => {
            let words = "  Ctrl-T goes back to it";
            canvas.frame.render_widget(Line::styled(words, theme.dim), Rect { height: 1, ..left });
        }
        Mode::Editing => field(canvas, left, judge),
        Mode::Reason => {
            let below = part(&mut left, 3);
            changes(canvas, left, judge);
            let words = match judge.conflict {
                None => "Why not? The model reads it. Enter denies, Esc goes back",
                Some(_) => {
                    "Why not? The model reads it and your change of the file. Enter denies, Esc goes back"
                }
            };
            canvas.frame.render_widget(Line::styled(words, theme.dim), Rect { height: 1, ..below });
            field(canvas, Rect { y: below.y + 1, height: below.height.saturating_sub(1), ..below }, judge);
        }
        Mode::Rule => {
            let below = part(&mut left, 4);
            changes(canvas, left, judge);
            rule(canvas, below, judge);
        }
        Mode::Judging => changes(canvas, left, judge),
    }
}

/// Takes rows off the bottom.
fn part(left: &mut Rect, rows: u16) -> Rect {
    let rows = rows.min(left.height);
    left.height -= rows;
    Rect { y: left.y + left.height, height: rows, ..*left }
}

fn title(judge: &Judge, width: u16, theme: &Theme) -> Line<'static> {
    // Tools that count their changes do so in the title.
    let counted = judge.proposal.title.contains(" +") && judge.mode != Mode::Editing;
    let counts = match counted || !judge.proposal.scope.is_file() {
        true => String::new(),
        false => format!(" +{} −{} ", judge.added, judge.removed),
    };
    let (taken, all) = (judge.taken(), judge.hunks.len());
    let room = usize::from(width).saturating_sub(counts.width() + 3);
    let words = match (judge.mode, judge.view) {
        (Mode::Editing, _) => {
            format!("editing {}: Ctrl-S accepts your text, Esc goes back", judge.proposal.path)
        }
        (_, View::Reference) => {
            let name = judge.reference().map(|(name, _)| name.to_string()).unwrap_or_default();
            format!("the reference, {name}: t goes back")
        }
        (_, View::Yours) => format!("your change of {} since: t goes on", judge.proposal.path),
        (_, View::Proposal) if judge.conflict.is_some() => {
            format!("{}, as proposed: t goes back to both", judge.proposal.title)
        }
        (_, View::Merge) => format!("{}, on a file that you changed", judge.proposal.title),
        _ if !judge.proposal.scope.is_file() => format!("{}?", judge.proposal.title),
        _ if all == 1 => format!("{}: accept?", judge.proposal.title),
        _ => match judge.draft.as_ref().and_then(|draft| draft.near.as_ref()) {
            Some((near, _)) => {
                format!("{}: accept {taken} of {all} parts? against {near}.py", judge.proposal.title)
            }
            None => format!("{}: accept {taken} of {all} hunks?", judge.proposal.title),
        },
    };
    Line::from(vec![
        Span::styled("? ", theme.warn),
        Span::styled(truncate(&one_line(&words), room), theme.strong),
        Span::styled(counts, theme.hunk),
    ])
}

/// Draws the change: with the person's own one where there is one, else beside the reference, where there is room.
fn changes(canvas: &mut Canvas<'_, '_>, area: Rect, judge: &Judge) {
    let wide = area.width >= BESIDE;
    if let (Some(conflict), View::Merge, true) = (&judge.conflict, judge.view, wide) {
        return diff::three(canvas, area, &conflict.panels, judge);
    }
    let alone = judge.view != View::Proposal || judge.conflict.is_some() || !wide;
    let reference = if alone { None } else { judge.reference() };
    let Some((name, rows)) = reference else { return diff::draw(canvas, area, judge) };
    let other = (name, &rows[..]);
    let width = area.width / 2;
    diff::draw(canvas, Rect { width, ..area }, judge);
    let right = Rect { x: area.x + width + 1, width: area.width - width - 1, ..area };
    diff::beside(canvas, right, other, judge);
    for y in area.y..area.bottom() {
        canvas.frame.buffer_mut().set_string(area.x + width, y, "│", canvas.theme.border);
    }
}

fn rule(canvas: &mut Canvas<'_, '_>, area: Rect, judge: &Judge) {
    let theme = canvas.theme;
    let words = "By this rule its edits need not be asked for. Change it as you like; Esc goes back";
    let width = usize::from(area.width);
    canvas.frame.render_widget(Line::styled(truncate(words, width), theme.dim), Rect { height: 1, ..area });
    let below = match (&judge.wrong, Rule::parse(&judge.editor.text())) {
        (Some(wrong), _) => Line::styled(truncate(wrong, width), theme.fail),
        (None, Err(_)) => Line::styled("Not a rule yet", theme.warn),
        (None, Ok(rule)) => Line::styled(truncate(&ends(&rule), width), theme.dim),
    };
    if area.height > 2 {
        canvas.frame.render_widget(below, Rect { y: area.bottom() - 1, height: 1, ..area });
    }
    field(canvas, Rect { y: area.y + 1, height: area.height.saturating_sub(2).max(1), ..area }, judge);
}

/// Says how a rule ends.
pub fn ends(rule: &Rule) -> String {
    match rule.lasts {
        Lasts::Turn => "It ends when the model has answered.".into(),
        Lasts::Minutes { minutes } => {
            format!("It ends {minutes} minutes after you take it, or when you quit.")
        }
        Lasts::Run => "It ends when you quit.".into(),
        Lasts::Session => "It counts again when this session is resumed, until you revoke it.".into(),
    }
}

fn field(canvas: &mut Canvas<'_, '_>, area: Rect, judge: &Judge) {
    let wrapped = editor::wrap(&judge.editor, area.width);
    let focus = if canvas.focused { Focus::Here } else { Focus::Elsewhere };
    editor::draw(canvas.frame, area, &wrapped, canvas.theme.text, focus);
}
