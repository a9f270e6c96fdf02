//! Which layers there are, and the line of tabs that names them.

use serde::{Deserialize, Serialize};

use super::super::Used;
use crate::app::job::JobKind;
use crate::app::key::{Mouse, MouseKind};

/// A layer of the pane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// Keys down, variants across.
    #[default]
    Matrix,
    /// Who reads each key, and what moves when it changes.
    Ledger,
    /// The checkpoints of the architecture on the Hub.
    Discover,
}

impl Layer {
    /// All layers, in the order of the tabs and of the number keys.
    pub const ALL: [Self; 3] = [Self::Matrix, Self::Ledger, Self::Discover];

    /// The word on its tab.
    pub fn title(self) -> &'static str {
        match self {
            Self::Matrix => "Matrix",
            Self::Ledger => "Ledger",
            Self::Discover => "Discover",
        }
    }

    /// The name of its context in the registry, and of what it saves.
    pub fn context(self) -> &'static str {
        match self {
            Self::Matrix => "matrix",
            Self::Ledger => "ledger",
            Self::Discover => "discover",
        }
    }

    /// Which layer is told that a job ended.
    pub(super) fn of(kind: JobKind) -> Self {
        match kind {
            JobKind::LoadConfigs => Self::Matrix,
            JobKind::Discover | JobKind::Look(_) => Self::Discover,
            _ => Self::Ledger,
        }
    }

    pub(super) fn turned(self, by: i32) -> Self {
        let at = Self::ALL.iter().position(|layer| *layer == self).unwrap_or(0) as i32;
        Self::ALL[(at + by).rem_euclid(Self::ALL.len() as i32) as usize]
    }

    /// Gives where each tab starts, and what stands there: ` 1 Matrix `.
    pub fn tabs() -> impl Iterator<Item = (u16, Self, String)> {
        let mut at = 0;
        Self::ALL.into_iter().enumerate().map(move |(index, layer)| {
            let text = format!(" {} {} ", index + 1, layer.title());
            let start = at;
            at += text.len() as u16;
            (start, layer, text)
        })
    }

    /// Shows the layer whose tab was pressed.
    pub(super) fn at(mouse: Mouse, shown: &mut Self) -> Used {
        let hit = Self::tabs().take_while(|(start, ..)| *start <= mouse.column).last();
        match hit {
            Some((start, layer, text))
                if mouse.kind == MouseKind::Press && mouse.column < start + text.len() as u16 =>
            {
                *shown = layer;
                Used::Yes
            }
            _ => Used::No,
        }
    }
}
