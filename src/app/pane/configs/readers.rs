//! Who reads a key, from what the sources say.

use std::collections::BTreeSet;

/// The keys that each side reads, dotted as they are written there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    pub reference: BTreeSet<String>,
    pub port: BTreeSet<String>,
}

/// Who reads a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    Both,
    /// The reference, while there is no port yet.
    Reference,
    /// The alarm: the reference reads it and the port does not.
    ReferenceOnly,
    PortOnly,
    Nobody,
    /// No source is open yet.
    Unknown,
}

impl Reads {
    /// Says who reads a key.
    pub fn of(&self, path: &str) -> Readers {
        if self.reference.is_empty() && self.port.is_empty() {
            return Readers::Unknown;
        }
        match (reads_somehow(&self.reference, path), reads(&self.port, path)) {
            (true, true) => Readers::Both,
            // No port is open yet, so nothing can be missing in it.
            (true, false) if self.port.is_empty() => Readers::Reference,
            (true, false) => Readers::ReferenceOnly,
            (false, true) => Readers::PortOnly,
            (false, false) => Readers::Nobody,
        }
    }
}

/// A port reads a key by its own path or with the block that it is in. Its last name alone is not enough: a port that
/// reads `rope_theta` does not read transformers 5's `rope_parameters.rope_theta`, and is wrong for it.
fn reads(keys: &BTreeSet<String>, path: &str) -> bool {
    let path = path.strip_prefix("text_config.").unwrap_or(path);
    let above = std::iter::successors(Some(path), |path| path.rsplit_once('.').map(|(block, _)| block));
    above.into_iter().any(|path| keys.contains(path))
}

/// transformers brings old spellings to new ones before its model reads them, so the last name is enough.
fn reads_somehow(keys: &BTreeSet<String>, path: &str) -> bool {
    let last = path.rsplit('.').next();
    let rope = path.split('.').any(|block| block == "rope_scaling")
        && keys.iter().any(|key| key.starts_with("rope_parameters"));
    rope || reads(keys, path) || keys.iter().any(|key| key.rsplit('.').next() == last)
}
