//! Staging by file, hunk or line, and taking the last act back.

use std::collections::HashSet;
use std::path::Path;

use super::PrError;
use super::data::staging::Held;
use super::data::{Aim, FileKind, Selection, Undo};
use super::rows::{ids, index_after, overlay};
use super::snapshot::{bytes, kind, obstacle};
use crate::git::acts::{self, Change, Entry, PersonAct, Target};
use crate::git::{FileLayers, Mode, Repo, Side};

/// Moves a selection of one file into the index or out of it; gives what undoes it.
pub async fn stage(
    checkout: &Path,
    act: PersonAct,
    path: &str,
    selection: &Selection,
    aim: Aim,
) -> Result<Undo, PrError> {
    let (checkout, path, selection) = (checkout.to_path_buf(), path.to_string(), selection.clone());
    blocking(move || {
        let repo = Repo::open(&checkout)?;
        let layers = repo.layers_of(&repo.base()?, &path)?;
        if let Some(why) = &layers.obstacle {
            return Err(PrError::Obstacle { path, why: obstacle(why) });
        }
        let target = match &selection {
            Selection::File => whole(&layers, aim)?,
            Selection::Lines(chosen) => some_lines(&layers, &chosen.iter().copied().collect(), aim)?,
        };
        let before = layers.index.as_ref().map(entry);
        let change = Change { path: path.clone(), expect: before.clone(), target };
        let after = acts::write(&repo, act, &[change])?.pop().flatten();
        Ok(Undo { path, before: before.as_ref().map(held), after: after.as_ref().map(held) })
    })
    .await
}

/// Takes a staging act back, if the index still holds what the act left. Gives what redoes it.
pub async fn undo(checkout: &Path, act: PersonAct, undo: &Undo) -> Result<Undo, PrError> {
    let (checkout, undo) = (checkout.to_path_buf(), undo.clone());
    blocking(move || {
        let repo = Repo::open(&checkout)?;
        let target = undo.before.as_ref().map_or(Target::Absent, |held| Target::Blob(unheld(held)));
        let expect = undo.after.as_ref().map(unheld);
        acts::write(&repo, act, &[Change { path: undo.path.clone(), expect, target }])?;
        Ok(Undo { path: undo.path, before: undo.after, after: undo.before })
    })
    .await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PrError> + Send + 'static,
) -> Result<T, PrError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| PrError::Stopped(error.to_string()))?
}

fn whole(layers: &FileLayers, aim: Aim) -> Result<Target, PrError> {
    let side = match aim {
        Aim::Unstage => {
            return Ok(layers.head.as_ref().map_or(Target::Absent, |side| Target::Blob(entry(side))));
        }
        Aim::Stage => &layers.worktree,
    };
    match side {
        None => Ok(Target::Absent),
        Some(Side { mode, bytes: Some(bytes), .. }) => {
            Ok(Target::Bytes { mode: *mode, bytes: bytes.clone() })
        }
        Some(Side { bytes: None, .. }) => {
            Err(PrError::Obstacle { path: layers.path.clone(), why: "it is too large".into() })
        }
    }
}

fn some_lines(
    layers: &FileLayers,
    chosen: &HashSet<super::data::LineId>,
    aim: Aim,
) -> Result<Target, PrError> {
    if kind(layers) == FileKind::Whole {
        return Err(PrError::Whole { path: layers.path.clone() });
    }
    let sides = [&layers.base, &layers.head, &layers.index, &layers.worktree];
    let rows = overlay(sides.map(bytes));
    let ids = ids(&layers.path, &rows);
    let known: HashSet<_> = ids.iter().flatten().copied().collect();
    if !chosen.is_subset(&known) {
        return Err(PrError::Stale { path: layers.path.clone() });
    }
    let content = index_after(&rows, |at| ids[at].is_some_and(|id| chosen.contains(&id)), aim);
    let (goal, other) = match aim {
        Aim::Stage => (&layers.worktree, &layers.head),
        Aim::Unstage => (&layers.head, &layers.worktree),
    };
    // Nothing left of a file that the goal does not have: the entry goes, as `git apply --cached` would have it.
    if content.is_empty() && goal.is_none() {
        return Ok(Target::Absent);
    }
    Ok(Target::Bytes { mode: mode(layers.index.as_ref(), goal, other), bytes: content })
}

// Lines do not carry the mode: an entry keeps its own; one that appears takes it from where its lines come from.
fn mode(index: Option<&Side>, goal: &Option<Side>, other: &Option<Side>) -> Mode {
    index.or(goal.as_ref()).or(other.as_ref()).map_or(Mode::File, |side| side.mode)
}

fn entry(side: &Side) -> Entry {
    Entry { mode: side.mode, id: side.id.clone() }
}

fn held(entry: &Entry) -> Held {
    Held { mode: entry.mode.git(), blob: entry.id.clone() }
}

fn unheld(held: &Held) -> Entry {
    let modes = [Mode::Executable, Mode::Link, Mode::Submodule];
    let mode = modes.into_iter().find(|mode| mode.git() == held.mode).unwrap_or(Mode::File);
    Entry { mode, id: held.blob.clone() }
}
