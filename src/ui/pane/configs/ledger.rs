//! Draws [`crate::app::pane::configs::ledger`].

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::app::pane::configs::Readers;
use crate::app::pane::configs::ledger::State;
use crate::ui::Canvas;
use crate::ui::frame::empty;
use crate::util::text::{one_line, truncate};

/// Gives the words beside the title.
pub fn subtitle(state: &State) -> String {
    if state.rows.is_empty() { String::new() } else { format!("{} keys read", state.rows.len()) }
}

/// Draws the layer.
pub fn draw(canvas: &mut Canvas<'_, '_>, state: &State) {
    let (area, theme) = (canvas.area, canvas.theme);
    if state.rows.is_empty() {
        let lines = ["Who reads each key", "", "It fills when the reference's sources are open."];
        return empty(canvas.frame, area, &lines, theme.dim);
    }
    let height = usize::from(area.height);
    let top = (state.cursor + 1).saturating_sub(height);
    for (at, (key, readers)) in state.rows.iter().enumerate().skip(top).take(height) {
        let row = Rect { y: area.y + (at - top) as u16, height: 1, ..area };
        let (mark, style) = match readers {
            Readers::Both => ("RP ", theme.dim),
            Readers::Reference => ("R  ", theme.dim),
            Readers::ReferenceOnly => ("R! ", theme.fail),
            Readers::PortOnly => (" P ", theme.dim),
            Readers::Nobody | Readers::Unknown => ("   ", theme.dim),
        };
        let lead = if at == state.cursor { "› " } else { "  " };
        let key = truncate(&one_line(key), usize::from(area.width).saturating_sub(6));
        let spans =
            vec![Span::styled(lead, theme.accent), Span::styled(mark, style), Span::styled(key, theme.text)];
        canvas.frame.render_widget(Line::from(spans), row);
    }
}
