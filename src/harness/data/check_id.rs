//! The names of checks. Open: the worker's package brings new ones, and an old run may carry one that is gone. What each
//! proves is the package's to say: see [`crate::harness::plan`].

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Deserializer, Serialize};

use super::plan;

/// A check, by the name that the worker, the command line and the screen use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct CheckId(&'static str);

/// Names known so far; a name is kept once, for as long as the program runs.
static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
/// More names than any package has: a worker that invents names must not fill the memory.
const MOST: usize = 1024;
const LONGEST: usize = 40;

impl CheckId {
    /// Float32 exactness of all logits on both twins.
    pub const EXACT: Self = Self("exact");
    /// Output dtype: no stray promotion.
    pub const DTYPE: Self = Self("dtype");
    /// Full pass against prefill and token-by-token decode with a cache.
    pub const CACHE: Self = Self("cache");
    /// The first module whose output differs.
    pub const LOCATE: Self = Self("locate");

    /// Gives the name on the wire.
    pub fn name(self) -> &'static str {
        self.0
    }

    /// Takes a name of small letters, digits, `-` and `_`.
    pub fn named(name: &str) -> Option<Self> {
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if name.is_empty() || name.len() > LONGEST || !name.chars().all(legal) {
            return None;
        }
        let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = names.get(name) {
            return Some(Self(known));
        }
        if names.len() >= MOST {
            return None;
        }
        let kept: &'static str = Box::leak(name.to_string().into_boxed_str());
        names.insert(kept);
        Some(Self(kept))
    }
}

/// In the order in which they run; what is not in the plan comes last, by name.
impl Ord for CheckId {
    fn cmp(&self, other: &Self) -> Ordering {
        (plan::position(*self), self.0).cmp(&(plan::position(*other), other.0))
    }
}

impl PartialOrd for CheckId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl FromStr for CheckId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::named(text).ok_or_else(|| format!("`{text}` is not the name of a check"))
    }
}

impl<'de> Deserialize<'de> for CheckId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_once_and_what_is_no_name_is_refused() {
        let (one, other) = (CheckId::named("new-check"), CheckId::named("new-check"));
        assert_eq!(one, other);
        assert_eq!(CheckId::named("exact"), Some(CheckId::EXACT));
        for wrong in ["", "Exact", "a b", "\x1b[2J", &"a".repeat(41)] {
            assert_eq!(CheckId::named(wrong), None, "{wrong:?}");
        }
        let id: CheckId = serde_json::from_str("\"upstream-test\"").expect("a name");
        assert_eq!(serde_json::to_string(&id).expect("text"), "\"upstream-test\"");
    }
}
