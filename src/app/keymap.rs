//! Which key does what: the registry's defaults, changed by the `[keys]` table of config.toml, with conflicts told.

use std::collections::BTreeMap;

use super::action::{Action, Binding, registry};
use super::key::Key;
use super::pane::PaneId;

/// The keys in force.
#[derive(Clone, Debug)]
pub struct Keymap {
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
struct Row {
    pane: Option<PaneId>,
    binding: &'static Binding,
    keys: Vec<Key>,
}

/// A hint: the key to show and what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    pub key: String,
    pub text: &'static str,
    pub id: &'static str,
    pub action: Action,
}

impl Default for Keymap {
    fn default() -> Self {
        Self::new(&BTreeMap::new()).0
    }
}

impl Keymap {
    /// Builds the keymap from the registry and the person's changes (`id` → keys); gives a warning for each change that
    /// names no action, is no key, or takes a key that another action of the same place has.
    pub fn new(changes: &BTreeMap<String, Vec<String>>) -> (Self, Vec<String>) {
        let mut warnings = Vec::new();
        let rows = registry()
            .map(|(pane, binding)| {
                let keys = match changes.get(binding.id) {
                    None => binding.keys.iter().filter_map(|key| key.parse().ok()).collect(),
                    Some(keys) => {
                        keys.iter().filter_map(|key| parse(binding.id, key, &mut warnings)).collect()
                    }
                };
                Row { pane, binding, keys }
            })
            .collect::<Vec<_>>();
        for id in changes.keys().filter(|id| !rows.iter().any(|row| row.binding.id == *id)) {
            warnings.push(format!("config.toml, [keys] {id}: there is no such action; `?` lists them"));
        }
        let map = Self { rows };
        warnings.extend(map.conflicts());
        (map, warnings)
    }

    /// Finds what a key does: the pane's contexts in their order, then the pane, then everywhere.
    pub fn find(&self, pane: PaneId, contexts: &[&str], key: Key) -> Option<Action> {
        contexts.iter().chain(&[""]).find_map(|context| self.in_context(pane, context, key))
    }

    /// Finds what a key does in the pane's special contexts only: while text is typed, all else is text.
    pub fn find_special(&self, pane: PaneId, contexts: &[&str], key: Key) -> Option<Action> {
        contexts
            .iter()
            .filter(|context| !context.is_empty())
            .find_map(|context| self.in_context(pane, context, key))
    }

    fn in_context(&self, pane: PaneId, context: &str, key: Key) -> Option<Action> {
        let of = |row: &&Row| row.binding.context == context && row.keys.contains(&key);
        let own = self.rows.iter().filter(of).find(|row| row.pane == Some(pane));
        own.or_else(|| self.rows.iter().filter(of).find(|row| row.pane.is_none()))
            .map(|row| row.binding.action)
    }

    /// Gives the hints for a pane in its present contexts, best first, one for each action.
    pub fn hints(&self, pane: PaneId, contexts: &[&str]) -> Vec<Hint> {
        let mut rows = self
            .rows
            .iter()
            .filter(|row| row.pane.is_none_or(|of| of == pane) && row.binding.hint > 0)
            .filter(|row| row.binding.context.is_empty() || contexts.contains(&row.binding.context))
            .collect::<Vec<_>>();
        // Where two contexts bind a key, the nearer one has it.
        let rank = |row: &Row| contexts.iter().position(|context| *context == row.binding.context);
        let nearer: Vec<_> = rows.iter().map(|row| (row.keys.first().copied(), rank(row))).collect();
        let taken = |row: &Row| {
            let (key, at) = (row.keys.first().copied(), rank(row).unwrap_or(usize::MAX));
            nearer.iter().any(|(other, near)| *other == key && near.is_some_and(|near| near < at))
        };
        rows.retain(|row| !taken(row));
        rows.sort_by_key(|row| (row.binding.context.is_empty(), row.binding.hint));
        rows.into_iter().filter_map(Row::hint).collect()
    }

    /// Gives every action with its keys, for help and palette.
    pub fn all(&self) -> impl Iterator<Item = (Option<PaneId>, Hint)> + '_ {
        self.rows.iter().map(|row| {
            let keys = row.keys.iter().map(Key::to_string).collect::<Vec<_>>().join(" ");
            let binding = row.binding;
            (row.pane, Hint { key: keys, text: binding.text, id: binding.id, action: binding.action })
        })
    }

    /// Gives the first key of an action, for texts that name a key.
    pub fn key_of(&self, id: &str) -> String {
        self.rows
            .iter()
            .find(|row| row.binding.id == id)
            .and_then(|row| row.keys.first())
            .map_or_else(|| "Ctrl-P".into(), Key::to_string)
    }

    fn conflicts(&self) -> Vec<String> {
        let mut taken: BTreeMap<(Option<PaneId>, &str, Key), &str> = BTreeMap::new();
        let mut warnings = Vec::new();
        for row in &self.rows {
            for key in &row.keys {
                if let Some(other) = taken.insert((row.pane, row.binding.context, *key), row.binding.id) {
                    warnings.push(format!("[keys] {key} is both {other} and {}", row.binding.id));
                }
            }
        }
        warnings
    }
}

impl Row {
    fn hint(&self) -> Option<Hint> {
        let key = self.keys.first()?.to_string();
        let binding = self.binding;
        Some(Hint { key, text: binding.text, id: binding.id, action: binding.action })
    }
}

fn parse(id: &str, key: &str, warnings: &mut Vec<String>) -> Option<Key> {
    key.parse().map_err(|error| warnings.push(format!("config.toml, [keys] {id}: {error}"))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::action::Global;

    #[test]
    fn the_defaults_do_not_conflict_and_every_key_parses() {
        assert_eq!(Keymap::new(&BTreeMap::new()).1, Vec::<String>::new());
        for (_, binding) in registry() {
            for key in binding.keys {
                assert!(key.parse::<Key>().is_ok(), "{}: {key}", binding.id);
            }
        }
    }

    #[test]
    fn a_change_moves_the_key_and_bad_changes_are_told() {
        let changes = BTreeMap::from([
            ("app.help".to_string(), vec!["f2".to_string()]),
            ("app.nothing".to_string(), vec!["x".to_string()]),
            ("app.quit".to_string(), vec!["ctrl-banana".to_string()]),
        ]);
        let (map, warnings) = Keymap::new(&changes);
        assert_eq!(
            map.find(PaneId::Pr, &[], "f2".parse().expect("a key")),
            Some(Action::Global(Global::Help))
        );
        assert_eq!(warnings.len(), 2, "{warnings:?}");
    }
}
