//! The conversation: composer, transcript, approvals, queue. The machine of [`crate::agent::machine`] decides what happens
//! next; this pane feeds it ([`drive`]), keeps what is shown of it ([`items`]), and takes keys ([`composer`], [`judge`]).

mod actions;
mod command;
mod composer;
mod digest;
mod drive;
mod items;
mod judge;
mod layers;
mod lines;
pub mod reader;
mod rules;
mod saved;
mod send;
mod sheet;
#[cfg(test)]
pub(crate) mod tests;

pub use actions::{ACTIONS, Action};
pub use composer::Composer;
pub use digest::{Digest, Reading};
pub use items::{Card, CardState, Item, ItemKind, Tone};
pub use judge::conflict::Conflict;
pub use judge::panels::{Aligned, Panels};
pub use judge::rows::{DiffKind, DiffRow, Emphasis, plain_rows};
pub use judge::{Judge, Mode, View};
pub use rules::{Layer, Stands, Written};
pub use saved::History;
pub use sheet::Sheet;

/// What takes room in the context, for drawing.
pub use crate::agent::context::Part;

/// The machine's states, for drawing.
pub use crate::agent::machine::{
    Budget, CallPhase, CompactPhase, Compacting, Partial, PartialCall, Provider, Round, State as Machinery,
    Why,
};

use self::judge::DiffMove;
use super::{Ctx, Pane, Used};
use crate::agent::data::{ChatRequest, EditScope, Proposal, StreamEvent, ToolCall, ToolRun};
use crate::agent::machine::{Input, Machine, QueueEdit, Setup};
use crate::app::Millis;
use crate::app::job::{JobKind, Jobs};
use crate::app::key::{Key, Mouse, MouseKind};
use crate::harness::data::RunResult;
use crate::port::data::EditReceipt;
use crate::session::data::{Earlier, PersonStep};
use crate::source::data::Draft;
use crate::tools::data::{Prepared, ToolEnd};
use crate::util::blame::Report;

/// What jobs and other panes tell it.
#[derive(Clone, Debug)]
pub enum Msg {
    /// The workspace is there; `Facts::workspace` says where.
    WorkspaceReady,
    /// Something that the person should know before the conversation.
    Note(String),
    /// Prompts, tools and provider are known; conversation can begin.
    Ready(Box<Setup>),
    /// How many tokens of context the model has, where the profile does not say.
    ContextSize(u64),
    /// A step of the recording's person that belongs to the chat is played.
    Recorded(Box<PersonStep>),
    /// The session is an earlier one: this is its queue, its log is being read.
    Resuming { queue: Vec<String> },
    /// The conversation of earlier runs, from the session log.
    Restored(Box<Earlier>),
    /// The session log cannot be read.
    Unrestored(Report),
    /// The session cannot be kept, or something else is wrong with it.
    Trouble(Report),
    /// The model says something.
    Stream { stream: u64, event: StreamEvent },
    /// A call's change was worked out.
    Prepared { call_id: String, prepared: Prepared },
    /// What the file of the waiting proposal reads now; none where there is no file.
    FileNow { call_id: String, present: Option<String> },
    /// What the person made of the proposal in their own editor.
    Edited { call_id: String, text: Result<String, Report> },
    /// A new port beside what it answers to.
    Drafted { call_id: String, draft: Box<Draft> },
    /// What a file of the checkout reads, as the source pane sees it; none where there is no file.
    PortNow { path: String, text: Option<String> },
    /// A written edit was taken back, or why not.
    TookBack { call_id: String, end: Result<TookBack, Report> },
    /// A tool ended.
    ToolEnded { call_id: String, end: Box<ToolEnd> },
    /// The second reader's jobs say something.
    Reader(reader::Msg),
    /// The session was written as a document, here.
    Exported(String),
    /// A check ended, the model's or the person's.
    Checked(Box<RunResult>),
}

/// What it asks the runtime to do.
#[derive(Clone, Debug)]
pub enum Job {
    /// Load prompts, tools and provider; answers with [`Msg::Ready`].
    Load,
    /// Ask the endpoint; answers with [`Msg::Stream`].
    Stream { stream: u64, request: Box<ChatRequest> },
    /// Work out what a call would change; answers with [`Msg::Prepared`].
    Prepare { call: ToolCall },
    /// Run a call; answers with [`Msg::ToolEnded`].
    Run { run: Box<ToolRun> },
    /// Watch the file of the waiting proposal until cancelled; answers with [`Msg::FileNow`].
    WatchEdit { call_id: String, scope: EditScope, path: String },
    /// Cut a new port into parts and find what each answers to; answers with [`Msg::Drafted`].
    Draft { call_id: String, path: String, text: String },
    /// Take back a written edit, if the file still has its lines; answers with [`Msg::TookBack`].
    TakeBack { edit: Box<Written> },
    /// Something for the second reader.
    Reader(reader::Job),
    /// Write the session as a document; answers with [`Msg::Exported`].
    Export { format: String },
}

