//! The demo: a recorded conversation served to the ordinary client, the recorded person's steps played one by one, and a
//! workspace of its own. Tools, checks, files, commit and push are real; the screen says what is recorded.

use std::path::PathBuf;
use std::process::ExitCode;

use tokio_util::sync::CancellationToken;

use super::recordings::Which;
use super::services::Services;
use crate::app::facts::DemoFacts;
use crate::app::{State, recorded};
use crate::config::Home;
use crate::session;
use crate::session::data::{Line, PersonStep, TimedStep};
use crate::session::endpoint::{Pace, RecordedEndpoint};
use crate::util::blame::Report;
use crate::util::fs::{self, FileLock};

/// What is played, in the demo's folder.
const RECORDING: &str = "recording.jsonl";
/// Workspaces of earlier demos that are kept to look at.
const KEPT: usize = 1;

/// What a demo plays, and how.
#[derive(Debug)]
pub struct DemoOptions {
    pub which: Which,
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
    /// The recording, to compare with what is done now.
    lines: Vec<Line>,
    steps: std::collections::VecDeque<PersonStep>,
    total: usize,
    pub mode: Mode,
    /// Where the demo's repositories are; its push goes nowhere else.
    pub workspace: PathBuf,
    _endpoint: tokio_util::sync::DropGuard,
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

/// Keeps in the demo's folder what is played, so that it can be gone on with. Gives where the configs are.
pub fn keep(which: &Which, home: &Home) -> Result<Vec<PathBuf>, Report> {
    let text = which.text()?;
    fs::write_atomic(&home.root().join(RECORDING), text.as_bytes()).map_err(|error| Report::from(&error))?;
    which.write_configs(&home.root().join("configs"))
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
    let kept = Some(home.root().join(RECORDING)).filter(|path| path.is_file());
    let which = kept.map_or_else(Which::default, Which::File);
    Ok(DemoOptions { which, mode: Mode::Keys, lock: Some(lock) })
}

impl Demo {
    /// Serves the recording and takes its steps, without those that an earlier run of this demo played.
    pub async fn start(options: &DemoOptions, played: usize, services: &Services) -> Result<Self, Report> {
        let recording = options.which.recording()?;
        let lines = recording.lines.clone();
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
        let (mode, endpoint) = (options.mode, cancel.drop_guard());
        Ok(Self { lines, steps, total, mode, workspace, _endpoint: endpoint })
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

    /// Says how an automatic demo ended: it passes only if all went as it is recorded, the last checks passed and the push
    /// arrived.
    pub fn conclude(&self, state: &State, services: &Services) -> (Vec<String>, ExitCode) {
        let verdict = state.facts.verdict.as_ref();
        let passed = verdict.is_some_and(|verdict| verdict.pass);
        let pushed = state.panes.pr.pushed();
        let mut lines = Vec::new();
        if !self.steps.is_empty() {
            let left = self.steps.iter().map(PersonStep::words).collect::<Vec<_>>().join(", ");
            lines.push(format!("[demo] not played: {left}"));
        }
        lines.extend(pushed.map(|commit| format!("[demo] commit {commit} is on the fork")));
        let differences = match session::record::lines(services.home(), &services.session) {
            Ok(played) => session::differences(&self.lines, &played),
            Err(error) => vec![format!("the session cannot be read: {error}")],
        };
        lines.extend(differences.iter().map(|text| format!("[demo] not as recorded: {text}")));
        let words =
            verdict.map_or("none".to_string(), |verdict| format!("{} run {}", verdict.name, verdict.run_id));
        lines.push(format!("verdict: {words}"));
        let good = passed && pushed.is_some() && self.steps.is_empty() && differences.is_empty();
        let code = u8::from(!good);
        lines.push(format!("exit: {code}"));
        (lines, ExitCode::from(code))
    }
}
