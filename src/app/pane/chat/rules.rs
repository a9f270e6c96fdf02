//! Who decides on edits, as the person sees it: the mode and its key, the list of rules, the list of written edits that can be
//! taken back. Also what is counted of decisions.

use similar::TextDiff;

use super::judge::{self, rows};
use super::{Job, NOT_READY, State, TookBack, items};
use crate::agent::approval;
use crate::agent::data::policy::By;
use crate::agent::data::{Decision, EditScope, Entry, Proposal};
use crate::agent::machine::Input;
use crate::app::effect::Job as AnyJob;
use crate::app::job::JobKind;
use crate::app::msg::PaneMsg;
use crate::app::pane::{Ctx, Used, harness, pr, source};
use crate::port::data::EditReceipt;
use crate::session::data::Entry as Logged;
use crate::util::blame::Report;

/// Written edits that are remembered to be taken back.
const REMEMBERED: usize = 100;

/// A list over the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    Rules { at: usize },
    Edits { at: usize },
}

/// An edit that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub call_id: String,
    pub path: String,
    pub scope: EditScope,
    pub before: String,
    /// What the model proposed, where that is not what was written.
    pub proposed: Option<String>,
    pub after: String,
    pub by: By,
    pub receipt: EditReceipt,
    pub stands: Stands,
}

impl Written {
    /// Counts the lines that it added and removed.
    pub fn counts(&self) -> (usize, usize) {
        crate::util::text::line_changes(&self.before, &self.after)
    }
}

/// Whether a written edit still stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    Yes,
    TakenBack,
}

impl State {
    pub(super) fn next_mode(&mut self, ctx: &mut Ctx<'_>) {
        let mode = self.machine.policy().mode.next();
        self.feed(Input::Mode(mode), ctx);
        ctx.toast(format!("Edits: {}: {}", mode.name(), mode.words()));
    }

    pub(super) fn open_edits(&mut self) {
        self.layer = Some(Layer::Edits { at: 0 });
    }

    pub(super) fn move_layer(&mut self, by: isize) {
        let rules = self.machine.policy().in_force(self.now).count();
        let (at, count) = match &mut self.layer {
            Some(Layer::Rules { at }) => (at, rules),
            Some(Layer::Edits { at }) => (at, self.written.len()),
            None => return,
        };
        *at = at.saturating_add_signed(by).min(count.saturating_sub(1));
    }

    pub(super) fn act_on_layer(&mut self, ctx: &mut Ctx<'_>) {
        match self.layer {
            Some(Layer::Rules { at }) => {
                let Some(id) = self.machine.policy().in_force(self.now).nth(at).map(|taken| taken.id) else {
                    return;
                };
                self.feed(Input::RevokeRule(id), ctx);
                self.move_layer(0);
            }
            Some(Layer::Edits { at }) => self.take_back(at, ctx),
            None => {}
        }
    }

    /// Takes back a written edit, counted from the latest.
    fn take_back(&mut self, at: usize, ctx: &mut Ctx<'_>) {
        let Some(edit) = self.written.iter().rev().nth(at).cloned() else { return };
        if edit.stands == Stands::TakenBack {
            return ctx.toast("This edit was taken back already");
        }
        if !self.is_open() {
            return ctx.toast(NOT_READY);
        }
        if ctx.jobs.of(JobKind::TakeBack).is_none() {
            let job = Job::TakeBack { edit: Box::new(edit) };
            ctx.start(JobKind::TakeBack, "taking back an edit", AnyJob::Chat(job));
        }
    }

    pub(super) fn took_back(&mut self, call_id: String, end: Result<TookBack, Report>, ctx: &mut Ctx<'_>) {
        let done = match end {
            Ok(done) => done,
            Err(report) => {
                ctx.toast(report.text.clone());
                return self.trouble(report, ctx);
            }
        };
        let path = self.written.iter().find(|edit| edit.call_id == call_id).map(|edit| edit.path.clone());
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let diff = TextDiff::from_lines(text(&done.before), text(&done.after))
            .unified_diff()
            .context_radius(2)
            .to_string();
        if let Some(receipt) = done.receipt {
            ctx.record(Logged::Edit { receipt });
        }
        if let (Some(edit), Some(path)) = (self.written.iter().find(|edit| edit.call_id == call_id), &path) {
            let file = ctx.facts.provenance.taken_back(path, &text(&done.after), &edit.before);
            ctx.record(Logged::Provenance { file });
        }
        self.feed(Input::Undone { call_id, path: path.unwrap_or_default(), diff }, ctx);
        ctx.toast("Taken back. The model is told with your next message");
        tell_written(ctx);
    }

    /// Counts what an entry decides, and remembers what it is about.
    pub(super) fn tally(&mut self, entry: &Entry, ctx: &mut Ctx<'_>) {
        match entry {
            Entry::Proposed { proposal } | Entry::Rebased { proposal, .. } => {
                self.proposed = Some(proposal.clone());
                self.agreed = None;
            }
            Entry::Decided { call_id, decision, by } => {
                let Some(proposal) = self.proposed.take_if(|proposal| proposal.call_id == *call_id) else {
                    return;
                };
                judge::count(&mut ctx.facts.counts, &proposal, decision);
                if !by.is_person() {
                    let rows = rows::plain_rows(&proposal.before, &proposal.after);
                    items::with_diff(&mut self.items, call_id, rows);
                }
                if !matches!(decision, Decision::Deny { .. }) {
                    self.agreed = Some((proposal, decision.clone(), by.clone()));
                }
                self.tell_pr(ctx);
            }
            Entry::Undone { call_id, .. } => {
                if let Some(edit) = self.written.iter_mut().find(|edit| edit.call_id == *call_id) {
                    edit.stands = Stands::TakenBack;
                }
            }
            _ => {}
        }
    }

    /// Remembers that the edit that was agreed to is written; says whether there is one.
    pub(super) fn edit_written(&mut self, call_id: &str, receipt: &EditReceipt) -> Used {
        let Some((proposal, decision, by)) =
            self.agreed.take_if(|(proposal, ..)| proposal.call_id == call_id)
        else {
            return Used::No;
        };
        let Ok(edit) = approval::resolve(&proposal, &decision) else { return Used::No };
        let proposed = (proposal.after != edit.after).then(|| proposal.after.clone());
        self.written.push(Written {
            proposed,
            call_id: call_id.to_string(),
            path: edit.path,
            scope: proposal.scope,
            before: edit.before,
            after: edit.after,
            by,
            receipt: receipt.clone(),
            stands: Stands::Yes,
        });
        let extra = self.written.len().saturating_sub(REMEMBERED);
        self.written.drain(..extra);
        Used::Yes
    }
}

/// What was agreed to and is being written.
pub(super) type Agreed = (Proposal, Decision, By);

/// Tells the other panes that a file of the checkout was written from here.
pub(super) fn tell_written(ctx: &mut Ctx<'_>) {
    ctx.post(PaneMsg::Source(source::Msg::PortChanged));
    ctx.post(PaneMsg::Harness(harness::Msg::PortSaved { at: ctx.now }));
    ctx.post(PaneMsg::Pr(pr::Msg::FilesChanged));
}
