//! PURE. State to frame. Reads `app`, never changes it; what drawing derives (wrap caches, scroll limits) lives in the
//! [`ViewCache`] that `runtime` owns and lends.
//!
//! How a pane is drawn: `ui/pane/x.rs` has `View` (its part of the cache) and `draw(&mut Canvas, &State, &mut View)`. The
//! border, title and tab are drawn here; a pane gets only the cells inside.

pub mod frame;
pub mod models;
pub mod overlay;
pub mod pane;
mod rewind;
pub mod setup;
pub mod widget;

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::app::layout::Area;
use crate::app::{PaneId, State};
use crate::theme::Theme;

/// What drawing derives and keeps between frames.
#[derive(Debug, Default)]
pub struct ViewCache {
    pub chat: pane::chat::View,
    pub source: pane::source::View,
    pub harness: pane::harness::View,
    pub configs: pane::configs::View,
    pub pr: pane::pr::View,
}

/// Where a pane draws: its cells, the theme, and what it needs to know of the whole.
pub struct Canvas<'a, 'b> {
    pub frame: &'a mut Frame<'b>,
    /// The cells inside the pane's border.
    pub area: Rect,
    pub theme: &'a Theme,
    pub state: &'a State,
    pub focused: bool,
}

/// Draws the whole screen.
pub fn draw(frame: &mut Frame<'_>, state: &State, view: &mut ViewCache, theme: &Theme) {
    let Some(layout) = &state.layout else {
        return frame::too_small(frame, theme);
    };
    frame::status(frame, rect(layout.status), state, theme);
    if let Some(tabs) = layout.tabs {
        frame::tabs(frame, rect(tabs), state, theme);
    }
    for (pane, _) in &layout.panes {
        frame::border(frame, layout, (*pane, state.focus), (state, theme));
        let Some(area) = layout.inner(*pane) else { continue };
        if area.width == 0 || area.height == 0 {
            continue;
        }
        let above = state.overlay.is_some() || state.models.shown || state.rewind.is_open();
        let focused = *pane == state.focus && !above;
        let mut canvas = Canvas { frame, area: rect(area), theme, state, focused };
        match pane {
            PaneId::Chat => pane::chat::draw(&mut canvas, &state.panes.chat, &mut view.chat),
            PaneId::Source => pane::source::draw(&mut canvas, &state.panes.source, &mut view.source),
            PaneId::Harness => pane::harness::draw(&mut canvas, &state.panes.harness, &mut view.harness),
            PaneId::Configs => pane::configs::draw(&mut canvas, &state.panes.configs, &mut view.configs),
            PaneId::Pr => pane::pr::draw(&mut canvas, &state.panes.pr, &mut view.pr),
        }
    }
    frame::hints(frame, rect(layout.hints), state, theme);
    if state.rewind.is_open() {
        rewind::draw(frame, state, theme);
    }
    if state.setup.shown {
        setup::draw(frame, state, theme);
    }
    if state.models.shown {
        models::draw(frame, &state.models, theme);
    }
    if let Some(open) = &state.overlay {
        overlay::draw(frame, open, theme);
    }
}

/// Turns the program's area into ratatui's.
pub fn rect(area: Area) -> Rect {
    Rect::new(area.x, area.y, area.width, area.height)
}
