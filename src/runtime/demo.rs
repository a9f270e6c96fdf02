//! The demo: a recorded conversation served to the ordinary client, the recorded person's steps played one by one, and a
//! workspace of its own. Tools, checks, files, commit and push are real; the screen says what is recorded.

use std::path::PathBuf;
use std::process::ExitCode;

use tokio_util::sync::CancellationToken;

use super::services::Services;
use crate::app::facts::DemoFacts;
use crate::app::{State, recorded};
use crate::config::Home;
use crate::session::data::{PersonStep, TimedStep};
use crate::session::endpoint::{Pace, RecordedEndpoint};
use crate::session::record::Recording;
use crate::util::blame::{Blame, Report};
use crate::util::fs::{self, FileLock};

/// The recording that the program brings.
const ARCEE: &str = include_str!("../../recordings/arcee.jsonl");
/// Configs beside it, made from the config class: its defaults, and a variant with YaRN.
const CONFIGS: [(&str, &str); 2] = [
    ("defaults", include_str!("../../recordings/arcee/defaults/config.json")),
    ("yarn", include_str!("../../recordings/arcee/yarn/config.json")),
];
/// A recording of the person's, in the demo's folder.
const RECORDING: &str = "recording.jsonl";
/// Workspaces of earlier demos that are kept to look at.
const KEPT: usize = 1;

/// What a demo plays, and how.
#[derive(Debug)]
pub struct DemoOptions {
    /// A recording of the person's; none plays the program's own.
    pub recording: Option<PathBuf>,
    pub mode: Mode,
    /// Says that the demo's folder is in use; see [`home`].
    pub lock: Option<FileLock>,
}

/// Who presses the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The person, one recorded step a key.
    Keys,
    /// Nobody: every step is played as soon as it can be.
    Auto,
}

/// A demo being played.
#[derive(Debug)]
pub struct Demo {
    steps: std::collections::VecDeque<PersonStep>,
    total: usize,
    pub mode: Mode,
    /// Where the demo's repositories are; its push goes nowhere else.
    pub workspace: PathBuf,
    _endpoint: tokio_util::sync::DropGuard,
}

impl DemoOptions {
    /// Reads the recording.
    pub fn recording(&self) -> Result<Recording, Report> {
        match &self.recording {
            Some(path) if !path.is_file() => {
                let text = format!("--recording {}: there is no such file", path.display());
                Err(Report::new(Blame::User, text).hint("write one with `mlxport record ID -o FILE`"))
            }
            Some(path) => Recording::load(path).map_err(|error| Report::from(&error)),
            None => Recording::parse(ARCEE).map_err(|(line, text)| {
                Report::new(Blame::Bug, format!("the program's own recording, line {line}: {text}"))
            }),
        }
    }
}

/// Writes the recording's configs into the demo's folder; a recording of the person's own brings none.
pub fn configs(options: &DemoOptions, home: &Home) -> Result<Vec<PathBuf>, Report> {
    if options.recording.is_some() {
        return Ok(Vec::new());
    }
    let written = CONFIGS.map(|(name, text)| {
        let folder = home.root().join("configs").join(name);
        fs::write_atomic(&folder.join("config.json"), text.as_bytes()).map(|()| folder)
    });
    written.into_iter().collect::<Result<_, _>>().map_err(|error| Report::from(&error))
}

/// Makes a fresh data folder for a demo below the person's, sharing environment and cache; removes older ones.
pub fn home(of: &Home, session: &str) -> Result<(Home, FileLock), Report> {
    let demos = of.root().join("demo");
    fs::create_dir(&demos).map_err(|error| Report::from(&error))?;
    let mut old = std::fs::read_dir(&demos)
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect::<Vec<_>>())
        .unwrap_or_default();
    old.sort();
    for path in old.iter().rev().skip(KEPT) {
        // One that another demo is playing in stays; what cannot be removed now is taken next time.
        if FileLock::try_now(&path.join("lock")).is_ok() {
            let _ = std::fs::remove_dir_all(path);
        }
    }
    let folder = demos.join(session);
    let lock = FileLock::try_now(&folder.join("lock")).map_err(|error| Report::from(&error))?;
    Ok((of.nested(folder), lock))
}