/// What taking back an edit did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TookBack {
    /// The file before and after it; none where there is no file.
    pub before: Option<String>,
    pub after: Option<String>,
    pub receipt: Option<EditReceipt>,
}

/// Said to keys that need tools or history while these are not here.
const NOT_READY: &str = "The workspace is not ready yet";

/// The pane's state.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub machine: Machine,
    pub items: Vec<Item>,
    pub composer: Composer,
    /// The approval that waits, with its diff.
    pub judge: Option<Judge>,
    /// The summary that waits.
    pub digest: Option<Digest>,
    /// What takes the room in the context, while it is shown.
    pub sheet: Option<Sheet>,
    /// The second reader, where one was asked for.
    pub reader: reader::Reader,
    /// A reply pasted for the manual provider, not yet sent.
    pub reply: Option<String>,
    pub scroll: Scroll,
    pub details: Details,
    /// The time of the last update, for spinners and countdowns.
    pub now: Millis,
    /// Whether prompts and tools are loaded.
    pub ready: bool,
    /// Whether the messages of earlier runs are here.
    pub history: History,
    /// Counts how often the items were replaced as a whole: what was drawn of them is void.
    pub drawn_anew: u32,
    /// Models that answered in this session, in the order they first did.
    models: Vec<String>,
    /// Whether the person sent something that waits for workspace or history.
    promised: bool,
    /// Whether the end of the last run is to be told, once it is known who answers.
    told_end: bool,
    kept_judge: Option<saved::SavedJudge>,
    /// The list over the conversation: rules or written edits.
    pub layer: Option<Layer>,
    /// The edits that were written, the latest last.
    pub written: Vec<Written>,
    /// The proposal that was shown last, for what is decided on it.
    proposed: Option<Proposal>,
    /// What was agreed to and is being written.
    agreed: Option<rules::Agreed>,
    /// The draft of the new port that was proposed last, with its text.
    draft: Option<(String, String, Draft)>,
    /// What the port reads, while the log is being read.
    port_now: Option<(String, Option<String>)>,
    /// The call whose file is watched.
    watched: Option<String>,
    kept_digest: Option<String>,
    /// What the tools' jobs are working on, by number of the job.
    running: Vec<(u32, String)>,
    last_tool_job: u32,
    /// Whether a turn is under way, of which the snapshots are told.
    in_turn: bool,
}

/// How far the person has scrolled, as wishes: what they come to is worked out by drawing, which knows heights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scroll {
    /// Rows, down counted up, summed over the run.
    pub moved: i64,
    /// How often the end was asked for.
    pub ends: u64,
}

/// Whether tool outputs and thoughts are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Details {
    #[default]
    Folded,
    Shown,
}

impl State {
    /// Does what a bound key, the palette or a slash command asked for.
    pub fn act(&mut self, action: Action, ctx: &mut Ctx<'_>) {
        self.now = ctx.now;
        if self.layer_act(action, ctx) {
            return;
        }
        match action {
            Action::Context
            | Action::Compact
            | Action::Understood
            | Action::Waive
            | Action::SecondReader
            | Action::Export => {}
            Action::Send => self.send(ctx),
            Action::NewLine => self.composer.editor.insert("\n"),
            Action::Older => self.composer.older(),
            Action::Newer => self.composer.newer(),
            Action::Unfold => self.composer.unfold(),
            Action::EditQueued => self.edit_queued(ctx),
            Action::RaiseQueued => {
                let from = self.machine.queue().len().saturating_sub(1);
                self.feed(Input::Queue(QueueEdit::Move { from, to: 0 }), ctx);
            }
            Action::Steer | Action::Retry if !self.is_open() => ctx.toast(NOT_READY),
            Action::Steer => self.feed(Input::Steer, ctx),
            Action::Retry => self.feed(Input::Retry, ctx),
            Action::PageUp => self.scroll.moved -= i64::from(ctx.size.1.saturating_sub(8).max(3)),
            Action::PageDown => self.scroll.moved += i64::from(ctx.size.1.saturating_sub(8).max(3)),
            Action::Follow => self.scroll.ends += 1,
            Action::Details => {
                self.details = if self.details == Details::Shown { Details::Folded } else { Details::Shown };
            }
            Action::Swap => self.swap(),
            Action::Accept => self.accept(ctx),
            Action::Deny => self.judge_mode(Mode::Reason, ctx),
            Action::EditProposal => self.judge_mode(Mode::Editing, ctx),
            Action::Diff(by) => self.move_diff(by, ctx),
            Action::ToggleHunk => self.toggle_hunk(ctx),
            Action::Yours => self.toggle_view(ctx),
            Action::Rebase => self.rebase(ctx),
            Action::TakeSide(side) => self.take_side(Some(side), ctx),
            Action::EditOutside => self.edit_outside(ctx),
            Action::Rule => self.judge_mode(Mode::Rule, ctx),
            Action::NextEnding => self.next_ending(),
            Action::NextMode => self.next_mode(ctx),
            Action::Rules => self.layer = Some(Layer::Rules { at: 0 }),
            Action::Edits => self.open_edits(),
            Action::LayerDown => self.move_layer(1),
            Action::LayerUp => self.move_layer(-1),
            Action::LayerAct => self.act_on_layer(ctx),
            Action::LayerClose => self.layer = None,
            Action::Confirm => self.confirm(ctx),
            Action::Indent => {
                if let Some(judge) = &mut self.judge {
                    judge.editor.insert("    ");
                }
            }
            Action::CopyRequest => self.copy_request(ctx),
            Action::CopyAll => {
                let text = self.carried().manual_full_text();
                self.copy(text, ctx);
            }
        }
    }

