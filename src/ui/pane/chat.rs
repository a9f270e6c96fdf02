//! Draws the pane of [`crate::app::pane::chat`]: transcript, approval, queue, status, composer, from top to bottom. Cost
//! depends on the rows in view: rows of finished items are kept, a streamed message renders its last block alone.

mod bottom;
mod digest;
mod growing;
mod item;
mod judge;
mod layer;
mod transcript;

#[cfg(test)]
pub(super) mod tests;

use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::app::State as App;
use crate::app::pane::chat::{Mode, Provider, Reading, State};
use crate::ui::Canvas;
use crate::util::text::truncate;

pub use judge::diff::plain_row;
pub use transcript::View;

/// Gives the words beside the title.
pub fn subtitle(state: &App) -> String {
    let model = &state.facts.model.model;
    let who = match (&state.facts.demo, state.panes.chat.provider()) {
        (Some(_), _) => "recorded session".into(),
        (None, Provider::Manual) => "manual provider".into(),
        (None, Provider::Endpoint) => model.clone(),
    };
    let mode = format!("edits: {}", state.panes.chat.machine.policy().mode.name());
    if who.is_empty() { mode } else { format!("{mode} · {who}") }
}

/// Draws the pane.
pub fn draw(canvas: &mut Canvas<'_, '_>, state: &State, view: &mut View) {
    let mut left = canvas.area;
    if canvas.state.facts.demo.is_some() && left.height > 12 {
        let words = "Recorded words and acts; tools, checks and files are real.";
        let words = truncate(words, usize::from(left.width));
        canvas.frame.render_widget(Line::styled(words, canvas.theme.warn), top(&mut left, 1));
    }
    let judging = matches!(state.judge.as_ref().map(|judge| judge.mode), Some(mode) if mode != Mode::Aside);
    let reading = state.digest.as_ref().is_some_and(|digest| digest.mode != Reading::Aside);
    let composing = !judging && !reading && state.sheet.is_none();
    if composing {
        let rows = bottom::composer_rows(state, left);
        let area = bottom_of(&mut left, rows);
        bottom::composer(canvas, area, state);
    }
    let status = bottom_of(&mut left, 1);
    if let Some(judge) = &state.judge {
        let rows = judge::rows(judge, left);
        let area = bottom_of(&mut left, rows);
        judge::draw(canvas, area, judge);
    }
    if let (Some(waits), None) = (&state.digest, &state.sheet) {
        let rows = digest::digest_rows(waits, left, canvas.theme);
        let area = bottom_of(&mut left, rows);
        digest::digest(canvas, area, waits);
    }
    let queue = bottom_of(&mut left, bottom::queue_rows(state));
    bottom::queue(canvas, queue, state);
    let manual = bottom_of(&mut left, bottom::manual_rows(state));
    bottom::manual(canvas, manual, state);
    if let Some(sheet) = &state.sheet {
        digest::sheet(canvas, left, sheet);
        return bottom::status(canvas, status, state, transcript::Below::Nothing);
    }
    let below = transcript::draw(canvas, left, state, view);
    bottom::status(canvas, status, state, below);
    if let Some(layer) = state.layer {
        layer::draw(canvas, state, layer);
    }
}

fn top(left: &mut Rect, rows: u16) -> Rect {
    let rows = rows.min(left.height);
    let area = Rect { height: rows, ..*left };
    left.y += rows;
    left.height -= rows;
    area
}

fn bottom_of(left: &mut Rect, rows: u16) -> Rect {
    let rows = rows.min(left.height);
    left.height -= rows;
    Rect { y: left.y + left.height, height: rows, ..*left }
}
