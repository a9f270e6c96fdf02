//! Checks, their figures, and where the port diverges first. A save of the port starts a run; the rows keep the last word
//! of every check, failures first; evidence and log open over them.

mod events;
mod log;
mod rows;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::source;
use super::{Ctx, Pane, PaneId, Used};
use crate::app::action::{Binding, row};
use crate::app::facts::VerdictFacts;
use crate::app::job::JobKind;
use crate::app::key::{Code, Key, Mouse, MouseKind};
use crate::app::msg::PaneMsg;
use crate::app::{Millis, action, effect};
use crate::harness::data::{CheckId, Environment, Event, Evidence, StoredRun, TwinRequest, plan};
use crate::util::blame::Report;

pub use log::{Log, failed};
pub use rows::{Mark, Row};

/// What jobs and other panes tell it.
#[derive(Clone, Debug)]
pub enum Msg {
    /// The workspace is there; `Facts::workspace` says where.
    WorkspaceReady,
    /// The port was saved: run the twin check. `at` is when, for the measured latency.
    PortSaved { at: Millis },
    /// Run these checks: the ledger asks for those that change the config.
    Run(Vec<CheckId>),
    /// A run of this pane says something.
    Event(Box<Event>),
    /// A run that the model asked for says something; Chat records its result.
    ToolEvent(Box<Event>),
    /// The last stored run of this architecture, and whether it still speaks of the file.
    Last { run: Box<StoredRun>, evidence: Evidence },
    /// The run that was pinned in an earlier life of this session.
    Pinned { run: Box<StoredRun> },
}

/// What it asks the runtime to do.
#[derive(Clone, Debug)]
pub enum Job {
    /// Load the last stored run and start the worker, so that the first save finds it warm.
    Open { model_type: String, pinned: Option<String> },
    /// Run a twin check; its events come back as [`Msg::Event`].
    Check { request: Box<TwinRequest> },
}

/// What its rows of the registry ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Next,
    Previous,
    PageDown,
    PageUp,
    Top,
    Bottom,
    Evidence,
    GoTo,
    Rerun,
    RerunFailed,
    Full,
    Log,
    Pin,
    Compare,
    Filter,
    NextFailure,
    PreviousFailure,
}

const fn of(action: Action) -> action::Action {
    action::Action::Harness(action)
}

/// Its rows of the registry.
pub const ACTIONS: &[Binding] = &[
    row("harness.evidence", "Evidence", &["enter"], ("", 1), of(Action::Evidence)),
    row("harness.go", "Go to divergence", &["g"], ("", 2), of(Action::GoTo)),
    row("harness.rerun", "Rerun", &["r"], ("", 3), of(Action::Rerun)),
    row("harness.rerun-failed", "Rerun failed", &["R"], ("", 4), of(Action::RerunFailed)),
    row("harness.log", "Log", &["l"], ("", 5), of(Action::Log)),
    row("harness.compare", "Compare with the pinned run", &["c"], ("", 6), of(Action::Compare)),
    row("harness.full", "Run every check", &["F"], ("", 0), of(Action::Full)),
    row("harness.pin", "Pin this run", &["p"], ("", 0), of(Action::Pin)),
    row("harness.filter", "Filter", &["/"], ("log", 1), of(Action::Filter)),
    row("harness.next-failure", "Next failure", &["n"], ("log", 2), of(Action::NextFailure)),
    row("harness.previous-failure", "Previous failure", &["N"], ("log", 3), of(Action::PreviousFailure)),
    row("harness.accept", "Keep the filter", &["enter"], ("filter", 1), of(Action::Filter)),
    row("harness.next", "Next row", &["j", "down"], ("", 0), of(Action::Next)),
    row("harness.previous", "Previous row", &["k", "up"], ("", 0), of(Action::Previous)),
    row("harness.page-down", "Page down", &["pagedown", "ctrl-d"], ("", 0), of(Action::PageDown)),
    row("harness.page-up", "Page up", &["pageup", "ctrl-u"], ("", 0), of(Action::PageUp)),
    row("harness.top", "First row", &["home"], ("", 0), of(Action::Top)),
    row("harness.bottom", "Last row", &["end"], ("", 0), of(Action::Bottom)),
];

