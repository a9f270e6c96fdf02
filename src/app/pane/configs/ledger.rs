//! The ledger: who reads each key. Alarms first.

use super::super::{Ctx, Pane, PaneId, PaneMsg, source};
use super::{Readers, Reads};
use crate::app::action::{self, Binding, row};

/// What its jobs tell it.
#[derive(Clone, Debug)]
pub enum Msg {}

/// What its rows of the registry ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Move(i32),
    /// Shows where the key is read.
    Enter,
}

const fn own(
    id: &'static str,
    text: &'static str,
    keys: &'static [&'static str],
    hint: u8,
    act: Action,
) -> Binding {
    row(id, text, keys, ("ledger", hint), action::Action::Configs(super::Action::Ledger(act)))
}

/// Its rows of the registry.
pub const ACTIONS: &[Binding] = &[
    own("ledger.enter", "Show who reads the key", &["enter"], 1, Action::Enter),
    own("ledger.down", "Key down", &["j", "down"], 0, Action::Move(1)),
    own("ledger.up", "Key up", &["k", "up"], 0, Action::Move(-1)),
];

/// The layer's state.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Keys that a side reads, alarms first.
    pub rows: Vec<(String, Readers)>,
    pub cursor: usize,
}

impl State {
    /// Does what a bound key, the palette or a slash command asked for.
    pub fn act(&mut self, action: Action, ctx: &mut Ctx<'_>) {
        match action {
            Action::Move(by) => {
                self.cursor =
                    self.cursor.saturating_add_signed(by as isize).min(self.rows.len().saturating_sub(1));
            }
            Action::Enter => {
                let Some((key, _)) = self.rows.get(self.cursor).cloned() else { return };
                ctx.post(PaneMsg::Source(source::Msg::FindKey { key }));
                ctx.post(PaneMsg::Focus(PaneId::Source));
            }
        }
    }

    /// Takes what a job says.
    pub fn on(&mut self, msg: Msg, _ctx: &mut Ctx<'_>) {
        match msg {}
    }

    /// Counts the keys that the reference reads and the port does not.
    pub fn alarms(&self) -> usize {
        self.rows.iter().filter(|(_, readers)| *readers == Readers::ReferenceOnly).count()
    }

    pub(super) fn read(&mut self, reads: Reads) {
        let keys = reads.reference.union(&reads.port);
        self.rows = keys.map(|key| (key.clone(), reads.of(key))).collect();
        self.rows.sort_by_key(|(_, readers)| *readers != Readers::ReferenceOnly);
        self.cursor = self.cursor.min(self.rows.len().saturating_sub(1));
    }
}

impl Pane for State {
    fn contexts(&self) -> &'static [&'static str] {
        &["ledger", "layers"]
    }
}
