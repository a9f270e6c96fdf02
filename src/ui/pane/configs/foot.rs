//! The two lines below a layer's table: what is said of the cursor's line, and what is typed or what the marks mean.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use unicode_width::UnicodeWidthStr;

use crate::app::editor::Editor;
use crate::ui::Canvas;
use crate::util::text::{one_line, truncate};

/// What stands below.
pub(super) struct Foot<'a> {
    /// What is being typed, after what asks for it.
    pub typed: Option<(String, &'a Editor)>,
    /// Stands where nothing is typed.
    pub legend: String,
    pub about: (String, Style),
    /// Whether a long text goes on in the line of the legend.
    pub spill: bool,
}

/// Draws both lines, where the pane is high enough.
pub(super) fn draw(canvas: &mut Canvas<'_, '_>, foot: &Foot<'_>) {
    let (area, theme) = (canvas.area, canvas.theme);
    if area.height < 4 {
        return;
    }
    let first = Rect { y: area.bottom() - 2, height: 1, ..area };
    let second = Rect { y: area.bottom() - 1, height: 1, ..area };
    let width = usize::from(area.width);
    match &foot.typed {
        Some((lead, editor)) => {
            let text = truncate(&format!("{lead}{}", one_line(&editor.text())), width.saturating_sub(1));
            let column = second.x + (lead.width() + editor.cursor().1).min(width.saturating_sub(1)) as u16;
            canvas.frame.render_widget(Line::styled(text, theme.text), second);
            if canvas.focused {
                canvas.frame.set_cursor_position((column, second.y));
            }
        }
        None => {
            let legend = Line::styled(truncate(&foot.legend, width), theme.dim);
            canvas.frame.render_widget(legend, second);
        }
    }
    let (text, style) = &foot.about;
    let text = one_line(text);
    let (head, rest) = match foot.spill && foot.typed.is_none() {
        true => in_two(&text, width.saturating_sub(2)),
        false => (text, String::new()),
    };
    canvas.frame.render_widget(Line::styled(truncate(&format!(" {head}"), width), *style), first);
    if !rest.is_empty() {
        let rest = format!(" {:<1$}", truncate(&rest, width.saturating_sub(2)), width.saturating_sub(1));
        canvas.frame.render_widget(Line::styled(rest, *style), second);
    }
}

/// Breaks a text that is too long for one line at a space; what comes after takes the line of the legend.
fn in_two(text: &str, width: usize) -> (String, String) {
    if text.width() <= width {
        return (text.to_string(), String::new());
    }
    let fits = text.char_indices().take_while(|(at, c)| text[..at + c.len_utf8()].width() <= width);
    let end = fits.last().map_or(0, |(at, c)| at + c.len_utf8());
    let end = text[..end].rfind(' ').filter(|at| *at > width / 2).unwrap_or(end);
    (text[..end].to_string(), text[end..].trim_start().to_string())
}

/// What the marks mean, as much as the width holds, the most needed first.
pub(super) fn legend(parts: &[&str], width: usize) -> String {
    let mut text = String::new();
    for part in parts {
        if text.width() + part.width() + 2 <= width {
            text.push_str(if text.is_empty() { " " } else { "  " });
            text.push_str(part);
        }
    }
    text
}
