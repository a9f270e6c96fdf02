//! Closes what a child must not inherit.

use std::path::Path;

use nix::unistd::close;

/// Closes every descriptor but standard input, output and error. Rust opens files so that they close by themselves,
/// but whoever started this program may not have.
pub fn inherited() {
    let folder = if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" };
    for number in listed(Path::new(folder)) {
        // The one that read the folder is closed already, which is what was wanted.
        let _ = close(number);
    }
}

fn listed(folder: &Path) -> Vec<i32> {
    let Ok(entries) = std::fs::read_dir(folder) else { return (3..1024).collect() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    names.filter(|number| *number > 2).collect()
}
