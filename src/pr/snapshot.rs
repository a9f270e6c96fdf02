//! Reads the branch into what the pane shows.

use std::ops::Range;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::data::{Counts, Ending, FileDiff, FileKind, Hunk, HunkId, LineId, Part, PrSnapshot, Row, Where};
use super::rows::{BASE, RawRow, WORKTREE, ids, overlay};
use super::{PrError, compare_url, marks};
use crate::git::{Base, BaseFrom, FileLayers, GitError, Head, Mode, Obstacle, Repo, Side};
use crate::util::blame::Report;
use crate::util::id::sha256_hex;

/// Lines of context around a change, as git shows.
const CONTEXT: usize = 3;

/// Reads the branch: head, base, every changed file with its hunks, identity, remotes. Changes nothing.
pub async fn snapshot(checkout: &Path) -> Result<PrSnapshot, PrError> {
    let checkout = checkout.to_path_buf();
    let work = tokio::task::spawn_blocking(move || read(&checkout));
    work.await.map_err(|error| PrError::Stopped(error.to_string()))?
}

fn read(checkout: &Path) -> Result<PrSnapshot, PrError> {
    let repo = Repo::open(checkout)?;
    let (branch, head) = match repo.head()? {
        Head::Branch { name, commit } => (Ok(name), commit),
        Head::Unborn { name } => (Ok(name), String::new()),
        Head::Detached { commit } => {
            (Err(Report::from(&GitError::Detached { at: short(&commit).into() })), commit)
        }
    };
    let base = repo.base()?;
    let layers = repo.layers(&base)?;
    let url =
        |name| Ok::<_, GitError>(repo.remote(name)?.map(|remote| remote.push_url.unwrap_or(remote.url)));
    let (fork, upstream) = (url("fork")?, url("upstream")?);
    let compare = match (&fork, &branch) {
        (Some(fork), Ok(branch)) => compare_url(upstream.as_deref(), fork, branch),
        (None, _) => Err("there is no remote named fork".into()),
        (_, Err(report)) => Err(report.text.clone()),
    };
    Ok(PrSnapshot {
        branch,
        base: shown(&base),
        head,
        commits: repo.commits_since(&base)?,
        staged_tree: repo.staged_tree()?,
        staged_sha: layers.iter().filter_map(staged_sha).collect(),
        files: layers.iter().filter(|file| differs(file)).map(file).collect(),
        identity: identity(&repo)?,
        fork,
        upstream,
        compare,
    })
}

fn shown(base: &Base) -> String {
    let at = base.commit.as_deref().map(short).unwrap_or_default();
    match &base.from {
        BaseFrom::MergeBase(name) => {
            let name = ["refs/remotes/", "refs/heads/", "refs/tags/"]
                .iter()
                .find_map(|prefix| name.strip_prefix(prefix))
                .unwrap_or(name);
            format!("{name} at {at}")
        }
        BaseFrom::FirstCommit => format!("the first commit, {at}"),
        BaseFrom::Nothing => "nothing: there is no commit yet".into(),
    }
}

fn short(commit: &str) -> &str {
    commit.get(..8).unwrap_or(commit)
}

fn identity(repo: &Repo) -> Result<Result<String, Report>, GitError> {
    let identity = repo.identity()?;
    let missing = |key| Ok(Err(Report::from(&GitError::NoIdentity { key })));
    match (identity.name, identity.email) {
        (Some(name), Some(email)) => Ok(Ok(format!("{} <{}>", name.value, email.value))),
        (None, _) => missing("user.name"),
        (_, None) => missing("user.email"),
    }
}

fn staged_sha(file: &FileLayers) -> Option<(String, String)> {
    let bytes = file.index.as_ref()?.bytes.as_ref()?;
    Some((file.path.clone(), sha256_hex(bytes)))
}

// A file that was stat-dirty only, or whose changes cancel out, is no change.
fn differs(file: &FileLayers) -> bool {
    let key = |side: &Option<Side>| side.as_ref().map(|side| (side.mode, side.id.clone()));
    let base = key(&file.base);
    file.obstacle.is_some()
        || [&file.head, &file.index, &file.worktree].into_iter().any(|side| key(side) != base)
}

fn file(layers: &FileLayers) -> FileDiff {
    let pairs = [&layers.base, &layers.head, &layers.index, &layers.worktree];
    let part = |old: &Option<Side>, new: &Option<Side>| {
        let key = |side: &Option<Side>| side.as_ref().map(|side| (side.mode, side.id.clone()));
        if key(old) == key(new) { Part::None } else { Part::Some }
    };
    let mut diff = FileDiff {
        path: layers.path.clone(),
        renamed_from: layers.renamed_from.clone(),
        kind: kind(layers),
        notes: notes(layers),
        hunks: Vec::new(),
        counts: Counts::default(),
        staged: part(&layers.head, &layers.index),
        unstaged: part(&layers.index, &layers.worktree),
        obstacle: layers.obstacle.as_ref().map(obstacle),
    };
    if diff.kind == FileKind::Text && diff.obstacle.is_none() {
        let raw = overlay(pairs.map(bytes));
        diff.hunks = hunks(&layers.path, &raw);
        diff.counts = counts(&raw);
    }
    diff
}

