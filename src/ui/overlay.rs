//! Help and palette: one list, filtered by typing.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear};
use unicode_width::UnicodeWidthStr;

use crate::app::PaneId;
use crate::app::overlay::{Kind, Overlay};
use crate::theme::Theme;
use crate::util::text::truncate;

/// Gives a box in the middle of the screen, at most this large.
pub fn centred(screen: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(screen.width), height.min(screen.height));
    Rect::new(screen.x + (screen.width - width) / 2, screen.y + (screen.height - height) / 2, width, height)
}

/// Draws the open list.
pub fn draw(frame: &mut Frame<'_>, open: &Overlay, theme: &Theme) {
    let screen = frame.area();
    let area = centred(screen, 84, screen.height.saturating_sub(4).min(40));
    let title = match open.kind {
        Kind::Help => " Help · type to search · Enter does it · Esc closes ",
        Kind::Palette => " Palette · type to search · Enter does it · Esc closes ",
    };
    frame.render_widget(Clear, area);
    let block =
        Block::bordered().border_style(theme.border_focus).title(Span::styled(title, theme.title_focus));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    if inner.height < 2 {
        return;
    }
    let query = Line::from(vec![Span::styled("> ", theme.accent), Span::raw(open.query.clone())]);
    frame.render_widget(query, Rect { height: 1, ..inner });
    let column = inner.x + 2 + u16::try_from(open.query.width()).unwrap_or(0);
    frame.set_cursor_position((column.min(inner.right() - 1), inner.y));
    let list = Rect { y: inner.y + 1, height: inner.height - 1, ..inner };
    let rows = usize::from(list.height);
    let first = open.selected.saturating_sub(rows.saturating_sub(1));
    if open.rows.is_empty() {
        frame.render_widget(Line::styled("  nothing of that name", theme.dim), Rect { height: 1, ..list });
    }
    for (at, (pane, hint)) in open.rows.iter().enumerate().skip(first).take(rows) {
        let y = list.y + u16::try_from(at - first).unwrap_or(0);
        let style = if at == open.selected { theme.selected } else { theme.text };
        let place = pane.map_or("anywhere", PaneId::title);
        let width = usize::from(list.width);
        let key = format!(" {:<18}", truncate(&hint.key, 17));
        let text = format!("{:<32}", truncate(hint.text, 31));
        let rest = truncate(&format!("{place:<9} {}", hint.id), width.saturating_sub(52));
        let line = Line::from(vec![
            Span::styled(key, theme.accent.patch(style)),
            Span::styled(text, style),
            Span::styled(format!("{rest:<0$}", width.saturating_sub(51)), theme.dim.patch(style)),
        ]);
        frame.render_widget(line, Rect { y, height: 1, ..list });
    }
}
