//! The workspace's set-up as the screen knows it: steps, bytes, and a failed step with its way out. Shown above the panes
//! until the workspace is there.

use super::effect;
use super::facts::WorkspaceFacts;
use super::job::JobKind;
use super::msg::PaneMsg;
use super::pane::{Ctx, chat, configs, harness, pr, source};
use crate::session::data::Entry;
use crate::util::blame::Report;

/// What set-up and workspace jobs say.
#[derive(Clone, Debug)]
pub enum Msg {
    /// The steps that the set-up will take; the layer opens, because something has to be built.
    Plan(Vec<StepRow>),
    /// A step changed its state; the note says why it is skipped, how large it is, how far it is.
    Step { id: String, state: StepState, note: String },
    /// A line of output of the running step.
    Line(String),
    /// The workspace is there, on the branch of the model.
    Ready(Box<WorkspaceFacts>),
}

/// What the runtime is asked to do.
#[derive(Clone, Debug)]
pub enum Job {
    /// Open the workspace, or build what is missing, for this model.
    Ensure { model_type: Option<String> },
}

/// The set-up as shown.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub steps: Vec<StepRow>,
    /// The latest line of output of the running step.
    pub last_line: String,
    pub failed: Option<Report>,
    /// Whether the layer is shown; Esc hides it, the work goes on.
    pub shown: bool,
    pub ready: bool,
    /// How far the running download was when it was last logged, in tenths.
    tenth: u64,
}

/// Where a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    Todo,
    Running,
    Done,
    Skipped,
    Failed,
}

impl StepState {
    /// Gives the sign before the step; readable without colour.
    pub fn glyph(self) -> &'static str {
        match self {
            Self::Todo => "·",
            Self::Running => "…",
            Self::Done => "✓",
            Self::Skipped => "–",
            Self::Failed => "✗",
        }
    }
}

/// One step as shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepRow {
    pub id: String,
    pub label: String,
    pub state: StepState,
    pub note: String,
}

impl State {
    /// Starts or resumes the set-up.
    pub fn start(&mut self, ctx: &mut Ctx<'_>) {
        self.failed = None;
        self.ready = false;
        let model_type = ctx.facts.model_type.clone();
        for text in std::mem::take(&mut ctx.facts.warnings) {
            ctx.post(PaneMsg::Chat(chat::Msg::Note(text)));
        }
        ctx.post(PaneMsg::Configs(configs::Msg::Named));
        ctx.start(JobKind::Setup, "workspace", effect::Job::Setup(Job::Ensure { model_type }));
    }

    /// Takes what the job says.
    pub fn on(&mut self, msg: Msg, ctx: &mut Ctx<'_>) {
        match msg {
            Msg::Plan(steps) => {
                let cost = steps.iter().map(|step| step.note.as_str()).find(|note| !note.is_empty());
                say(
                    ctx,
                    format!(
                        "building the workspace{}",
                        cost.map_or(String::new(), |cost| format!(": {cost}"))
                    ),
                );
                self.steps = steps;
                self.shown = true;
            }
            Msg::Step { id, state, note } => {
                if let Some(step) = self.steps.iter_mut().find(|step| step.id == id) {
                    let changed = step.state != state;
                    (step.state, step.note) = (state, note);
                    let text = format!("{} {}{}", state.glyph(), step.label, dashed(&step.note));
                    if changed {
                        say(ctx, text);
                    } else if let Some(tenth) = tenth(&step.note).filter(|tenth| *tenth > self.tenth) {
                        self.tenth = tenth;
                        say(ctx, text);
                    }
                }
            }
            Msg::Line(line) => self.last_line = line,
            Msg::Ready(facts) => {
                self.ready = true;
                self.shown = false;
                say(ctx, format!("ready: {}, branch {}", facts.baseline, facts.branch));
                ctx.facts.workspace = Some(*facts);
                ctx.post(PaneMsg::Source(source::Msg::WorkspaceReady));
                ctx.post(PaneMsg::Configs(configs::Msg::WorkspaceReady));
                ctx.post(PaneMsg::Harness(harness::Msg::WorkspaceReady));
                ctx.post(PaneMsg::Pr(pr::Msg::WorkspaceReady));
                ctx.post(PaneMsg::Chat(chat::Msg::WorkspaceReady));
            }
        }
    }

    /// Is told that the job ended.
    pub fn ended(&mut self, result: Result<(), Report>, ctx: &mut Ctx<'_>) {
        if let Err(report) = result {
            ctx.record(Entry::Error { report: report.clone() });
            self.failed = Some(report);
            self.shown = true;
        }
    }
}

fn say(ctx: &mut Ctx<'_>, text: String) {
    ctx.record(Entry::Setup { text });
}

fn dashed(note: &str) -> String {
    if note.is_empty() { String::new() } else { format!(" – {note}") }
}

/// Gives how far a note such as `1.2 GB of 5.4 GB · …` is, in tenths.
fn tenth(note: &str) -> Option<u64> {
    let (done, rest) = note.split_once(" of ")?;
    let of = |text: &str| {
        let (number, unit) = text.split_once(' ')?;
        let scale = ["B", "KB", "MB", "GB", "TB"].iter().position(|name| unit.starts_with(name))?;
        Some(number.parse::<f64>().ok()? * 1000_f64.powi(i32::try_from(scale).ok()?))
    };
    let total = of(rest.split(" · ").next()?)?;
    (total > 0.0).then(|| (of(done).unwrap_or(0.0) / total * 10.0) as u64)
}
