//! What can be asked of the layer, and by which keys.

use super::super::Action as PaneAction;
use super::super::list::Go;
use crate::app::action::{self, Binding, row};

/// What its rows of the registry ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Go(Go),
    /// Opens the evidence of a key; in it, goes to the line under the cursor.
    Enter,
    /// Rejects an alarm with a reason, or takes the rejection back.
    Reject,
    /// Shows only the alarms, or all.
    Alarms,
    /// Runs the check that changes every key.
    Check,
    Search,
    Next,
    Previous,
    Reload,
}

const fn own(
    id: &'static str,
    text: &'static str,
    keys: &'static [&'static str],
    hint: u8,
    act: Action,
) -> Binding {
    row(id, text, keys, ("ledger", hint), action::Action::Configs(PaneAction::Ledger(act)))
}

/// Its rows of the registry.
pub const ACTIONS: &[Binding] = &[
    own("ledger.enter", "Show the evidence, then its line", &["enter"], 1, Action::Enter),
    own("ledger.reject", "Reject the alarm, or take that back", &["x"], 2, Action::Reject),
    own("ledger.alarms", "Only alarms, or all", &["d"], 3, Action::Alarms),
    own("ledger.check", "Change every key and see what moves", &["c"], 4, Action::Check),
    own("ledger.search", "Search keys", &["/"], 5, Action::Search),
    own("ledger.down", "Key down", &["j", "down"], 0, Action::Go(Go::Lines(1))),
    own("ledger.up", "Key up", &["k", "up"], 0, Action::Go(Go::Lines(-1))),
    own("ledger.page-down", "Page down", &["pagedown", "ctrl-d", "space"], 0, Action::Go(Go::Pages(1))),
    own("ledger.page-up", "Page up", &["pageup", "ctrl-u"], 0, Action::Go(Go::Pages(-1))),
    own("ledger.top", "First key", &["g", "home"], 0, Action::Go(Go::First)),
    own("ledger.bottom", "Last key", &["G", "end"], 0, Action::Go(Go::Last)),
    own("ledger.next", "Next match", &["n"], 0, Action::Next),
    own("ledger.previous", "Previous match", &["N"], 0, Action::Previous),
    own("ledger.reload", "Make the ledger again", &["r"], 6, Action::Reload),
];
