//! The pull request: diff, staging, Voice, gates, commit, push, hand-over.
//!
//! Four sections share the pane: files, diff, Voice, gates; the arrows go between them. The cursor in the diff is the
//! content of a line, not its number, so it stays when the diff is read again. What the person does to git leaves as
//! [`Effect::Person`]; the runtime refuses it unless a key caused it. Files: [`cursor`] (where the keys are),
//! [`acts`] (stage, commit, push), [`fields`] (Voice), [`layer`] (what opens above), [`check`] (gates, facts).

use std::path::PathBuf;

use super::{Ctx, Pane, Used, chat};
use crate::app::Millis;
use crate::app::effect::{Effect, Job as AppJob};
use crate::app::job::{JobKind, Jobs};
use crate::app::key::{Key, Mouse, MouseKind};
use crate::app::msg::PaneMsg;
use crate::pr::data::{
    Aim, Gate, HandOver, Outcome, Plan, PrSnapshot, ProgramOutput, Selection, Template, Undo,
};
use crate::session::data::PersonStep;
use crate::util::blame::Report;

mod actions;
mod acts;
mod check;
mod cursor;
mod fields;
mod layer;
mod saved;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

pub use actions::{ACTIONS, Action};
pub use cursor::{Cursor, Unit};
pub use fields::{COMMIT, Fields, Mode, Shown, TITLE};
pub use layer::{Ask, Layer, Prompt};

/// What jobs and other panes tell it.
#[derive(Clone, Debug)]
pub enum Msg {
    /// The workspace is there; `Facts::workspace` says where.
    WorkspaceReady,
    /// A step of the recording's person that belongs to the pull request is played.
    Recorded(Box<PersonStep>),
    /// Files of the checkout changed: an edit was accepted, the port was saved.
    FilesChanged,
    /// How many of the model's proposals wait for a decision.
    Waiting(usize),
    Loaded(Box<Loaded>),
    /// A staging act was done; this takes it back.
    Staged(Undo),
    Undone,
    Committed(String),
    /// What a push would do.
    Planned(Plan),
    Pushed(HandOver),
}

/// What a load brings.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub snapshot: PrSnapshot,
    pub template: Template,
    /// Stored runs of this architecture, newest first.
    pub outputs: Vec<ProgramOutput>,
}

/// What it asks the runtime to do.
#[derive(Clone, Debug)]
pub enum Job {
    /// Read branch, template and stored runs.
    Load { checkout: PathBuf, model_type: Option<String> },
    /// Say what a push would do.
    Plan { checkout: PathBuf },
}

/// An act that only the person may cause.
#[derive(Clone, Debug)]
pub enum PersonRequest {
    Stage { checkout: PathBuf, path: String, selection: Selection, aim: Aim },
    Undo { checkout: PathBuf, undo: Undo },
    Commit { checkout: PathBuf, message: String },
    Push { checkout: PathBuf, typed: String },
}

/// Which part of the pane has the keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    #[default]
    Files,
    Diff,
    Voice,
    Gates,
}

impl Section {
    /// All sections, left to right.
    pub const ALL: [Self; 4] = [Self::Files, Self::Diff, Self::Voice, Self::Gates];

    /// The title above the section.
    pub fn title(self) -> &'static str {
        match self {
            Self::Files => "Files",
            Self::Diff => "Diff",
            Self::Voice => "Voice",
            Self::Gates => "Gates",
        }
    }
}

/// The pane's state.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub section: Section,
    pub snapshot: Option<PrSnapshot>,
    pub template: Option<Template>,
    pub outputs: Vec<ProgramOutput>,
    /// What the last load or act said, when it failed.
    pub trouble: Option<Report>,
    /// The chosen file, by path.
    pub file: Option<String>,
    pub cursor: Cursor,
    pub fields: Fields,
    pub gates: Vec<Gate>,
    pub gate: usize,
    pub facts: String,
    pub layer: Option<Layer>,
    /// The last push.
    pub hand_over: Option<HandOver>,
    /// The last commit made here.
    made: Option<String>,
    checks: check::Records,
    undo: Vec<Undo>,
    acts: u32,
    loaded: Option<Millis>,
    /// The last run ended while a field was being written: it is again as soon as the template is read.
    typed_last: bool,
}

