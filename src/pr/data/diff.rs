//! The branch's diff as rows. A row is a line that exists in some of four layers: base, HEAD, index, working tree.
//! It was born in one layer and died in a later one, or lives on; that interval says all at once what is committed,
//! staged and unstaged, and the content of the index is exactly the rows that live in it.

use serde::{Deserialize, Serialize};

use crate::util::blame::Report;

/// What the pane shows of the branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrSnapshot {
    /// The branch, or why there is none.
    pub branch: Result<String, Report>,
    /// What the branch is compared with, in words: `upstream/main at d78bf58e`.
    pub base: String,
    /// HEAD's commit in hex; empty before the first.
    pub head: String,
    /// Commits of the branch since the base.
    pub commits: usize,
    /// The tree that a commit would have; None while the index has conflicts.
    pub staged_tree: Option<String>,
    pub files: Vec<FileDiff>,
    /// `Name <address>`, or what is missing and the command that sets it.
    pub identity: Result<String, Report>,
    /// The configured address of the remote `fork`.
    pub fork: Option<String>,
    /// The configured address of the remote `upstream`.
    pub upstream: Option<String>,
    /// Where to open the pull request, or why there is no such page.
    pub compare: Result<String, String>,
    /// SHA-256 of each staged file's content in this diff, to tell whether a check's run is current.
    pub staged_sha: std::collections::BTreeMap<String, String>,
}

impl PrSnapshot {
    /// Counts staged and unstaged lines over all files.
    pub fn counts(&self) -> Counts {
        self.files.iter().fold(Counts::default(), |sum, file| sum + file.counts)
    }

    /// Says whether a commit would hold anything.
    pub fn anything_staged(&self) -> bool {
        self.files.iter().any(|file| file.staged != Part::None)
    }

    /// Gives what would stop a commit, before one is tried: no branch, no identity.
    pub fn hindrance(&self) -> Option<&Report> {
        self.branch.as_ref().err().or(self.identity.as_ref().err())
    }

    /// Finds a file by its path.
    pub fn file(&self, path: &str) -> Option<&FileDiff> {
        self.files.iter().find(|file| file.path == path)
    }
}

/// A changed file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDiff {
    pub path: String,
    pub renamed_from: Option<String>,
    pub kind: FileKind,
    /// What happened beside the lines: `new file`, `deleted`, `mode 100644 → 100755`.
    pub notes: Vec<String>,
    pub hunks: Vec<Hunk>,
    pub counts: Counts,
    /// How much of what can be staged is staged.
    pub staged: Part,
    pub unstaged: Part,
    /// Why the file cannot be staged here.
    pub obstacle: Option<String>,
}

/// Whether a file has lines to stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    Text,
    /// Binary, a link, or too large: staged whole.
    Whole,
}

/// Whether some of a file, or none, is in a state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    #[default]
    None,
    Some,
}

/// Changed lines of one kind each, by where they stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub added: usize,
    pub deleted: usize,
    pub committed: usize,
    pub staged: usize,
    pub unstaged: usize,
}

impl std::ops::Add for Counts {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            added: self.added + other.added,
            deleted: self.deleted + other.deleted,
            committed: self.committed + other.committed,
            staged: self.staged + other.staged,
            unstaged: self.unstaged + other.unstaged,
        }
    }
}

/// Names a changed line by its content, so that a selection survives reading the diff again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LineId(pub u64);

/// Names a hunk by its changed lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HunkId(pub u64);

/// Neighbouring changes with their context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunk {
    pub id: HunkId,
    /// The nearest `class` or `def` line above, trimmed.
    pub symbol: Option<String>,
    pub rows: Vec<Row>,
}

impl Hunk {
    /// Gives the ids of the changed lines.
    pub fn lines(&self) -> impl Iterator<Item = LineId> + '_ {
        self.rows.iter().filter_map(|row| row.id)
    }

    /// Gives the runs of changed rows with no context between them, as ranges of rows: what `s` splits the hunk into.
    pub fn blocks(&self) -> Vec<std::ops::Range<usize>> {
        let mut blocks: Vec<std::ops::Range<usize>> = Vec::new();
        for (at, _) in self.rows.iter().enumerate().filter(|(_, row)| row.id.is_some()) {
            match blocks.last_mut() {
                Some(block) if block.end == at => block.end = at + 1,
                _ => blocks.push(at..at + 1),
            }
        }
        blocks
    }
}

/// Where a changed line's last change stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Where {
    /// The same in every layer.
    Context,
    Committed,
    Staged,
    Unstaged,
}

/// One line of the diff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// None for context.
    pub id: Option<LineId>,
    /// The line without its ending; bytes that are not UTF-8 are replaced. Untrusted: neutralise before drawing.
    pub text: String,
    pub place: Where,
    /// `+`, `-` or a space, against the layer before the last change.
    pub sign: char,
    /// A line that was added in one layer and taken away in a later one before reaching the working tree.
    pub passing: bool,
    /// The number in the base, from 1.
    pub old: Option<u32>,
    /// The number in the working tree, from 1.
    pub new: Option<u32>,
    /// The words that differ from the paired line, as byte ranges of `text`; empty when the whole line is new.
    pub marks: Vec<Span>,
    pub ending: Ending,
}

/// A range of bytes in a row's text.
pub type Span = std::ops::Range<usize>;

/// How a line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Lf,
    CrLf,
    /// No newline at the end of the file.
    None,
}
