//! The workspace's set-up as the screen knows it: steps, bytes, and a failed step with its way out. Shown above the panes
//! until the workspace is there.

use super::effect;
use super::facts::WorkspaceFacts;
use super::job::JobKind;
use super::msg::PaneMsg;
use super::pane::{Ctx, chat, configs, harness, pr, source};
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
        ctx.post(PaneMsg::Configs(configs::Msg::Named));
        ctx.start(JobKind::Setup, "workspace", effect::Job::Setup(Job::Ensure { model_type }));
    }

    /// Takes what the job says.
    pub fn on(&mut self, msg: Msg, ctx: &mut Ctx<'_>) {
        match msg {
            Msg::Plan(steps) => {
                self.steps = steps;
                self.shown = true;
            }
            Msg::Step { id, state, note } => {
                if let Some(step) = self.steps.iter_mut().find(|step| step.id == id) {
                    (step.state, step.note) = (state, note);
                }
            }
            Msg::Line(line) => self.last_line = line,
            Msg::Ready(facts) => {
                self.ready = true;
                self.shown = false;
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
    pub fn ended(&mut self, result: Result<(), Report>) {
        if let Err(report) = result {
            self.failed = Some(report);
            self.shown = true;
        }
    }
}