/// Asks for it in the chat, where its doubts belong: nothing of them enters what is written for upstream.
fn ask_second_reader(ctx: &mut Ctx<'_>) {
    ctx.toast("The second reader's doubts stand in the chat: Alt-1");
    ctx.post(PaneMsg::Chat(chat::Msg::Reader(chat::reader::Msg::Begin)));
}

/// How old the diff may be before a key in the pane has it read again.
const FRESH_MS: Millis = 3_000;

impl State {
    /// Does what a bound key, the palette or a slash command asked for.
    pub fn act(&mut self, action: Action, ctx: &mut Ctx<'_>) {
        self.trouble = None;
        self.typed_last = false;
        match action {
            Action::Reload => return self.load(ctx),
            Action::Left => self.go(-1),
            Action::Right => self.go(1),
            Action::Up => self.step(-1),
            Action::Down => self.step(1),
            Action::PageUp => self.step(-i32::from(ctx.size.1 / 2).max(1)),
            Action::PageDown => self.step(i32::from(ctx.size.1 / 2).max(1)),
            Action::Top => self.step(i32::MIN),
            Action::Bottom => self.step(i32::MAX),
            Action::Open => self.open(ctx),
            Action::Toggle => self.toggle(ctx),
            Action::HunkOrLine => self.cursor.next_unit(),
            Action::Split => self.cursor.toggle_split(),
            Action::Range => self.cursor.toggle_range(),
            Action::Undo => self.take_back(ctx),
            Action::Write => self.write(ctx),
            Action::Output => self.choose_output(ctx),
            Action::Commit => self.write_commit(ctx),
            Action::Confirm => self.confirm(ctx),
            Action::Push => self.plan_push(ctx),
            Action::HandOver => self.show_hand_over(ctx),
            Action::CopyBody => self.copy_body(ctx),
            Action::CopyLink => self.copy_link(ctx),
            Action::VoiceUndo => self.fields.key(crate::pr::data::VoiceKey::Undo),
            Action::VoiceRedo => self.fields.key(crate::pr::data::VoiceKey::Redo),
            Action::NextField => self.next_field(ctx),
            Action::SecondReader => ask_second_reader(ctx),
        }
        self.settle(ctx);
        self.freshen(ctx);
    }

    /// Whether a step of the recording may be played now: the branch is read and no act of the person runs.
    pub fn ready_for(&self, _step: &PersonStep, jobs: &Jobs) -> bool {
        let busy = |kind: JobKind| matches!(kind, JobKind::LoadPr | JobKind::PersonAct(_));
        self.snapshot.is_some() && self.template.is_some() && !jobs.running().any(|(_, job)| busy(job.kind))
    }

    /// Gives the commit that was made here and that the last push brought to the fork, short.
    pub fn pushed(&self) -> Option<&str> {
        let done = self.hand_over.as_ref().filter(|done| done.outcome != Outcome::Yours)?;
        let made = self.made.as_deref()?;
        (done.plan.commit == made).then(|| made.get(..8).unwrap_or(made))
    }

    /// Takes what a job or another pane says.
    pub fn on(&mut self, msg: Msg, ctx: &mut Ctx<'_>) {
        match msg {
            Msg::WorkspaceReady | Msg::FilesChanged => self.load(ctx),
            Msg::Recorded(step) => self.recorded(*step, ctx),
            Msg::Waiting(count) => self.checks.waiting = Some(count),
            Msg::Loaded(loaded) => self.loaded(*loaded, ctx),
            Msg::Staged(undo) => self.undo.push(undo),
            Msg::Undone => ctx.toast("Taken back"),
            Msg::Committed(commit) => self.committed(&commit, ctx),
            Msg::Planned(plan) => self.layer = Some(Layer::push(plan)),
            Msg::Pushed(done) => self.after_push(done, ctx),
        }
        self.recount(ctx.facts);
        self.settle(ctx);
    }

    /// Gives the chosen file.
    pub fn chosen(&self) -> Option<&crate::pr::data::FileDiff> {
        self.snapshot.as_ref()?.file(self.file.as_deref()?)
    }

    /// Gives the checkout, or says that there is none yet.
    fn checkout(&mut self, ctx: &mut Ctx<'_>) -> Option<PathBuf> {
        let checkout = ctx.facts.workspace.as_ref().map(|workspace| workspace.checkout.clone());
        if checkout.is_none() {
            ctx.toast("The workspace is not there yet");
        }
        checkout
    }

