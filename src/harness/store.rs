//! The results folder: `results/<run_id>/{run.json, events.jsonl, port.py}`. A run is there whole or not at all:
//! `run.json` is written last and atomically, and folders without it are no runs.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use tokio::task::JoinHandle;

use super::data::{Event, Evidence, Ground, PortFile, StoredRun};
use super::error::HarnessError;
use super::{embed, files, ground};
use crate::util::fs::{FsError, open_append, read_text, write_atomic};
use crate::util::id::sha256_hex;

/// A run being stored.
#[derive(Debug)]
pub struct Recorder {
    folder: PathBuf,
    events: File,
}

impl Recorder {
    /// Makes the run's folder.
    pub fn create(results: &Path, run_id: &str) -> Result<Self, HarnessError> {
        let folder = results.join(run_id);
        let events = open_append(&folder.join("events.jsonl"))?;
        Ok(Self { folder, events })
    }

    /// Keeps a copy of the file under test, on another thread: a slow disk must not hold the verdict up.
    pub fn keep_port(&self, bytes: Option<Vec<u8>>) -> JoinHandle<Result<(), FsError>> {
        let path = self.folder.join("port.py");
        tokio::task::spawn_blocking(move || bytes.map_or(Ok(()), |bytes| write_atomic(&path, &bytes)))
    }

    /// Notes what the port rests on, as it is now, while the worker works.
    pub fn look(&self, checkout: &Path, port: Option<Vec<u8>>) -> JoinHandle<Ground> {
        let checkout = checkout.to_path_buf();
        tokio::task::spawn_blocking(move || ground::look(&checkout, port.as_deref()))
    }

    /// Appends one event. A full disk shows when the run itself is stored.
    pub fn event(&mut self, event: &Event) {
        if let Ok(mut line) = serde_json::to_vec(event) {
            line.push(b'\n');
            let _ = self.events.write_all(&line);
        }
    }

    /// Keeps the folder of files that a family left, as `files`. It is the worker's scratch until now.
    pub fn keep_files(&self, left: &Path) -> Result<(), HarnessError> {
        if !left.is_dir() {
            return Ok(());
        }
        let kept = self.folder.join("files");
        for entry in walkdir::WalkDir::new(left).follow_links(false).into_iter().filter_map(Result::ok) {
            let Ok(below) = entry.path().strip_prefix(left) else { continue };
            // A link could lead out of the scratch folder: only files are kept.
            if entry.file_type().is_file() {
                let path = entry.path().to_path_buf();
                let bytes = fs::read(&path).map_err(|source| FsError::Read { path, source })?;
                write_atomic(&kept.join(below), &bytes)?;
            }
        }
        Ok(())
    }

    /// Stores the run; from here on it is listed.
    pub fn finish(&self, run: &StoredRun) -> Result<(), HarnessError> {
        let path = self.folder.join("run.json");
        let text = serde_json::to_vec_pretty(run)
            .map_err(|source| HarnessError::BadRun { path: path.clone(), source })?;
        Ok(write_atomic(&path, &text)?)
    }

    /// Writes what people read beside it, and keeps configs and the harness's source. After the verdict is out: it can
    /// be made again from `run.json`.
    pub fn describe(&self, run: &StoredRun, results: &Path) -> Result<(), HarnessError> {
        write_atomic(&self.folder.join("summary.md"), files::summary(run).as_bytes())?;
        write_atomic(&self.folder.join("reproduce.md"), files::reproduce(run).as_bytes())?;
        for (index, config) in run.configs.iter().enumerate() {
            let (bytes, _) = read_port(&config.path)?;
            write_atomic(&self.folder.join(format!("configs/{index}/config.json")), &bytes)?;
        }
        files::keep_sources(results)
    }