/// Gives a layer's bytes; a missing file is empty.
pub(super) fn bytes(side: &Option<Side>) -> &[u8] {
    side.as_ref().and_then(|side| side.bytes.as_deref()).unwrap_or_default()
}

/// Says whether a file has lines to stage: text in every layer, and small enough to be loaded.
pub(super) fn kind(layers: &FileLayers) -> FileKind {
    let sides = [&layers.base, &layers.head, &layers.index, &layers.worktree];
    let text = |side: &Side| {
        let plain = matches!(side.mode, Mode::File | Mode::Executable);
        // git's own rule: a zero byte among the first 8000.
        plain && side.bytes.as_ref().is_some_and(|bytes| !bytes.iter().take(8000).any(|byte| *byte == 0))
    };
    match sides.into_iter().flatten().all(text) {
        true => FileKind::Text,
        false => FileKind::Whole,
    }
}

/// Puts an obstacle into words.
pub(super) fn obstacle(obstacle: &Obstacle) -> String {
    match obstacle {
        Obstacle::Conflict => "it has an unresolved conflict".into(),
        Obstacle::Filter(name) => format!("the filter {name} runs in git only"),
        Obstacle::Submodule => "it is a submodule".into(),
        Obstacle::Name => "its name is not UTF-8".into(),
        Obstacle::Unreadable(why) => format!("it cannot be read: {why}"),
    }
}

fn notes(layers: &FileLayers) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(from) = &layers.renamed_from {
        notes.push(format!("renamed from {from}"));
    }
    match (&layers.base, &layers.worktree) {
        (None, Some(_)) if layers.index.is_none() && layers.head.is_none() => {
            notes.push("new, untracked".into())
        }
        (None, Some(_)) => notes.push("new file".into()),
        (Some(_), None) => notes.push("deleted".into()),
        (Some(old), Some(new)) if old.mode != new.mode => {
            notes.push(format!("mode {:o} → {:o}", old.mode.git(), new.mode.git()));
        }
        _ => {}
    }
    if kind(layers) == FileKind::Whole && layers.obstacle.is_none() {
        notes.push("binary, link or large: staged whole".into());
    }
    notes
}

fn counts(rows: &[RawRow<'_>]) -> Counts {
    let mut counts = Counts::default();
    for row in rows {
        match row.place() {
            Where::Context => continue,
            Where::Committed => counts.committed += 1,
            Where::Staged => counts.staged += 1,
            Where::Unstaged => counts.unstaged += 1,
        }
        counts.added += usize::from(!row.lives_in(BASE) && row.lives_in(WORKTREE));
        counts.deleted += usize::from(row.lives_in(BASE) && !row.lives_in(WORKTREE));
    }
    counts
}

fn hunks(path: &str, raw: &[RawRow<'_>]) -> Vec<Hunk> {
    let ids = ids(path, raw);
    let (mut old, mut new) = (0, 0);
    let number = |count: &mut u32, lives: bool| {
        *count += u32::from(lives);
        lives.then_some(*count)
    };
    let rows: Vec<Row> = raw
        .iter()
        .zip(&ids)
        .map(|(row, id)| {
            let old = number(&mut old, row.lives_in(BASE));
            let new = number(&mut new, row.lives_in(WORKTREE));
            shown_row(row, *id, old, new)
        })
        .collect();
    ranges(&rows).into_iter().map(|range| hunk(&rows, range)).collect()
}

fn shown_row(raw: &RawRow<'_>, id: Option<LineId>, old: Option<u32>, new: Option<u32>) -> Row {
    let (text, ending) = match raw.bytes {
        [text @ .., b'\r', b'\n'] => (text, Ending::CrLf),
        [text @ .., b'\n'] => (text, Ending::Lf),
        text => (text, Ending::None),
    };
    let sign = match (raw.place(), raw.lives_in(WORKTREE)) {
        (Where::Context, _) => ' ',
        (_, true) => '+',
        (_, false) => '-',
    };
    let text = String::from_utf8_lossy(text).into_owned();
    let passing = id.is_some() && old.is_none() && new.is_none();
    Row { id, text, place: raw.place(), sign, passing, old, new, marks: Vec::new(), ending }
}

fn ranges(rows: &[Row]) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for (at, _) in rows.iter().enumerate().filter(|(_, row)| row.id.is_some()) {
        let (from, to) = (at.saturating_sub(CONTEXT), (at + CONTEXT + 1).min(rows.len()));
        match ranges.last_mut() {
            Some(last) if last.end >= from => last.end = to,
            _ => ranges.push(from..to),
        }
    }
    ranges
}

fn hunk(rows: &[Row], range: Range<usize>) -> Hunk {
    let heading = |row: &&Row| {
        let text = row.text.trim_start();
        row.new.is_some() && ["class ", "def ", "async def "].iter().any(|word| text.starts_with(word))
    };
    let symbol = rows[..range.start].iter().rev().find(heading).map(|row| row.text.trim().to_string());
    let mut rows = rows[range].to_vec();
    marks::mark(&mut rows);
    let mut hash = Sha256::new();
    rows.iter().filter_map(|row| row.id).for_each(|id| hash.update(id.0.to_le_bytes()));
    let digest = hash.finalize();
    let first: [u8; 8] = std::array::from_fn(|at| digest[at]);
    Hunk { id: HunkId(u64::from_le_bytes(first)), symbol, rows }
}
