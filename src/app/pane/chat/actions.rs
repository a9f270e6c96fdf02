//! What can be asked of the pane, and by which keys.

use super::judge::DiffMove;
use crate::agent::approval::merge::Side;
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
    /// Moves in the diff of the approval.
    Diff(DiffMove),
    /// Opens the text in the person's own editor.
    EditOutside,
    ToggleHunk,
    /// Shows the person's own change since the proposal, and back.
    Yours,
    /// Fits the proposal onto the file as it is; what is not decided stays the person's.
    Rebase,
    /// Keeps the person's lines where both changed the file, or takes the model's.
    TakeSide(Side),
    /// Writes a rule by which edits of the file need not be asked for.
    Rule,
    NextEnding,
    /// The next of ask, auto-edit, read-only.
    NextMode,
    /// The list of rules, the list of written edits.
    Rules,
    Edits,
    LayerDown,
    LayerUp,
    /// Revokes the rule, takes back the edit.
    LayerAct,
    LayerClose,
    /// Sends the reason, or accepts the edited text.
    Confirm,
    Indent,
    /// Manual provider: copies what is new, or everything.
    CopyRequest,
    CopyAll,
    /// Shows what takes the room in the context.
    Context,
    /// Condenses the conversation.
    Compact,
    /// The person says in their own words what the architecture does, or goes on without.
    Understood,
    Waive,
    /// A fresh context reads the diff and lists doubts.
    SecondReader,
    /// Writes the session as a document.
    Export,
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
    bind("chat.accept", "Accept", &["a", "A"], ("approval", 2), Action::Accept),
    bind("chat.deny", "Deny with a reason", &["d"], ("approval", 4), Action::Deny),
    bind("chat.edit-proposal", "Edit first", &["e"], ("approval", 5), Action::EditProposal),
    bind("chat.edit-outside", "Edit in $EDITOR", &["E"], ("approval", 0), Action::EditOutside),
    bind("chat.edit-on-outside", "Go on in $EDITOR", &["alt-e"], ("editing", 2), Action::EditOutside),
    bind("chat.toggle-hunk", "Hunk in or out", &["space"], ("approval", 3), Action::ToggleHunk),
    bind("chat.rule", "Allow by a rule", &["r"], ("approval", 6), Action::Rule),
    bind("chat.next-hunk", "Next hunk", &["n", "]"], ("approval", 7), Action::Diff(DiffMove::Hunk(1))),
    bind(
        "chat.previous-hunk",
        "Previous hunk",
        &["p", "["],
        ("approval", 0),
        Action::Diff(DiffMove::Hunk(-1)),
    ),
    bind(
        "chat.diff-down",
        "Down in the diff",
        &["j", "down"],
        ("approval", 0),
        Action::Diff(DiffMove::Row(1)),
    ),
    bind("chat.diff-up", "Up in the diff", &["k", "up"], ("approval", 0), Action::Diff(DiffMove::Row(-1))),
    bind(
        "chat.diff-page-down",
        "Page down in the diff",
        &["pagedown"],
        ("approval", 0),
        Action::Diff(DiffMove::Page(1)),
    ),
    bind(
        "chat.diff-page-up",
        "Page up in the diff",
        &["pageup"],
        ("approval", 0),
        Action::Diff(DiffMove::Page(-1)),
    ),
    bind(
        "chat.diff-right",
        "Right in the diff",
        &["l", "right"],
        ("approval", 0),
        Action::Diff(DiffMove::Sideways(8)),
    ),
    bind(
        "chat.diff-left",
        "Left in the diff",
        &["h", "left"],
        ("approval", 0),
        Action::Diff(DiffMove::Sideways(-8)),
    ),
    bind("chat.keep-mine", "Yours here", &["m"], ("conflict", 1), Action::TakeSide(Side::Yours)),
    bind("chat.take-models", "Model's here", &["x"], ("conflict", 1), Action::TakeSide(Side::Models)),
    bind("chat.other-side", "The other side", &["space"], ("conflict", 2), Action::ToggleHunk),
    bind("chat.yours", "One side alone", &["t"], ("conflict", 5), Action::Yours),
    bind("chat.reference", "Reference of the class", &["t"], ("approval", 0), Action::Yours),
    bind("chat.rebase", "Yours wherever it is open", &["R"], ("conflict", 6), Action::Rebase),
    bind("chat.compose", "Write instead", &["i"], ("approval", 8), Action::Swap),
    bind("chat.to-approval", "Judge the edit", &["ctrl-t"], ("waiting-approval", 1), Action::Swap),
    bind("chat.confirm-reason", "Deny", &["enter"], ("reason", 1), Action::Confirm),
    bind("chat.confirm-edit", "Accept the edited text", &["ctrl-s"], ("editing", 1), Action::Confirm),
    bind("chat.confirm-rule", "Take the rule, accept", &["enter"], ("rule", 1), Action::Confirm),
    bind("chat.next-ending", "Another ending", &["tab"], ("rule", 2), Action::NextEnding),
    bind("chat.layer-down", "Down", &["j", "down"], ("layer", 0), Action::LayerDown),
    bind("chat.layer-up", "Up", &["k", "up"], ("layer", 0), Action::LayerUp),
    bind("chat.revoke", "Revoke the rule", &["d", "delete"], ("rules", 1), Action::LayerAct),
    bind("chat.take-back", "Take the edit back", &["u", "enter"], ("edits", 1), Action::LayerAct),
    bind("chat.layer-close", "Close", &["q"], ("layer", 2), Action::LayerClose),
    bind("chat.indent", "Indent", &["tab"], ("editing", 0), Action::Indent),
    bind("chat.copy-request", "Copy the request", &["y"], ("manual", 1), Action::CopyRequest),
    bind("chat.copy-all", "Copy everything", &["Y"], ("manual", 2), Action::CopyAll),
    bind("chat.use-summary", "Use the summary", &["a"], ("summary", 1), Action::Accept),
    bind("chat.edit-summary", "Edit it first", &["e"], ("summary", 2), Action::EditProposal),
    bind("chat.drop-summary", "Drop it", &["d"], ("summary", 3), Action::Deny),
    bind("chat.summary-down", "Scroll the summary", &["j", "down"], ("summary", 4), Action::LayerDown),
    bind("chat.summary-up", "Scroll the summary up", &["k", "up"], ("summary", 0), Action::LayerUp),
    bind("chat.write-aside", "Write instead", &["i"], ("summary", 5), Action::Swap),
    bind("chat.to-summary", "Judge the summary", &["ctrl-t"], ("waiting-summary", 1), Action::Swap),
    bind(
        "chat.confirm-summary",
        "Use the edited summary",
        &["ctrl-s"],
        ("summary-editing", 1),
        Action::Confirm,
    ),
    bind("chat.sheet-down", "Scroll", &["j", "down"], ("sheet", 1), Action::LayerDown),
    bind("chat.sheet-up", "Scroll up", &["k", "up"], ("sheet", 2), Action::LayerUp),
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
    bind("chat.mode", "Edits: ask, auto-edit, read-only", &["alt-m"], ("", 8), Action::NextMode),
    bind("chat.rules", "Rules for edits: list, revoke", &[], ("", 0), Action::Rules),
    bind("chat.edits", "Written edits: list, take back", &[], ("", 0), Action::Edits),
    bind("chat.details", "Tool outputs", &["ctrl-o"], ("", 7), Action::Details),
    bind("chat.context", "What fills the context", &["alt-c"], ("", 0), Action::Context),
    bind("chat.compact", "Condense the conversation", &[], ("", 0), Action::Compact),
    bind("chat.second-reader", "Ask a second reader", &[], ("", 0), Action::SecondReader),
    bind("chat.export", "Write the session as a document", &[], ("", 0), Action::Export),
    bind("chat.understood", "Say what the architecture does", &[], ("", 0), Action::Understood),
    bind("chat.waive", "Let edits be proposed without it", &[], ("", 0), Action::Waive),
];
