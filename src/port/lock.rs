//! The locked requirements that are part of the program, and what they say.

use crate::util::id::sha256_hex;

const EMBEDDED: &str = include_str!("../harness/python/requirements.lock");

/// The script that runs the packages once and says what they are.
const PROBE: &str = include_str!("probe.py");

/// What an environment is built from.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    pub lock: String,
    pub probe: String,
    /// Bytes that the packages take once unpacked, about.
    pub bytes: u64,
}

impl Recipe {
    /// The recipe of this program.
    pub fn embedded() -> Self {
        // Linux was measured (torch from the index brings CUDA's libraries along); macOS is the sum of its wheels, about.
        let bytes = if cfg!(target_os = "macos") { 1_400_000_000 } else { 5_700_000_000 };
        Self { lock: EMBEDDED.into(), probe: PROBE.into(), bytes }
    }

    pub fn sha(&self) -> String {
        sha256_hex(self.lock.as_bytes())
    }

    /// Gives the version and the lines of one package, hashes included, as a requirements file of its own.
    pub fn package(&self, name: &str) -> Option<(String, String)> {
        let start = format!("{name}==");
        let mut lines = self.lock.lines().skip_while(|line| !line.starts_with(&start));
        let first = lines.next()?;
        let version = first[start.len()..].split([' ', '\\', ';']).next()?.to_string();
        let rest = lines.take_while(|line| line.trim_start().starts_with("--hash"));
        let text: Vec<&str> = std::iter::once(first).chain(rest).collect();
        Some((version, text.join("\n") + "\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pinned_release_stands_in_the_lock_with_its_hashes() {
        let (version, text) = Recipe::embedded().package("mlx-lm").expect("mlx-lm is locked");
        assert_eq!(version, "0.32.2");
        assert!(
            text.lines().count() >= 3 && text.lines().skip(1).all(|line| line.contains("sha256:")),
            "{text}"
        );
        assert!(text.trim_end().ends_with(|c: char| c.is_ascii_hexdigit()), "{text}");
    }
}