    /// Removes what a run without a result left.
    pub fn discard(self) {
        // What cannot be removed is no run either: it has no run.json.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Loads one run.
pub fn load(results: &Path, run_id: &str) -> Result<StoredRun, HarnessError> {
    let missing = || HarnessError::NoRun { run_id: run_id.into(), results: results.to_path_buf() };
    // A run id comes from the person or from a language model: never a path.
    if run_id.is_empty() || !run_id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Err(missing());
    }
    let path = results.join(run_id).join("run.json");
    let text = read_text(&path).map_err(|_| missing())?;
    serde_json::from_str(&text).map_err(|source| HarnessError::BadRun { path, source })
}

/// Reads a run's name: its id, or `last`, `last-1` … counted from the newest.
pub fn resolve(results: &Path, name: &str) -> String {
    let back = match name.strip_prefix("last") {
        Some("") => Some(0),
        Some(rest) => rest.strip_prefix('-').and_then(|count| count.parse::<usize>().ok()),
        None => None,
    };
    back.and_then(|back| ids(results).into_iter().nth(back)).unwrap_or_else(|| name.to_string())
}

/// Lists run ids, newest first. Ids sort by time.
pub fn ids(results: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(results) else { return Vec::new() };
    let mut ids: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().join("run.json").is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    ids.sort_unstable_by(|a, b| b.cmp(a));
    ids
}

/// Lists the newest runs of a model type, at most `count`; unreadable ones are passed over.
pub fn list(results: &Path, model_type: &str, count: usize) -> Vec<StoredRun> {
    ids(results)
        .iter()
        .filter_map(|id| load(results, id).ok())
        .filter(|run| run.result.model_type == model_type)
        .take(count)
        .collect()
}

/// Gives the newest run of one port's file; what another file of the same model type got says nothing of it.
pub fn latest_of(results: &Path, port: &Path) -> Option<StoredRun> {
    let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let port = real(port);
    let of_port = |run: &StoredRun| run.port.as_ref().is_some_and(|file| real(&file.path) == port);
    ids(results).iter().filter_map(|id| load(results, id).ok()).find(of_port)
}

/// Reads a file under test: its bytes and what identifies them.
pub fn read_port(path: &Path) -> Result<(Vec<u8>, PortFile), FsError> {
    let failed = |source| FsError::Read { path: path.to_path_buf(), source };
    let bytes = fs::read(path).map_err(failed)?;
    let sha256 = sha256_hex(&bytes);
    Ok((bytes, PortFile { path: path.to_path_buf(), sha256 }))
}

/// Says whether a run still speaks of its files as they are now.
pub fn evidence(run: &StoredRun) -> Evidence {
    let Some(port) = &run.port else { return Evidence::Unknown };
    match port.path.is_file() {
        false => Evidence::Unknown,
        true if stale(run).is_empty() => Evidence::Current,
        true => Evidence::Stale,
    }
}

/// Says why a run no longer speaks of what is there now: changed files, mlx-lm's shared modules, other versions, another
/// harness. Nothing where it does.
pub fn stale(run: &StoredRun) -> Vec<String> {
    let changed = |file: &&PortFile| read_port(&file.path).map_or(true, |(_, now)| now.sha256 != file.sha256);
    let mut reasons: Vec<String> = run
        .port
        .iter()
        .chain(&run.configs)
        .filter(changed)
        .map(|file| format!("{} has changed since", file.path.display()))
        .collect();
    reasons.extend(ground::changed(&run.ground));
    if run.harness.as_deref().is_some_and(|hash| hash != embed::hash()) {
        reasons.push("the harness has changed since".into());
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::super::data::{RunResult, SCHEMA, Verdict};
    use super::*;

    fn run(id: &str, port: Option<PortFile>) -> StoredRun {
        let result = RunResult {
            schema: SCHEMA,
            run_id: id.into(),
            family: "twin".into(),
            model_type: "arcee".into(),
            variant: "default".into(),
            verdict: Verdict::Pass,
            checks: Vec::new(),
            environment: Default::default(),
        };
        StoredRun {
            asked: "2026-11-23T00:00:00Z".into(),
            seconds: 0.5,
            port,
            configs: Vec::new(),
            harness: None,
            ground: Ground::default(),
            result,
        }
    }

    #[test]
    fn a_stored_run_is_read_back_whole_and_an_unfinished_one_is_not_listed() {
        let results = tempfile::tempdir().expect("a temporary folder");
        let first = run("20261123T000000-a", None);
        let second = run("20261123T000001-b", None);
        for run in [&first, &second] {
            let recorder = Recorder::create(results.path(), &run.result.run_id).expect("create");
            recorder.finish(run).expect("finish");
        }
        Recorder::create(results.path(), "20261123T000002-c").expect("create");
        assert_eq!(list(results.path(), "arcee", 9), [second, first]);
        assert_eq!(list(results.path(), "llama", 9), []);
    }

    #[test]
    fn the_last_run_of_a_port_is_not_that_of_another_file_of_its_type() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = |name: &str| {
            let path = folder.path().join(name);
            write_atomic(&path, b"one").expect("write");
            read_port(&path).expect("read").1
        };
        let (own, other) = (file("arcee.py"), file("elsewhere.py"));
        let first = run("20261123T000000-a", Some(own.clone()));
        for run in [&first, &run("20261123T000001-b", Some(other)), &run("20261123T000002-c", None)] {
            let recorder = Recorder::create(folder.path(), &run.result.run_id).expect("create");
            recorder.finish(run).expect("finish");
        }
        assert_eq!(latest_of(folder.path(), &own.path), Some(first));
        assert_eq!(latest_of(folder.path(), &folder.path().join("never.py")), None);
    }

    #[test]
    fn a_run_id_is_never_a_path() {
        let results = tempfile::tempdir().expect("a temporary folder");
        assert!(matches!(load(results.path(), "../secret"), Err(HarnessError::NoRun { .. })));
    }

    #[test]
    fn evidence_goes_stale_when_the_file_changes() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("arcee.py");
        write_atomic(&path, b"one").expect("write");
        let (_, port) = read_port(&path).expect("read");
        let run = run("20261123T000000-a", Some(port));
        assert_eq!(evidence(&run), Evidence::Current);
        write_atomic(&path, b"two").expect("write");
        assert_eq!(evidence(&run), Evidence::Stale);
        fs::remove_file(&path).expect("remove");
        assert_eq!(evidence(&run), Evidence::Unknown);
    }
}
