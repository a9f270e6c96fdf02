//! Bytes on the disk, counted while a step runs: each file once, however often it is linked.

use std::collections::{HashSet, VecDeque};
use std::future::Future;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::context::Context;
use super::data::{Bytes, SetupEvent, StepId};

const EVERY: Duration = Duration::from_millis(1500);
const WINDOW: usize = 8;

/// Counts the bytes below these folders.
pub(super) fn bytes_below(folders: &[PathBuf]) -> u64 {
    let mut seen = HashSet::new();
    let files = folders.iter().flat_map(|folder| walkdir::WalkDir::new(folder).into_iter().flatten());
    files
        .filter_map(|entry| entry.metadata().ok())
        .filter(|meta| meta.is_file() && (meta.nlink() == 1 || seen.insert((meta.dev(), meta.ino()))))
        .map(|meta| meta.len())
        .sum()
}

/// Says whether two folders lie on one disk, so that files of one can be linked into the other. A folder that is not
/// there yet will lie where its parents do.
pub(super) fn same_disk(a: &std::path::Path, b: &std::path::Path) -> bool {
    let disk = |path: &std::path::Path| {
        let there = path.ancestors().find(|path| path.exists())?;
        std::fs::metadata(there).ok().map(|meta| meta.dev())
    };
    disk(a) == disk(b)
}

/// Does some work while reporting how the folders grow towards `total`.
pub(super) async fn watch<T>(
    context: &Context,
    step: StepId,
    (folders, total): (Vec<PathBuf>, u64),
    work: impl Future<Output = T>,
) -> T {
    let report = async {
        let mut seen: VecDeque<(Instant, u64)> = VecDeque::new();
        loop {
            let (folders, asked) = (folders.clone(), Instant::now());
            let counted = tokio::task::spawn_blocking(move || bytes_below(&folders)).await.unwrap_or(0);
            seen.push_back((Instant::now(), counted));
            if seen.len() > WINDOW {
                seen.pop_front();
            }
            (context.sink)(SetupEvent::Progress { step, bytes: rate(&seen, total) });
            // Counting must stay cheap beside the work it watches.
            tokio::time::sleep(EVERY.max(asked.elapsed() * 5)).await;
        }
    };
    tokio::select! {
        done = work => done,
        never = report => never,
    }
}

fn rate(seen: &VecDeque<(Instant, u64)>, total: u64) -> Bytes {
    let (Some(first), Some(last)) = (seen.front(), seen.back()) else {
        return Bytes { done: 0, total, rate: 0, seconds_left: None };
    };
    let done = last.1.min(total);
    let seconds = last.0.duration_since(first.0).as_secs_f64();
    let rate = if seconds > 0.0 { (last.1.saturating_sub(first.1) as f64 / seconds) as u64 } else { 0 };
    let seconds_left = (total - done).checked_div(rate);
    Bytes { done, total, rate, seconds_left }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hard_link_is_counted_once() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        crate::util::fs::write_atomic(&a.join("one"), &[0; 1000]).expect("a file");
        crate::util::fs::create_dir(&b).expect("a folder");
        std::fs::hard_link(a.join("one"), b.join("one")).expect("a link");
        assert_eq!(bytes_below(&[a.clone(), b]), 1000);
        assert_eq!(bytes_below(&[a.join("nothing")]), 0);
    }

    #[test]
    fn the_rate_is_over_the_last_seconds_and_gives_the_rest() {
        let now = Instant::now();
        let seen = VecDeque::from([(now, 100), (now + Duration::from_secs(10), 1100)]);
        assert_eq!(rate(&seen, 2100), Bytes { done: 1100, total: 2100, rate: 100, seconds_left: Some(10) });
        let still = VecDeque::from([(now, 100), (now + Duration::from_secs(10), 100)]);
        assert_eq!(rate(&still, 2100), Bytes { done: 100, total: 2100, rate: 0, seconds_left: None });
    }
}
