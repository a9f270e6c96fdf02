//! What several areas need.

use std::path::PathBuf;

pub mod env;
#[allow(dead_code, unused_imports, reason = "each area uses what it needs")]
pub mod hub;
pub mod pty;
pub mod sse;

/// Finds the system's Python for stand-in programs; the real worker uses the test environment's.
pub fn python3() -> PathBuf {
    ["/usr/bin/python3", "/usr/local/bin/python3", "/opt/homebrew/bin/python3"]
        .into_iter()
        .map(PathBuf::from)
        .find(|path| path.exists())
        .expect("a python3 in a usual place")
}