/// What the pane shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Face {
    #[default]
    Rows,
    /// The whole record of the selected row.
    Evidence,
    Log,
    /// The pinned run beside the last.
    Compare,
}

/// Who asked for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A save, or the person.
    Pane,
    /// The model's tool call: Chat stops it and records what it left.
    Model,
}

/// A run under way.
#[derive(Clone, Debug, PartialEq)]
pub struct Running {
    pub by: By,
    pub since: Millis,
    /// Since then, as of the last tick.
    pub elapsed: Millis,
    /// When the save that caused it happened.
    pub saved: Option<Millis>,
    pub run_id: Option<String>,
    pub checks: Vec<CheckId>,
    /// What it does now, in words.
    pub text: String,
}

/// The last finished run, apart from its rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Last {
    pub run_id: String,
    pub variant: String,
    pub port_sha256: Option<String>,
    pub environment: Environment,
    pub seconds: f64,
    /// From the save to this verdict, measured by the program's clock.
    pub latency: Option<Millis>,
    pub evidence: Evidence,
}

/// The pane's state.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub rows: Vec<Row>,
    pub running: Option<Running>,
    pub last: Option<Last>,
    /// Why there is no verdict.
    pub failed: Option<Report>,
    pub face: Face,
    pub selected: usize,
    /// First line shown, of the evidence from its top, of the log from its end.
    pub scroll: usize,
    pub log: Log,
    /// The last run whole, and the one to compare with.
    pub run: Option<Box<StoredRun>>,
    pub pinned: Option<Box<StoredRun>>,
    /// The id of a pinned run that is still to be loaded.
    unpinned: Option<String>,
    ready: bool,
    sha: Option<String>,
    /// What each family said last, the newest first.
    judged: Vec<Judged>,
}

/// The last verdict of a family of checks, and the port that it is of.
#[derive(Clone, Debug)]
struct Judged {
    family: String,
    sha: Option<String>,
    facts: VerdictFacts,
}

impl State {
    /// Does what a bound key, the palette or a slash command asked for.
    pub fn act(&mut self, action: Action, ctx: &mut Ctx<'_>) {
        let page = usize::from(ctx.size.1.max(2)) - 1;
        match action {
            Action::Next => self.step(1),
            Action::Previous => self.step(-1),
            Action::PageDown => self.step(isize::try_from(page).unwrap_or(1)),
            Action::PageUp => self.step(-isize::try_from(page).unwrap_or(1)),
            Action::Top => self.step(isize::MIN / 2),
            Action::Bottom => self.step(isize::MAX / 2),
            Action::Evidence if self.rows.is_empty() && self.failed.is_none() => {
                ctx.toast("No check has run yet. r runs all checks");
            }
            Action::Evidence => {
                self.show(if self.face == Face::Evidence { Face::Rows } else { Face::Evidence })
            }
            Action::Log => self.show(if self.face == Face::Log { Face::Rows } else { Face::Log }),
            Action::GoTo => self.go(ctx),
            Action::Rerun => self.check(plan::quick(), None, ctx),
            Action::Full => self.check(plan::full(), None, ctx),
            Action::Pin => self.pin(ctx),
            Action::Compare if self.face == Face::Compare => self.show(Face::Rows),
            Action::Compare if self.pinned.is_none() => {
                ctx.toast("No run is pinned. p pins the last one, c then compares later ones with it");
            }
            Action::Compare => self.show(Face::Compare),
            Action::Filter if self.log.typing() => self.log.accept(),
            Action::Filter => self.log.start(),
            Action::NextFailure => self.jump(false, ctx),
            Action::PreviousFailure => self.jump(true, ctx),
            Action::RerunFailed => match self.failed_checks() {
                checks if checks.is_empty() => ctx.toast("No check failed. r runs all"),
                checks => self.check(checks, None, ctx),
            },
        }
    }

