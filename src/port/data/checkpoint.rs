//! Checkpoints as plain data: what a snapshot is of, the list to choose from, what going back would change.

use serde::{Deserialize, Serialize};

/// When a snapshot was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// A turn begins: what the person changed since the last one.
    Before,
    /// In a turn, before the first change that the model makes: what the person changed meanwhile.
    During,
    /// A turn ended.
    After,
    /// The person goes back: what there was until then.
    Rewind,
    /// The person has gone back: what there is since.
    Rewound,
}

/// What a snapshot's message says, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub moment: Moment,
    /// The turn, counted from 1; 0 where no conversation is going on.
    pub turn: u32,
    /// How the person's message begins.
    pub words: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<Missing>,
}

/// A file that is in no snapshot, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    pub path: String,
    pub why: String,
}

/// What a row of the list goes back over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Over {
    /// All that a turn changed, and all after it.
    Turn,
    /// What the person changed before or during a turn, and all after it.
    Own,
    /// An earlier going back: the files as they were before it.
    Rewind,
}

/// A row of the list: a state that can be gone back to, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The snapshot that is gone back to: what `mlxport rewind` takes.
    pub number: u32,
    pub over: Over,
    pub turn: u32,
    pub words: String,
    /// Seconds since 1970, of the change that is undone.
    pub time: i64,
    /// The same by this machine's clock.
    pub at: String,
    pub files: usize,
    pub added: usize,
    pub removed: usize,
}

/// What a file would become.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileBack {
    pub path: String,
    pub kind: Back,
    /// The text now and then; none where it is no text or too large to be shown.
    pub before: Option<String>,
    pub after: Option<String>,
}

/// What going back does to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Back {
    Changed,
    Made,
    Removed,
}

impl Back {
    /// Names it as on the screen.
    pub fn word(self) -> &'static str {
        match self {
            Self::Changed => "changes",
            Self::Made => "comes back",
            Self::Removed => "is removed",
        }
    }
}

/// What going back to a snapshot would change, against the files as they are now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    pub number: u32,
    /// The working tree that this was made from: going back is refused when it has changed since.
    pub now: String,
    pub files: Vec<FileBack>,
    /// Files that stay as they are, since a snapshot does not hold them.
    pub left_out: Vec<Missing>,
    /// Files that changed since the newest snapshot: changed by the person or by another program.
    pub outside: Vec<String>,
}

/// What going back did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rewound {
    /// Where it went.
    pub number: u32,
    /// The snapshot of what there was: going back to it undoes this.
    pub undo: u32,
    pub written: Vec<String>,
    pub removed: Vec<String>,
    pub left_out: Vec<Missing>,
}
