//! The last listing of each model_type, kept in the data folder, so that discovery shows something before the Hub answers
//! and when it does not. Beside the Hub cache, which only knows what was downloaded.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::arrange::Entry;
use crate::hub::data::RepoInfo;
use crate::hub::data::discover::Seen;
use crate::util::fs;

/// More are not kept: the rest is asked for anew.
const MOST: usize = 2_000;
const LARGEST: u64 = 32 << 20;

#[derive(Serialize, Deserialize)]
struct Kept {
    schema: u32,
    /// Seconds since 1970.
    asked: u64,
    infos: Vec<RepoInfo>,
}

/// Gives the file of a Hub's listing for a model_type.
pub fn file(folder: &Path, host: &str, model_type: &str) -> PathBuf {
    let plain = |text: &str| -> String {
        text.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect()
    };
    folder.join(plain(host)).join(format!("{}.json", plain(model_type)))
}

/// Reads what was kept; a file of another version or a broken one counts as none.
pub fn load(path: &Path) -> Vec<Entry> {
    let small = std::fs::metadata(path).is_ok_and(|meta| meta.len() <= LARGEST);
    let bytes = if small { std::fs::read(path).unwrap_or_default() } else { Vec::new() };
    let Ok(kept) = serde_json::from_slice::<Kept>(&bytes) else { return Vec::new() };
    if kept.schema != 1 {
        return Vec::new();
    }
    let age = now().saturating_sub(kept.asked);
    kept.infos.into_iter().map(|info| Entry { info, seen: Seen::Kept { age }, config: None }).collect()
}

/// Keeps what the Hub said just now. What cannot be written is not missed until the next time offline.
pub fn store(path: &Path, infos: &[RepoInfo]) {
    let kept = Kept { schema: 1, asked: now(), infos: infos.iter().take(MOST).cloned().collect() };
    let bytes = serde_json::to_vec(&kept).unwrap_or_default();
    let made = path.parent().is_none_or(|folder| std::fs::create_dir_all(folder).is_ok());
    if let (true, Err(error)) = (made, fs::write_atomic(path, &bytes)) {
        tracing::warn!("the listing is not kept: {error}");
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::data::RepoId;

    #[test]
    fn a_listing_comes_back_with_its_age_and_a_broken_one_does_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = file(folder.path(), "hub.local:80", "../q");
        assert!(path.starts_with(folder.path()) && !path.display().to_string().contains("../"));
        let info = RepoInfo { id: RepoId::parse("lab/Q").ok(), downloads: Some(3), ..RepoInfo::default() };
        store(&path, std::slice::from_ref(&info));
        let back = load(&path);
        assert_eq!(back.len(), 1);
        assert_eq!(back[0].info, info);
        assert!(matches!(back[0].seen, Seen::Kept { age: 0..=5 }));
        fs::write_atomic(&path, b"{\"schema\": 1").expect("written");
        assert!(load(&path).is_empty());
        assert!(load(Path::new("/no/such/file")).is_empty());
    }
}
