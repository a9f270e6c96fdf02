//! Checkpoints: a snapshot of the checkout at the beginning and end of each turn and before a change in it, none where
//! nothing changed, and the way back. [`rewind`] goes back; [`rows`] makes the list to choose from.

mod error;
mod rewind;
mod rows;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

pub use error::CheckpointError;
pub use rows::rows;

use super::data::checkpoint::{Missing, Moment, Note};
use crate::git::{Caps, GitError, Kept, Photo, Repo};
use crate::util::text;

/// Files larger than this are left as they are: a checkout holds source.
const CAPS: Caps = Caps { file: 8 << 20, all: 64 << 20 };
/// Snapshots that a session keeps; the oldest go first.
const MOST: usize = 200;
/// Sessions whose snapshots a checkout keeps, and the days after which older ones go.
const SESSIONS: usize = 30;
const DAYS: i64 = 30;
const DAY: i64 = 24 * 60 * 60;
const WORDS: usize = 80;

/// The checkpoints of one session in one checkout. One act at a time: an edit waits for the snapshot before it.
#[derive(Debug)]
pub struct Checkpoints {
    checkout: PathBuf,
    session: String,
    caps: Caps,
    /// Each change is a turn of its own: nobody says when one begins.
    each: bool,
    now: Mutex<Now>,
}

/// The turn under way.
#[derive(Debug, Default)]
struct Now {
    turn: u32,
    words: String,
    /// Whether something was changed in it already.
    changed: bool,
}

/// A snapshot with its note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub number: u32,
    pub tree: String,
    pub time: i64,
    pub note: Note,
}

impl Checkpoints {
    /// Names the checkout and the session. Reads nothing yet.
    pub fn new(checkout: &Path, session: &str) -> Self {
        let now = Mutex::new(Now::default());
        Self { checkout: checkout.to_path_buf(), session: session.to_string(), caps: CAPS, each: false, now }
    }

    /// Takes each change for a turn of its own: another agent's, whose turns are not known here.
    pub fn each_change(mut self) -> Self {
        self.each = true;
        self
    }

    /// The checkout's folder.
    pub fn checkout(&self) -> &Path {
        &self.checkout
    }

    /// Takes smaller files only, for tests.
    pub fn with_caps(mut self, caps: Caps) -> Self {
        self.caps = caps;
        self
    }

    /// A turn begins with the person's message. Gives the snapshot, if anything changed since the last one.
    pub fn begin(&self, turn: u32, words: &str) -> Result<Option<Checkpoint>, CheckpointError> {
        let mut now = self.lock();
        now.turn = turn;
        now.words = text::truncate(&text::one_line(words), WORDS);
        now.changed = false;
        self.give_up_old()?;
        self.take(&self.open()?, &now, Moment::Before)
    }

    /// Something is about to be changed, named by `words`. Gives the snapshot, if this is the turn's first change and the
    /// files are not as in the last snapshot.
    pub fn before_change(&self, words: &str) -> Result<Option<Checkpoint>, CheckpointError> {
        let mut now = self.lock();
        if self.each {
            self.give_up_old()?;
            let turn = now.turn + 1;
            *now = Now { turn, words: text::truncate(&text::one_line(words), WORDS), changed: false };
        }
        if now.changed {
            return Ok(None);
        }
        let taken = self.take(&self.open()?, &now, Moment::During)?;
        now.changed = true;
        Ok(taken)
    }

    /// Something was changed. Gives the snapshot where that ends a turn.
    pub fn after_change(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        if self.each { self.end() } else { Ok(None) }
    }

    /// A turn ended. Gives the snapshot, if anything changed in it.
    pub fn end(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        let mut now = self.lock();
        let repo = self.open()?;
        let taken = self.take(&repo, &now, Moment::After)?;
        now.changed = false;
        Ok(taken)
    }

