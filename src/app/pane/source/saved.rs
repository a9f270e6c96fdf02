//! What survives kill -9: which file is open where, cursor, view and search of both halves, an open list, the marks of the
//! divergence, the way back. Documents are read again; until they are, what was kept is kept.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::list::Kind;
use super::{Divergence, Follow, Half, List, Side, State, Writers};
use crate::app::effect;
use crate::app::job::JobKind;
use crate::app::pane::Ctx;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Saved {
    reference: SavedSide,
    port: SavedSide,
    active: Half,
    follow: Follow,
    writers: Writers,
    list: Option<SavedList>,
    divergence: Option<Divergence>,
    note: Option<String>,
    back: Vec<(Half, PathBuf, u32)>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
struct SavedSide {
    path: Option<PathBuf>,
    cursor: u32,
    top: u32,
    column: u16,
    query: String,
    /// Where the cursor was before the search that is being typed.
    from: Option<u32>,
}

impl Default for SavedSide {
    fn default() -> Self {
        Self { path: None, cursor: 1, top: 1, column: 0, query: String::new(), from: None }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct SavedList {
    kind: Kind,
    query: String,
    selected: usize,
}

impl SavedSide {
    fn of(side: &Side) -> Self {
        Self {
            path: side.path.clone(),
            cursor: side.cursor,
            top: side.row_at_top(),
            column: side.column,
            query: side.search.query.clone(),
            from: side.search.from(),
        }
    }
}

impl State {
    pub(super) fn saved(&self) -> Value {
        if let Some(kept) = &self.restored {
            return kept.clone();
        }
        let list = self.list.as_ref().map(|list| SavedList {
            kind: list.kind,
            query: list.query.clone(),
            selected: list.selected,
        });
        let saved = Saved {
            reference: SavedSide::of(&self.reference),
            port: SavedSide::of(&self.port),
            active: self.active,
            follow: self.follow,
            writers: self.writers,
            list,
            divergence: self.divergence.clone(),
            note: self.note.clone(),
            back: self.back.clone(),
        };
        serde_json::to_value(saved).unwrap_or_default()
    }

    /// Takes back what was kept, once the workspace says which files there are.
    pub(super) fn take_back(&mut self, saved: Value, ctx: &mut Ctx<'_>) {
        let saved: Saved = serde_json::from_value(saved).unwrap_or_default();
        (self.active, self.follow, self.note, self.back) =
            (saved.active, saved.follow, saved.note, saved.back);
        self.divergence = saved.divergence;
        self.writers = saved.writers;
        self.list = saved.list.map(|list| List {
            kind: list.kind,
            query: list.query,
            rows: Vec::new(),
            selected: list.selected,
        });
        // Another model's file, where the session was moved to another one, is not this one's place.
        if saved.port.path == self.port.path {
            self.port.place_again(&saved.port.into());
        }
        let Some(path) = saved.reference.path.clone() else { return };
        let place = saved.reference.into();
        if self.references.contains(&path) {
            self.reference.path = Some(path);
            self.reference.place_again(&place);
        } else {
            // A file that was looked at beside the references: read once more, and left alone if it is gone.
            self.reference = Side::of(path.clone());
            self.reference.place_again(&place);
            let title = format!("reading {}", path.display());
            ctx.start(JobKind::LoadSource, title, effect::Job::Source(super::Job::Load { path }));
        }
    }
}

/// Where one half looked.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub cursor: u32,
    pub top: u32,
    pub column: u16,
    pub query: String,
    pub from: Option<u32>,
}

impl From<SavedSide> for Place {
    fn from(saved: SavedSide) -> Self {
        let SavedSide { cursor, top, column, query, from, .. } = saved;
        Self { cursor: cursor.max(1), top: top.max(1), column, query, from }
    }
}