    fn load(&mut self, ctx: &mut Ctx<'_>) {
        let Some(checkout) = self.checkout(ctx) else { return };
        self.loaded = Some(ctx.now);
        let model_type = ctx.facts.model_type.clone();
        ctx.start(JobKind::LoadPr, "reading the branch", AppJob::Pr(Job::Load { checkout, model_type }));
    }

    fn freshen(&mut self, ctx: &mut Ctx<'_>) {
        let old = self.loaded.is_some_and(|at| ctx.now.saturating_sub(at) > FRESH_MS);
        if old && ctx.jobs.of(JobKind::LoadPr).is_none() {
            self.load(ctx);
        }
    }

    fn loaded(&mut self, loaded: Loaded, ctx: &mut Ctx<'_>) {
        self.outputs = loaded.outputs;
        if self.template.as_ref() != Some(&loaded.template) {
            self.fields.adopt(&loaded.template);
            self.template = Some(loaded.template);
            if std::mem::take(&mut self.typed_last) && self.section == Section::Voice {
                self.fields.mode = Mode::Typing;
            }
        }
        self.snapshot = Some(loaded.snapshot);
        self.loaded = Some(ctx.now);
        self.keep_place();
    }

    /// Computes the gates from what is known; cheap enough for every key.
    fn settle(&mut self, ctx: &mut Ctx<'_>) {
        self.gates = self.compute_gates(ctx.facts);
        self.gate = self.gate.min(self.gates.len().saturating_sub(1));
    }

    fn person(&mut self, title: &str, request: PersonRequest, ctx: &mut Ctx<'_>) {
        self.acts = self.acts.wrapping_add(1);
        let (id, _) = ctx.jobs.start(JobKind::PersonAct(self.acts), title.to_string(), ctx.now);
        ctx.effects.push(Effect::Person(id, request));
    }
}

impl Pane for State {
    fn contexts(&self) -> &'static [&'static str] {
        match (&self.layer, self.fields.mode, self.section) {
            (Some(Layer::HandOver), _, _) => &["handover"],
            (Some(Layer::Outputs(_)), _, _) => &["outputs"],
            (Some(_), _, _) => &["prompt"],
            (None, Mode::Typing, _) if self.fields.is_at(COMMIT) => &["message", "voice"],
            (None, Mode::Typing, _) => &["voice"],
            (None, _, Section::Files) => &["files", "moving"],
            (None, _, Section::Diff) => &["diff", "moving"],
            (None, _, Section::Voice) => &["fields", "moving"],
            (None, _, Section::Gates) => &["gates", "moving"],
        }
    }

    fn typing(&self) -> bool {
        match &self.layer {
            Some(layer) => layer.typing(),
            None => self.fields.mode == Mode::Typing,
        }
    }

    fn key(&mut self, key: Key, ctx: &mut Ctx<'_>) -> Used {
        let used = match (&mut self.layer, self.fields.mode) {
            (Some(layer), _) => layer.key(key),
            (None, Mode::Typing) => self.fields.type_key(key),
            (None, Mode::Moving) => Used::No,
        };
        if used == Used::Yes {
            self.settle(ctx);
        }
        used
    }

    fn paste(&mut self, text: &str, ctx: &mut Ctx<'_>) -> Used {
        if let Some(layer) = &mut self.layer {
            return layer.paste(text);
        }
        if self.fields.mode == Mode::Moving {
            return Used::No;
        }
        self.paste_guarded(text, ctx);
        self.settle(ctx);
        Used::Yes
    }

    fn mouse(&mut self, mouse: Mouse, _ctx: &mut Ctx<'_>) -> Used {
        match mouse.kind {
            MouseKind::ScrollUp => self.step(-1),
            MouseKind::ScrollDown => self.step(1),
            MouseKind::Press | MouseKind::Drag | MouseKind::Release => return Used::No,
        }
        Used::Yes
    }

    fn ended(&mut self, kind: JobKind, result: Result<(), Report>, ctx: &mut Ctx<'_>) {
        self.trouble = result.err().or(self.trouble.take());
        if matches!(kind, JobKind::PersonAct(_)) {
            self.load(ctx);
        }
        self.settle(ctx);
    }

    fn escape(&mut self, ctx: &mut Ctx<'_>) -> Used {
        let used = self.close_top(ctx);
        self.settle(ctx);
        used
    }

    fn save(&self) -> serde_json::Value {
        self.saved()
    }

    fn restore(&mut self, saved: &serde_json::Value, _ctx: &mut Ctx<'_>) {
        self.take_saved(saved);
    }
}
