//! Configs and their matrix as plain data.

mod code;
pub mod discover;
mod download;
pub mod headers;
pub mod inventory;
mod ledger;
mod remote;
mod repo;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

pub use code::{CodeFile, RemoteCode};
pub use download::{DownloadEvent, DownloadPlan, DownloadRequest, Downloaded};
pub use ledger::{Alarm, Entry, Ledger, Move, Place, Rejection, Rejections};
pub use remote::{FileAt, Gate, RepoFile, RepoInfo, Traffic, Wait};
pub use repo::{RepoId, RepoIdError, RepoRef};

/// A JSON value as written. Numbers keep their spelling, since 1e6, 1000000 and 1000000.0 are read differently by
/// different libraries; NaN and Infinity are allowed, since Python writes and reads them.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(Vec<Member>),
}

/// One key of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    pub key: String,
    pub value: Json,
    /// The line of the file, from 1.
    pub line: u32,
}

/// One config file.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// What the column is called: the folder, or the model's own name for itself.
    pub name: String,
    pub path: PathBuf,
    pub model_type: Option<String>,
    pub root: Vec<Member>,
}

/// Keys of variants side by side.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    pub variants: Vec<Variant>,
    /// Differing and flagged first, then differing, then flagged, then the rest; by path within each.
    pub rows: Vec<Row>,
    /// Where defaults come from.
    pub origin: Origin,
}

/// One column.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    pub name: String,
    pub path: PathBuf,
    pub model_type: Option<String>,
    /// What the config class makes of this file, every key; empty where no class was asked.
    pub gives: Arc<Keys>,
}

/// One key over all variants.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Dotted: `rope_parameters.rope_theta`. Of a derived row, after [`DERIVED`].
    pub path: String,
    /// Of a derived row, for each variant, where it came from: `rope_scaling.type`. Empty for a key as written.
    pub from: Vec<String>,
    /// Why this key deserves a look in every port.
    pub flag: Option<Flag>,
    pub differs: bool,
    /// One a variant.
    pub cells: Vec<Cell>,
    /// For lists of the same length: where they differ.
    pub note: Option<String>,
}

/// Why a key is flagged: ports go wrong there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flag {
    Rope,
    LayerTypes,
    Window,
    Multiplier,
    Softcap,
    Experts,
    TiedEmbeddings,
    Dtype,
    Epsilon,
}

impl Flag {
    /// Says it in words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Rope => "rotary position",
            Self::LayerTypes => "layer types",
            Self::Window => "attention window",
            Self::Multiplier => "multiplier",
            Self::Softcap => "soft cap",
            Self::Experts => "experts",
            Self::TiedEmbeddings => "tied embeddings",
            Self::Dtype => "dtype",
            Self::Epsilon => "epsilon",
        }
    }
}

/// The state of a key in one variant.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Value(Json),
    Null,
    Absent,
    /// Absent, and the config class gives this.
    Default(Json),
}

impl Cell {
    /// Gives the name of the state, as `--json` prints it.
    pub fn state(&self) -> &'static str {
        match self {
            Self::Value(_) => "value",
            Self::Null => "null",
            Self::Absent => "absent",
            Self::Default(_) => "default",
        }
    }
}

/// A cell as people read it, without colour: `1e6`, `null`, `–`, `(10000.0)`.
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => f.write_str(&value.short()),
            Self::Null => f.write_str("null"),
            Self::Absent => f.write_str("–"),
            Self::Default(value) => write!(f, "({})", value.short()),
        }
    }
}

/// What derived rows begin with.
pub const DERIVED: &str = "rope (normalised) ";

/// Values by dotted path.
pub type Keys = BTreeMap<String, Json>;

/// What stands for keys that a file does not have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Defaults {
    /// What the class gives with no file at all.
    pub class: Arc<Keys>,
    /// What the class makes of each file, in the order of the files; empty where it was not asked or refused.
    pub variants: Vec<Arc<Keys>>,
    pub origin: Origin,
    /// Files that the class refuses, in its words.
    pub refused: Vec<String>,
}

/// Where defaults come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Nobody was asked: what is absent stays absent.
    #[default]
    Nowhere,
    /// Read from the source of the config class, literals only.
    Source,
    /// The config class itself, instantiated.
    Class { transformers: String },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nowhere => f.write_str("no defaults: no Python environment"),
            Self::Source => f.write_str("defaults read from the config class's source"),
            Self::Class { transformers } => {
                write!(f, "defaults of the config class, transformers {transformers}")
            }
        }
    }
}