    /// Whether a step of the recording may be played now: nothing streams or runs, and an approval waits if it is about one.
    pub fn ready_for(&self, step: &PersonStep, _jobs: &Jobs) -> bool {
        match step {
            PersonStep::Approve
            | PersonStep::ApproveEdited { .. }
            | PersonStep::ApprovePart { .. }
            | PersonStep::Deny { .. } => self.judge.is_some(),
            PersonStep::Say { .. }
            | PersonStep::Stage { .. }
            | PersonStep::Voice { .. }
            | PersonStep::Commit { .. }
            | PersonStep::Push { .. } => self.ready && !self.machine.is_busy(),
        }
    }

    /// Whether a single key answers for the pane: nothing is being written.
    fn is_at_rest(&self) -> bool {
        self.composer.editor.is_empty() && self.reply.is_none()
    }

    fn swap(&mut self) {
        if let Some(judge) = &mut self.judge {
            judge.mode = if judge.mode == Mode::Aside { Mode::Judging } else { Mode::Aside };
        }
    }

    /// Whether `r` goes on: a stop, or a countdown that need not be waited for.
    fn is_resting(&self) -> bool {
        match self.machine.state() {
            Machinery::WaitingRetry { .. }
            | Machinery::Stopped { .. }
            | Machinery::Interrupted
            | Machinery::BudgetSpent { .. } => true,
            Machinery::Compacting(under_way) => matches!(under_way.phase, CompactPhase::WaitingRetry { .. }),
            Machinery::Idle
            | Machinery::Streaming { .. }
            | Machinery::Tools(_)
            | Machinery::ManualWaiting { .. } => false,
        }
    }

    fn is_manual_waiting(&self) -> bool {
        self.carried().manual_request().is_some()
    }

    /// Gives the conversation that the person carries to a model and back: the second reader's while that one waits.
    pub fn carried(&self) -> &Machine {
        match self.reader.waits_for_person() {
            true => &self.reader.machine,
            false => &self.machine,
        }
    }
}