    /// Gives the session's checkpoints, oldest first, with one of what there is now: a turn that is under way has changed
    /// files too, and so has the person between turns. Where no turn has begun there is none.
    pub fn with_now(&self) -> Result<Vec<Checkpoint>, CheckpointError> {
        let now = self.lock();
        let repo = self.open()?;
        if !self.all(&repo)?.is_empty() {
            let moment = if now.changed { Moment::After } else { Moment::During };
            self.take(&repo, &now, moment)?;
        }
        self.all(&repo)
    }

    /// Gives the session's checkpoints, oldest first.
    pub fn list(&self) -> Result<Vec<Checkpoint>, CheckpointError> {
        self.all(&self.open()?)
    }

    /// The first of a session is the moment to give up what is old; a failure is no reason not to work.
    fn give_up_old(&self) -> Result<(), CheckpointError> {
        let repo = self.open()?;
        if self.all(&repo)?.is_empty() {
            let _ = prune(&repo, &self.session);
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> Result<Repo, CheckpointError> {
        let repo = Repo::open(&self.checkout)?;
        // A folder without a repository of its own must not be taken for one around it.
        let same = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        match same(repo.root()) == same(&self.checkout) {
            true => Ok(repo),
            false => Err(GitError::NotACheckout { path: self.checkout.clone() }.into()),
        }
    }

    fn all(&self, repo: &Repo) -> Result<Vec<Checkpoint>, CheckpointError> {
        Ok(repo.kept(&self.session)?.into_iter().filter_map(Checkpoint::read).collect())
    }

    fn take(&self, repo: &Repo, now: &Now, moment: Moment) -> Result<Option<Checkpoint>, CheckpointError> {
        let photo = repo.photograph(self.caps)?;
        let all = self.all(repo)?;
        if all.last().is_some_and(|last| last.tree == photo.tree) {
            return Ok(None);
        }
        let kept = self.keep(repo, now, (moment, &photo))?;
        for old in all.iter().take((all.len() + 1).saturating_sub(MOST)) {
            repo.forget(&self.session, old.number)?;
        }
        Ok(Some(kept))
    }

    fn keep(
        &self,
        repo: &Repo,
        now: &Now,
        (moment, photo): (Moment, &Photo),
    ) -> Result<Checkpoint, CheckpointError> {
        let note = Note { moment, turn: now.turn, words: now.words.clone(), left_out: missing(photo) };
        let message =
            serde_json::to_string(&note).map_err(|error| CheckpointError::Note(error.to_string()))?;
        let kept = repo.keep(&self.session, &photo.tree, &message)?;
        Ok(Checkpoint { number: kept.number, tree: kept.tree, time: kept.time, note })
    }
}

impl Checkpoint {
    fn read(kept: Kept) -> Option<Self> {
        let note = serde_json::from_str(&kept.message).ok()?;
        Some(Self { number: kept.number, tree: kept.tree, time: kept.time, note })
    }
}

fn missing(photo: &Photo) -> Vec<Missing> {
    let one = |file: &crate::git::LeftOut| Missing { path: file.path.clone(), why: file.why.clone() };
    photo.left_out.iter().map(one).collect()
}

/// Finds the newest session with snapshots whose name begins so: other agents' sessions have nothing but these.
pub fn newest(checkout: &Path, start: &str) -> Option<String> {
    let sessions = Repo::open(checkout).ok()?.kept_sessions().ok()?;
    sessions.into_iter().rev().map(|(_, name)| name).find(|name| name.starts_with(start))
}

/// Gives up the snapshots of sessions that are both old and many sessions ago; never this session's.
pub fn prune(repo: &Repo, session: &str) -> Result<usize, CheckpointError> {
    let sessions = repo.kept_sessions()?;
    let newest = sessions.last().map_or(0, |(time, _)| *time);
    let old = sessions.len().saturating_sub(SESSIONS);
    let gone = sessions.iter().take(old).filter(|(time, name)| newest - time > DAYS * DAY && name != session);
    let mut count = 0;
    for (_, name) in gone {
        for kept in repo.kept(name)? {
            repo.forget(name, kept.number)?;
            count += 1;
        }
    }
    Ok(count)
}
