//! Draws the pane of [`crate::app::pane::source`].

use crate::app::State as App;
use crate::app::pane::source::State;
use crate::ui::Canvas;

/// What drawing keeps between frames.
#[derive(Debug, Default)]
pub struct View {}

/// Gives the words beside the title.
pub fn subtitle(_state: &App) -> String {
    String::new()
}

/// Draws the pane.
pub fn draw(canvas: &mut Canvas<'_, '_>, _state: &State, _view: &mut View) {
    crate::ui::frame::empty(canvas.frame, canvas.area, &["Nothing here yet."], canvas.theme.dim);
}