/// Keeps a recording of the person's in the demo's folder, so that the demo can be gone on with.
pub fn keep_recording(options: &DemoOptions, home: &Home) -> Result<(), Report> {
    let Some(path) = &options.recording else { return Ok(()) };
    let text = fs::read_text(path).map_err(|error| Report::from(&error))?;
    fs::write_atomic(&home.root().join(RECORDING), text.as_bytes()).map_err(|error| Report::from(&error))
}

/// Finds the demo below a data folder that has a session whose id starts so; the newest demo where nothing is named.
pub fn again(of: &Home, id: Option<&str>) -> Option<(Home, String)> {
    let entries = std::fs::read_dir(of.root().join("demo")).ok()?;
    let mut demos: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    demos.sort();
    demos.into_iter().rev().find_map(|folder| {
        let home = of.nested(folder);
        let found = crate::session::find(&home, id).ok()?;
        Some((home, found))
    })
}

/// What an earlier demo in this folder plays.
pub fn options(home: &Home) -> Result<DemoOptions, Report> {
    let lock = FileLock::try_now(&home.root().join("lock")).map_err(|error| Report::from(&error))?;
    let recording = Some(home.root().join(RECORDING)).filter(|path| path.is_file());
    Ok(DemoOptions { recording, mode: Mode::Keys, lock: Some(lock) })
}

impl Demo {
    /// Serves the recording and takes its steps, without those that an earlier run of this demo played.
    pub async fn start(options: &DemoOptions, played: usize, services: &Services) -> Result<Self, Report> {
        let recording = options.recording()?;
        let steps = recording.person_steps().into_iter().map(|TimedStep { step, .. }| step);
        let mut steps = steps.collect::<std::collections::VecDeque<_>>();
        let total = steps.len();
        steps.drain(..played.min(total));
        let pace = if options.mode == Mode::Auto { Pace::Instant } else { Pace::READING };
        let endpoint = RecordedEndpoint::bind(recording, pace).await.map_err(|error| Report::from(&error))?;
        services.models.set_endpoint(endpoint.base_url().to_string());
        let cancel = CancellationToken::new();
        super::jobs::serve(endpoint.run(cancel.clone()));
        let workspace = services.home().root().to_path_buf();
        Ok(Self { steps, total, mode: options.mode, workspace, _endpoint: cancel.drop_guard() })
    }

    /// Says what the screen should say of the demo.
    pub fn facts(&self) -> DemoFacts {
        let next = self.steps.front().map(PersonStep::words);
        DemoFacts { next, played: self.total - self.steps.len(), total: self.total }
    }

    /// Gives the next step if it may be played now.
    pub fn next(&mut self, state: &State) -> Option<PersonStep> {
        if self.steps.front().is_some_and(|step| recorded::ready(state, step)) {
            self.steps.pop_front()
        } else {
            None
        }
    }

    /// Whether nothing is left to play.
    pub fn is_done(&self) -> bool {
        self.steps.is_empty()
    }

    /// Says how an automatic demo ended: it passes only if the last checks passed and the push arrived.
    pub fn conclude(&self, state: &State) -> (Vec<String>, ExitCode) {
        let verdict = state.facts.verdict.as_ref();
        let passed = verdict.is_some_and(|verdict| verdict.pass);
        let pushed = state.panes.pr.pushed();
        let mut lines = Vec::new();
        if !self.steps.is_empty() {
            let left = self.steps.iter().map(PersonStep::words).collect::<Vec<_>>().join(", ");
            lines.push(format!("[demo] not played: {left}"));
        }
        lines.extend(pushed.map(|commit| format!("[demo] commit {commit} is on the fork")));
        let words =
            verdict.map_or("none".to_string(), |verdict| format!("{} run {}", verdict.name, verdict.run_id));
        lines.push(format!("verdict: {words}"));
        let good = passed && pushed.is_some() && self.steps.is_empty();
        let code = u8::from(!good);
        lines.push(format!("exit: {code}"));
        (lines, ExitCode::from(code))
    }
}
