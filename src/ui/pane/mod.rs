//! How each pane is drawn; mirrors `app/pane`.

pub mod chat;
pub mod configs;
pub mod harness;
pub mod pr;
pub mod source;

use crate::app::{PaneId, State};

/// Gives the words beside a pane's title.
pub fn subtitle(pane: PaneId, state: &State) -> String {
    match pane {
        PaneId::Chat => chat::subtitle(state),
        PaneId::Source => source::subtitle(state),
        PaneId::Harness => harness::subtitle(state),
        PaneId::Configs => configs::subtitle(state),
        PaneId::Pr => pr::subtitle(state),
    }
}
