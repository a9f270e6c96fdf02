//! The list to choose from: a row for each turn that changed files, for the person's own changes between, and for each
//! earlier going back.

use super::{Checkpoint, CheckpointError};
use crate::git::{Difference, Repo, Side};
use crate::port::data::checkpoint::{Moment, Over, Row};
use crate::util::id::local_time;
use crate::util::text::line_changes;

/// Makes the list, newest first.
pub fn rows(repo: &Repo, all: &[Checkpoint]) -> Result<Vec<Row>, CheckpointError> {
    let mut found = Vec::new();
    for (at, this) in all.iter().enumerate() {
        // The first is where the session began: nothing lies before it. Its own row comes with what changed after it.
        let Some(before) = at.checked_sub(1).and_then(|at| all.get(at)) else { continue };
        let (over, target, to) = match this.note.moment {
            Moment::Rewind => (Over::Rewind, this, all.get(at + 1).unwrap_or(this)),
            Moment::Before | Moment::During => (Over::Own, before, this),
            Moment::After => (Over::Turn, before, this),
            Moment::Rewound => continue,
        };
        let differences = repo.differences(&target.tree, &to.tree)?;
        let (added, removed) = count(&differences);
        found.push(Row {
            number: target.number,
            over,
            turn: this.note.turn,
            words: this.note.words.clone(),
            time: this.time,
            at: local_time(this.time),
            files: differences.len(),
            added,
            removed,
        });
    }
    found.reverse();
    Ok(found)
}

/// Counts lines added and removed over all files.
fn count(differences: &[Difference]) -> (usize, usize) {
    let mut sum = (0, 0);
    for difference in differences {
        let (old, new) = (text(difference.old.as_ref()), text(difference.new.as_ref()));
        let (Some(old), Some(new)) = (old, new) else { continue };
        let (added, removed) = line_changes(&old, &new);
        sum = (sum.0 + added, sum.1 + removed);
    }
    sum
}

/// The text of a side: empty where there is no file, none where it is no text.
pub(super) fn text(side: Option<&Side>) -> Option<String> {
    match side {
        None => Some(String::new()),
        Some(side) => String::from_utf8(side.bytes.clone()?).ok(),
    }
}
