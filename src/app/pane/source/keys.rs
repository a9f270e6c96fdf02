//! What can be asked of the pane, and by which keys.

use super::Half;
use crate::app::action::{self, Binding, row};

/// What its rows of the registry ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Moves the cursor by lines.
    Move(i32),
    HalfPage(i32),
    Page(i32),
    Top,
    Bottom,
    /// Scrolls sideways by columns.
    Sideways(i32),
    Switch(Half),
    Pair,
    Outline,
    Jump,
    Files,
    Search,
    Next,
    Previous,
    Follow,
    Divergence,
    /// Shows or hides who wrote each line of the port.
    Writers,
    Edit,
    Back,
    /// Takes the chosen row, or follows what the line names.
    Enter,
}

/// A row of this pane.
const fn own(
    id: &'static str,
    text: &'static str,
    keys: &'static [&'static str],
    hint: u8,
    act: Action,
) -> Binding {
    row(id, text, keys, ("", hint), action::Action::Source(act))
}

/// Its rows of the registry.
pub const ACTIONS: &[Binding] = &[
    own("source.down", "Line down", &["j", "down"], 0, Action::Move(1)),
    own("source.up", "Line up", &["k", "up"], 0, Action::Move(-1)),
    own("source.half-down", "Half a page down", &["ctrl-d"], 0, Action::HalfPage(1)),
    own("source.half-up", "Half a page up", &["ctrl-u"], 0, Action::HalfPage(-1)),
    own("source.page-down", "Page down", &["pagedown", "space"], 0, Action::Page(1)),
    own("source.page-up", "Page up", &["pageup"], 0, Action::Page(-1)),
    own("source.top", "First line", &["g", "home"], 0, Action::Top),
    own("source.bottom", "Last line", &["G", "end"], 0, Action::Bottom),
    own("source.right", "Scroll right", &[">"], 0, Action::Sideways(8)),
    own("source.left", "Scroll left", &["<"], 0, Action::Sideways(-8)),
    own("source.reference", "Go to the reference", &["h", "left"], 0, Action::Switch(Half::Reference)),
    own("source.port", "Go to the port", &["l", "right"], 2, Action::Switch(Half::Port)),
    own("source.pair", "Go to the counterpart", &["p"], 3, Action::Pair),
    own("source.divergence", "Go to the divergence", &["d"], 1, Action::Divergence),
    own("source.jump", "Jump to a symbol", &["s"], 5, Action::Jump),
    own("source.outline", "Outline", &["o"], 4, Action::Outline),
    own("source.files", "Reference files and nearest ports", &["b"], 6, Action::Files),
    own("source.search", "Search", &["/"], 7, Action::Search),
    own("source.next", "Next match", &["n"], 0, Action::Next),
    own("source.previous", "Previous match", &["N"], 0, Action::Previous),
    own("source.follow", "Follow the pair on and off", &["f"], 0, Action::Follow),
    own("source.writers", "Who wrote each line", &["w"], 9, Action::Writers),
    own("source.edit", "Open in $EDITOR", &["e"], 8, Action::Edit),
    own("source.back", "Back", &["ctrl-o"], 0, Action::Back),
    own("source.enter", "Take, or follow what the line names", &["enter"], 0, Action::Enter),
];