    /// Takes what a job or another pane says.
    pub fn on(&mut self, msg: Msg, ctx: &mut Ctx<'_>) {
        match msg {
            Msg::WorkspaceReady => {
                self.ready = true;
                if let Some(model_type) = ctx.facts.model_type.clone() {
                    let job = Job::Open { model_type, pinned: self.unpinned.take() };
                    ctx.start(JobKind::Check, "warming the harness", effect::Job::Harness(job));
                }
            }
            Msg::PortSaved { at } => self.check(plan::quick(), Some(at), ctx),
            Msg::Run(checks) => self.check(checks, None, ctx),
            Msg::Event(event) => self.event(*event, By::Pane, ctx),
            Msg::ToolEvent(event) => self.event(*event, By::Model, ctx),
            Msg::Last { run, evidence } => self.loaded(*run, evidence, ctx),
            Msg::Pinned { run } => self.pinned = Some(run),
        }
    }

    /// Whether nothing has been run or loaded.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.running.is_none() && self.failed.is_none()
    }

    /// Gives the selected row.
    pub fn current(&self) -> Option<&Row> {
        self.rows.get(self.selected)
    }

    fn check(&mut self, checks: Vec<CheckId>, saved: Option<Millis>, ctx: &mut Ctx<'_>) {
        let Some(model_type) = ctx.facts.model_type.clone().filter(|_| self.ready) else {
            let text = match self.ready {
                true => "No architecture is being ported yet: start with `mlxport port MODEL`",
                false => "The workspace is not ready yet",
            };
            return ctx.toast(text);
        };
        self.failed = None;
        let text = "waiting for the worker".into();
        self.running = Some(Running {
            by: By::Pane,
            since: ctx.now,
            elapsed: 0,
            saved,
            run_id: None,
            checks: checks.clone(),
            text,
        });
        let port = ctx.facts.workspace.as_ref().and_then(|workspace| workspace.port.clone());
        let configs: Vec<PathBuf> = ctx.facts.configs.clone();
        let request = TwinRequest { port, configs, checks, ..TwinRequest::new(model_type) };
        let job = Job::Check { request: Box::new(request) };
        ctx.start(JobKind::Check, "twin check", effect::Job::Harness(job));
        ctx.effects.push(effect::Effect::Wake(ctx.now + TICK_MS));
    }

    fn go(&mut self, ctx: &mut Ctx<'_>) {
        let own = self.current().and_then(|row| row.record.first_divergence.as_ref());
        let any = || self.rows.iter().find_map(|row| row.record.first_divergence.as_ref());
        let Some(place) = own.or_else(any).cloned() else {
            return ctx.toast("No module diverges");
        };
        let (module, reference, port) = (place.module, place.reference, place.port);
        ctx.post(PaneMsg::Source(source::Msg::GoTo { module, reference, port }));
        ctx.post(PaneMsg::Focus(PaneId::Source));
    }

    fn show(&mut self, face: Face) {
        self.log.accept();
        (self.face, self.scroll) = (face, 0);
    }

    /// Pins the last run, or takes the pin away from it.
    fn pin(&mut self, ctx: &mut Ctx<'_>) {
        let Some(run) = &self.run else { return ctx.toast("No run to pin yet. r runs the checks") };
        let same = self.pinned.as_ref().is_some_and(|pinned| pinned.result.run_id == run.result.run_id);
        match same {
            true => {
                self.pinned = None;
                ctx.toast("Unpinned");
            }
            false => {
                ctx.toast(format!("Pinned run {}. c compares later runs with it", run.result.run_id));
                self.pinned = Some(run.clone());
            }
        }
    }

    /// Scrolls the log so that the next failure is its last line.
    fn jump(&mut self, back: bool, ctx: &mut Ctx<'_>) {
        let last = self.log.len().saturating_sub(1);
        match self.log.failure(last.saturating_sub(self.scroll), back) {
            Some(place) => self.scroll = last - place,
            None => ctx.toast(if back { "No failure before this" } else { "No failure after this" }),
        }
    }

    /// Moves by rows: the selection, the evidence's top line, or the log backwards from its end.
    fn step(&mut self, by: isize) {
        let (place, last, by) = match self.face {
            Face::Rows => (&mut self.selected, self.rows.len().saturating_sub(1), by),
            // The drawn length is the view's to know; it clamps.
            Face::Evidence | Face::Compare => (&mut self.scroll, EVIDENCE_LINES, by),
            Face::Log => (&mut self.scroll, self.log.len().saturating_sub(1), -by),
        };
        *place = place.saturating_add_signed(by).min(last);
    }
}