impl Pane for State {
    fn contexts(&self) -> &'static [&'static str] {
        if let Some(contexts) = self.layer_contexts() {
            return contexts;
        }
        match &self.layer {
            Some(Layer::Rules { .. }) => return &["rules", "layer"],
            Some(Layer::Edits { .. }) => return &["edits", "layer"],
            None => {}
        }
        let conflict = self.judge.as_ref().is_some_and(|judge| judge.conflict.is_some());
        match self.judge.as_ref().map(|judge| judge.mode) {
            Some(Mode::Judging) if conflict => return &["conflict", "approval"],
            Some(Mode::Judging) => return &["approval"],
            Some(Mode::Rule) => return &["rule"],
            Some(Mode::Reason) => return &["reason"],
            Some(Mode::Editing) => return &["editing"],
            Some(Mode::Aside) => return &["waiting-approval", "first-line", "last-line", "composer"],
            None => {}
        }
        let queued = !self.machine.queue().is_empty();
        if self.is_at_rest() {
            return match (self.is_manual_waiting(), self.is_resting(), queued) {
                (true, _, false) => &["manual", "first-line", "last-line", "composer"],
                (true, _, true) => &["manual", "queue", "first-line", "last-line", "composer"],
                (false, true, true) => &["resting", "queue", "first-line", "last-line", "composer"],
                (false, true, false) => &["resting", "first-line", "last-line", "composer"],
                (false, false, true) => &["queue", "first-line", "last-line", "composer"],
                (false, false, false) => &["first-line", "last-line", "composer"],
            };
        }
        let (line, lines) = (self.composer.editor.cursor().0, self.composer.editor.lines().len());
        match (self.composer.is_folded(), line == 0, line + 1 == lines, queued) {
            (true, ..) => &["folded", "composer"],
            (false, true, true, true) => &["queue", "first-line", "last-line", "composer"],
            (false, true, true, false) => &["first-line", "last-line", "composer"],
            (false, true, false, _) => &["first-line", "composer"],
            (false, false, true, _) => &["last-line", "composer"],
            (false, false, false, _) => &["composer"],
        }
    }

    fn typing(&self) -> bool {
        if let Some(typing) = self.layer_typing() {
            return typing;
        }
        let judging = matches!(self.judge.as_ref().map(|judge| judge.mode), Some(Mode::Judging));
        !judging && self.layer.is_none()
    }

    fn key(&mut self, key: Key, ctx: &mut Ctx<'_>) -> Used {
        self.now = ctx.now;
        if let Some(used) = self.layer_key(key) {
            return used;
        }
        match &mut self.judge {
            _ if self.layer.is_some() => Used::No,
            Some(judge) if judge.mode != Mode::Aside => judge.key(key),
            _ => self.composer.key(key),
        }
    }

    fn paste(&mut self, text: &str, _ctx: &mut Ctx<'_>) -> Used {
        if let Some(used) = self.layer_paste(text) {
            return used;
        }
        let reply = self.is_manual_waiting() && self.composer.editor.is_empty();
        match &mut self.judge {
            _ if self.layer.is_some() => return Used::No,
            Some(judge) if judge.mode != Mode::Aside => judge.paste(text),
            _ if reply => self.reply = Some(text.replace("\r\n", "\n").replace('\r', "\n")),
            _ => self.composer.paste(text),
        }
        Used::Yes
    }

    fn mouse(&mut self, mouse: Mouse, ctx: &mut Ctx<'_>) -> Used {
        let by = match mouse.kind {
            MouseKind::ScrollUp => -3,
            MouseKind::ScrollDown => 3,
            MouseKind::Press | MouseKind::Drag | MouseKind::Release => return Used::No,
        };
        if let Some(used) = self.layer_scroll(by) {
            return used;
        }
        match self.judge.as_ref().map(|judge| judge.mode) {
            Some(Mode::Judging) => self.move_diff(DiffMove::Row(by), ctx),
            _ => self.scroll.moved += by as i64,
        }
        Used::Yes
    }

    fn ended(&mut self, kind: JobKind, result: Result<(), Report>, ctx: &mut Ctx<'_>) {
        self.job_ended(kind, result.err(), ctx);
    }

    fn escape(&mut self, ctx: &mut Ctx<'_>) -> Used {
        if let Some(used) = self.layer_escape() {
            return used;
        }
        match &mut self.judge {
            _ if self.layer.take().is_some() => {}
            Some(judge) if matches!(judge.mode, Mode::Reason | Mode::Editing | Mode::Rule) => {
                judge.leave_field();
            }
            Some(judge) if judge.mode == Mode::Judging && !judge.is_home() => self.close_view(ctx),
            Some(judge) if judge.mode == Mode::Aside => judge.mode = Mode::Judging,
            _ if self.reply.take().is_some() => {}
            _ => self.scroll.ends += 1,
        }
        Used::Yes
    }

    fn interrupt(&mut self, ctx: &mut Ctx<'_>) -> Used {
        let reading = self.interrupt_reader(ctx);
        if !self.machine.is_busy() && !reading {
            return Used::No;
        }
        self.feed(Input::Interrupt, ctx);
        Used::Yes
    }

    fn tick(&mut self, ctx: &mut Ctx<'_>) {
        self.now = ctx.now;
        if self.reader.is_busy() {
            self.feed_reader(Input::Tick, ctx);
        }
        if self.machine.is_busy() || self.reader.is_busy() {
            self.feed(Input::Tick, ctx);
        }
    }

    fn save(&self) -> serde_json::Value {
        self.saved()
    }

    fn restore(&mut self, saved: &serde_json::Value, _ctx: &mut Ctx<'_>) {
        self.take_saved(saved);
    }
}

impl State {
    /// Keeps what the model has said so far, marked, before the program ends.
    pub fn leave(&mut self, ctx: &mut Ctx<'_>) {
        self.interrupt_reader(ctx);
        if self.machine.stream().is_some() {
            self.feed(Input::Interrupt, ctx);
        }
    }

    /// Says which kind of provider answers.
    pub fn provider(&self) -> Provider {
        self.machine.setup().provider
    }
}
