//! The ledger as plain data: one entry a key, with the evidence from both sides.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Flag, Json};

/// Every key that a config has, a side reads, or a check has changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    pub model_type: String,
    /// Alarms first, then what was rejected, then flagged keys, then the rest; by path within each.
    pub entries: Vec<Entry>,
    /// What is known and what is not, in sentences: which sides were read, which run, where defaults come from.
    pub known: Vec<String>,
}

impl Ledger {
    /// Counts the alarms that the person has not rejected.
    pub fn alarms(&self) -> usize {
        self.entries.iter().filter(|entry| entry.rings()).count()
    }
}

/// One key.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Dotted: `rope_parameters.rope_theta`.
    pub path: String,
    pub flag: Option<Flag>,
    /// Lines that read it.
    pub reference: Vec<Place>,
    pub port: Vec<Place>,
    /// What each side has where a config is silent.
    pub reference_default: Option<Json>,
    /// As it is written in the port.
    pub port_default: Option<String>,
    /// Whether the variants differ in it; none where there are not two.
    pub differs: Option<bool>,
    /// What happened when it was changed, nulled or removed.
    pub moves: Vec<Move>,
    /// Why no check changes it.
    pub untried: Option<String>,
    /// What checks found about it, in their words.
    pub findings: Vec<String>,
    pub alarm: Option<Alarm>,
    pub rejected: Option<Rejection>,
}

impl Entry {
    /// Whether the person must look.
    pub fn rings(&self) -> bool {
        self.alarm.is_some() && self.rejected.is_none()
    }

    /// Gives the worst that a kind of change led to: `value`, `null` or `absent`.
    pub fn worst(&self, mutation: &str) -> Option<&Move> {
        self.moves.iter().filter(|one| one.mutation == mutation).min_by_key(|one| one.rank())
    }
}

/// Why a key deserves the person's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Alarm {
    /// A check changed it: the reference moves, the port does not.
    Ignored,
    /// A check changed it: both move, and apart.
    Unequal,
    /// The port is right only where the key is spelt as before transformers 5.
    Spelling,
    /// The reference reads it and the port does not; no check has settled it.
    Unread,
}

impl Alarm {
    /// Says it in words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Ignored => "moves the reference and not the port",
            Self::Unequal => "moves both, and apart",
            Self::Spelling => "the port is wrong where the config spells it so",
            Self::Unread => "read by the reference, not by the port",
        }
    }
}

/// A line that reads a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    pub file: PathBuf,
    pub line: u32,
    /// The line itself, trimmed. Untrusted.
    pub text: String,
}

/// What one change of a key led to, as the check `config` tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Move {
    pub path: String,
    /// `value`, `null` or `absent`.
    pub mutation: String,
    /// What it was set to, as JSON.
    pub value: String,
    /// `same`, `ignored`, `different`, `port_only`, `port_rejects`, `close`, `inert`, `reference_rejects`.
    pub outcome: String,
    #[serde(default)]
    pub reference_moved: Option<f64>,
    #[serde(default)]
    pub port_moved: Option<f64>,
    #[serde(default)]
    pub error: Option<f64>,
    /// What a side said when it refused.
    #[serde(default)]
    pub text: String,
}

impl Move {
    fn rank(&self) -> usize {
        const WORST: [&str; 8] = [
            "ignored",
            "different",
            "port_only",
            "port_rejects",
            "close",
            "same",
            "inert",
            "reference_rejects",
        ];
        WORST.iter().position(|one| *one == self.outcome).unwrap_or(WORST.len())
    }

    /// Says the outcome in few columns: `=` alike, `R` the reference alone moves, `≠` both and apart.
    pub fn sign(&self) -> &'static str {
        match self.outcome.as_str() {
            "same" => "=",
            "close" => "≈",
            "ignored" => "R!",
            "different" => "≠!",
            "port_only" => "P",
            "port_rejects" => "P✗",
            "inert" => "·",
            "reference_rejects" => "R✗",
            _ => "?",
        }
    }

    /// Says the outcome in words.
    pub fn words(&self) -> String {
        let number = |value: Option<f64>| value.map_or_else(|| "?".into(), |value| format!("{value:.2e}"));
        match self.outcome.as_str() {
            "same" => format!("both move alike, by {}", number(self.reference_moved)),
            "close" => format!("both move, {} apart: near the bar", number(self.error)),
            "ignored" => {
                format!("the reference moves by {}, the port does not", number(self.reference_moved))
            }
            "different" => format!("both move, {} apart", number(self.error)),
            "port_only" => format!("the port moves by {}, the reference does not", number(self.port_moved)),
            "port_rejects" => "the port raises".into(),
            "inert" => "neither moves".into(),
            "reference_rejects" => "the reference refuses it".into(),
            other => other.to_string(),
        }
    }
}

/// The person's word on an alarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    pub reason: String,
    /// RFC 3339, in UTC.
    pub at: String,
}

/// What the person has rejected, by key.
pub type Rejections = BTreeMap<String, Rejection>;
