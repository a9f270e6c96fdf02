//! Layers above the panes: the searchable help and the palette. Both list the registry, so both are one thing with two
//! titles; Enter does what the line says.

use super::Action;
use super::key::{Code, Key};
use super::keymap::{Hint, Keymap};
use super::pane::PaneId;

/// Which list is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Help,
    Palette,
}

/// An open list of actions, filtered by what was typed.
#[derive(Clone, Debug)]
pub struct Overlay {
    pub kind: Kind,
    pub query: String,
    pub selected: usize,
    pub rows: Vec<(Option<PaneId>, Hint)>,
    all: Vec<(Option<PaneId>, Hint)>,
}

/// What a key did to the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Stay,
    Close,
    Run(Action),
}

impl Overlay {
    /// Opens a list over the keymap in force; the focused pane's rows come first.
    pub fn open(kind: Kind, keymap: &Keymap, focus: PaneId) -> Self {
        let mut all = keymap.all().collect::<Vec<_>>();
        all.sort_by_key(|(pane, _)| match pane {
            Some(pane) if *pane == focus => 0,
            None => 1,
            Some(_) => 2,
        });
        Self { kind, query: String::new(), selected: 0, rows: all.clone(), all }
    }

    /// Takes a key.
    pub fn key(&mut self, key: Key) -> Outcome {
        match key.code {
            Code::Esc => return Outcome::Close,
            Code::Enter => {
                return self
                    .rows
                    .get(self.selected)
                    .map_or(Outcome::Close, |(_, row)| Outcome::Run(row.action));
            }
            Code::Up => self.selected = self.selected.saturating_sub(1),
            Code::Down => self.selected += 1,
            Code::PageUp => self.selected = self.selected.saturating_sub(10),
            Code::PageDown => self.selected += 10,
            Code::Backspace => {
                self.query.pop();
                self.filter();
            }
            Code::Char('c') if key.ctrl => return Outcome::Close,
            Code::Char('u') if key.ctrl => {
                self.query.clear();
                self.filter();
            }
            _ => {
                if let Some(c) = key.typed() {
                    self.query.push(c);
                    self.filter();
                }
            }
        }
        self.selected = self.selected.min(self.rows.len().saturating_sub(1));
        Outcome::Stay
    }

    /// Adds pasted text to the query.
    pub fn paste(&mut self, text: &str) {
        self.query.extend(text.chars().filter(|c| !c.is_control()));
        self.filter();
    }

    fn filter(&mut self) {
        let words = self.query.to_lowercase();
        let words = words.split_whitespace().collect::<Vec<_>>();
        self.rows = self
            .all
            .iter()
            .filter(|(pane, row)| {
                let pane = pane.map_or("", PaneId::title);
                let text = format!("{} {} {} {pane}", row.text, row.id, row.key).to_lowercase();
                words.iter().all(|word| text.contains(word))
            })
            .cloned()
            .collect();
        self.selected = 0;
    }
}
