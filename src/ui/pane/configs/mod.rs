//! Draws the pane of [`crate::app::pane::configs`]: the line of tabs, and the layer that is shown.

mod discover;
mod foot;
mod ledger;
mod matrix;

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::app::State as App;
use crate::app::pane::configs::{Layer, State, TABS};
use crate::ui::Canvas;

/// What drawing keeps between frames: nothing, each layer is drawn from its state.
#[derive(Debug, Default)]
pub struct View {}

/// Gives the words beside the title.
pub fn subtitle(state: &App) -> String {
    let pane = &state.panes.configs;
    let words = match pane.layer {
        Layer::Matrix => matrix::subtitle(&pane.matrix),
        Layer::Ledger => ledger::subtitle(&pane.ledger),
        Layer::Discover => discover::subtitle(&pane.discover),
    };
    let alarms = match pane.ledger.alarms() {
        0 => String::new(),
        1 => "1 alarm".into(),
        count => format!("{count} alarms"),
    };
    [words, alarms].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// Draws the pane.
pub fn draw(canvas: &mut Canvas<'_, '_>, state: &State, _view: &mut View) {
    let whole = canvas.area;
    tabs(canvas, state);
    canvas.area = Rect { y: whole.y + TABS, height: whole.height.saturating_sub(TABS), ..whole };
    if canvas.area.height > 0 {
        match state.layer {
            Layer::Matrix => matrix::draw(canvas, &state.matrix),
            Layer::Ledger => ledger::draw(canvas, &state.ledger),
            Layer::Discover => discover::draw(canvas, &state.discover),
        }
    }
    canvas.area = whole;
}

fn tabs(canvas: &mut Canvas<'_, '_>, state: &State) {
    let theme = canvas.theme;
    let tab = |(_, layer, text): (u16, Layer, String)| {
        let style = if layer == state.layer { theme.title_focus } else { theme.dim };
        Span::styled(text, style)
    };
    let line = Line::from(Layer::tabs().map(tab).collect::<Vec<_>>());
    canvas.frame.render_widget(line, Rect { height: 1, ..canvas.area });
}

#[cfg(test)]
mod tests;