/// How often the elapsed time of a run is shown anew.
const TICK_MS: Millis = 250;
/// More lines than any evidence has.
const EVIDENCE_LINES: usize = 400;

impl Pane for State {
    fn contexts(&self) -> &'static [&'static str] {
        match self.face {
            Face::Rows => &["rows"],
            Face::Evidence => &["evidence"],
            Face::Log if self.log.typing() => &["filter"],
            Face::Log => &["log"],
            Face::Compare => &["compare"],
        }
    }

    fn typing(&self) -> bool {
        self.log.typing()
    }

    fn key(&mut self, key: Key, _ctx: &mut Ctx<'_>) -> Used {
        match (self.log.typing(), key.code, key.typed()) {
            (true, Code::Backspace, _) => self.log.edit(None),
            (true, _, Some(c)) => self.log.edit(Some(c)),
            _ => return Used::No,
        }
        self.scroll = 0;
        Used::Yes
    }

    fn paste(&mut self, text: &str, ctx: &mut Ctx<'_>) -> Used {
        if !self.log.typing() {
            return Used::No;
        }
        for c in text.chars().filter(|c| !c.is_control()).take(200) {
            self.key(Key::char(c), ctx);
        }
        Used::Yes
    }

    fn mouse(&mut self, mouse: Mouse, _ctx: &mut Ctx<'_>) -> Used {
        match mouse.kind {
            MouseKind::ScrollUp => self.step(-3),
            MouseKind::ScrollDown => self.step(3),
            MouseKind::Press if self.face == Face::Rows && usize::from(mouse.row) < self.rows.len() => {
                self.selected = usize::from(mouse.row);
            }
            MouseKind::Press | MouseKind::Drag | MouseKind::Release => return Used::No,
        }
        Used::Yes
    }

    fn ended(&mut self, _kind: JobKind, result: Result<(), Report>, ctx: &mut Ctx<'_>) {
        let was_checking = self.running.take().is_some();
        self.settle();
        if let Err(report) = result {
            let text = format!("{}: {}", if was_checking { "the check" } else { "the harness" }, report.text);
            self.say(&text, ctx);
            self.failed = Some(report);
        }
    }

    fn escape(&mut self, _ctx: &mut Ctx<'_>) -> Used {
        match self.face {
            Face::Rows => Used::No,
            Face::Log if self.log.clear() => Used::Yes,
            Face::Evidence | Face::Log | Face::Compare => {
                self.show(Face::Rows);
                Used::Yes
            }
        }
    }

    fn interrupt(&mut self, ctx: &mut Ctx<'_>) -> Used {
        if self.running.as_ref().is_none_or(|running| running.by == By::Model) {
            return Used::No;
        }
        ctx.cancel(JobKind::Check);
        self.running = None;
        self.settle();
        Used::Yes
    }

    fn tick(&mut self, ctx: &mut Ctx<'_>) {
        if let Some(running) = &mut self.running {
            running.elapsed = ctx.now.saturating_sub(running.since);
            ctx.effects.push(effect::Effect::Wake(ctx.now + TICK_MS));
        }
    }

    fn save(&self) -> serde_json::Value {
        let pinned = self.pinned.as_ref().map(|run| &run.result.run_id).or(self.unpinned.as_ref());
        serde_json::json!({ "face": self.face, "selected": self.selected, "pinned": pinned })
    }

    fn restore(&mut self, saved: &serde_json::Value, _ctx: &mut Ctx<'_>) {
        let part = |name: &str| saved.get(name).cloned().unwrap_or_default();
        self.face = serde_json::from_value(part("face")).unwrap_or_default();
        self.selected = serde_json::from_value(part("selected")).unwrap_or_default();
        self.unpinned = serde_json::from_value(part("pinned")).unwrap_or_default();
    }
}
