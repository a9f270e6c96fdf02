//! What can be asked of the pane, and by which keys.

use crate::app::action::{Action as Any, Binding, row};

/// What its rows of the registry ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Send,
    NewLine,
    /// An older or newer message of the person into the composer.
    Older,
    Newer,
    /// Pastes that were folded are shown whole.
    Unfold,
    /// Takes the last queued message back into the composer.
    EditQueued,
    /// Moves the last queued message to the front.
    RaiseQueued,
    /// Sends the queue now, interrupting the model.
    Steer,
    /// Goes on now: skips a countdown, or resumes from a stop.
    Retry,
    PageUp,
    PageDown,
    Follow,
    /// Shows or folds what tools answered and the model thought.
    Details,
    /// Moves between composer and approval.
    Swap,
    Accept,
    Deny,
    EditProposal,
    DiffDown,
    DiffUp,
    /// Sends the reason, or accepts the edited text.
    Confirm,
    Indent,
    /// Manual provider: copies what is new, or everything.
    CopyRequest,
    CopyAll,
}

const fn bind(
    id: &'static str,
    text: &'static str,
    keys: &'static [&'static str],
    place: (&'static str, u8),
    action: Action,
) -> Binding {
    row(id, text, keys, place, Any::Chat(action))
}

/// Its rows of the registry.
pub const ACTIONS: &[Binding] = &[
    bind("chat.accept", "Accept", &["a"], ("approval", 1), Action::Accept),
    bind("chat.deny", "Deny with a reason", &["d"], ("approval", 2), Action::Deny),
    bind("chat.edit-proposal", "Edit first", &["e"], ("approval", 3), Action::EditProposal),
    bind("chat.diff-down", "Scroll the diff", &["j", "down"], ("approval", 4), Action::DiffDown),
    bind("chat.diff-up", "Scroll the diff up", &["k", "up"], ("approval", 0), Action::DiffUp),
    bind("chat.compose", "Write instead", &["i"], ("approval", 5), Action::Swap),
    bind("chat.to-approval", "Judge the edit", &["ctrl-t"], ("waiting-approval", 1), Action::Swap),
    bind("chat.confirm-reason", "Deny", &["enter"], ("reason", 1), Action::Confirm),
    bind("chat.confirm-edit", "Accept the edited text", &["ctrl-s"], ("editing", 1), Action::Confirm),
    bind("chat.indent", "Indent", &["tab"], ("editing", 0), Action::Indent),
    bind("chat.copy-request", "Copy the request", &["y"], ("manual", 1), Action::CopyRequest),
    bind("chat.copy-all", "Copy everything", &["Y"], ("manual", 2), Action::CopyAll),
    bind("chat.retry", "Go on", &["r"], ("resting", 1), Action::Retry),
    bind("chat.send", "Send", &["enter"], ("composer", 2), Action::Send),
    bind("chat.newline", "New line", &["alt-enter", "ctrl-j"], ("composer", 6), Action::NewLine),
    bind("chat.unfold", "Show the paste", &["ctrl-x"], ("folded", 3), Action::Unfold),
    bind("chat.older", "Earlier message", &["up"], ("first-line", 0), Action::Older),
    bind("chat.newer", "Later message", &["down"], ("last-line", 0), Action::Newer),
    bind("chat.edit-queued", "Edit the queue", &["alt-up"], ("queue", 3), Action::EditQueued),
    bind("chat.raise-queued", "Move up in the queue", &["alt-r"], ("queue", 0), Action::RaiseQueued),
    bind("chat.steer", "Send the queue now", &["alt-s"], ("queue", 4), Action::Steer),
    bind("chat.page-up", "Scroll up", &["pageup"], ("", 0), Action::PageUp),
    bind("chat.page-down", "Scroll down", &["pagedown"], ("", 0), Action::PageDown),
    bind("chat.follow", "To the end", &["ctrl-end"], ("", 0), Action::Follow),
    bind("chat.details", "Tool outputs", &["ctrl-o"], ("", 7), Action::Details),
];
