//! Who wrote which line: the ledger is told of written edits, of what the port reads, and of what a draft took over from the
//! nearest accepted port.

use super::{Job, State};
use crate::agent::approval;
use crate::agent::data::provenance::{Applied, FileLines};
use crate::agent::data::{EditScope, Entry, Proposal};
use crate::app::effect::Job as AnyJob;
use crate::app::job::JobKind;
use crate::app::pane::Ctx;
use crate::app::pane::chat::History;
use crate::session::data::Entry as Logged;
use crate::source::data::Draft;

impl State {
    /// Tells the ledger of the edit that was written last.
    pub(super) fn lines_written(&mut self, ctx: &mut Ctx<'_>) {
        let Some(edit) = self.written.last() else { return };
        let proposed = edit.proposed.as_deref().unwrap_or(&edit.after);
        let applied = Applied { path: &edit.path, before: &edit.before, proposed, written: &edit.after };
        let file = ctx.facts.provenance.edited(&applied);
        keep(file, ctx);
        self.mark_copied(ctx);
    }

    /// Is told what the port reads. What is being written from here is not the person's.
    pub(super) fn port_now(&mut self, path: String, text: Option<String>, ctx: &mut Ctx<'_>) {
        if self.history == History::Reading {
            self.port_now = Some((path, text));
            return;
        }
        let text = text.unwrap_or_default();
        let own = self.agreed.as_ref().is_some_and(|(proposal, decision, _)| {
            proposal.path == path
                && approval::resolve(proposal, decision).is_ok_and(|edit| edit.after == text)
        });
        if own || ctx.jobs.of(JobKind::TakeBack).is_some() {
            return;
        }
        if let Some(file) = ctx.facts.provenance.saved(&path, &text) {
            keep(file, ctx);
        }
    }

    /// Asks for what a new port answers to: for its approval, or for its lines where it is written without one.
    pub(super) fn ask_draft(&mut self, entry: &Entry, ctx: &mut Ctx<'_>) {
        if let Entry::Proposed { proposal } = entry {
            self.start_draft(proposal, ctx);
        }
    }

    pub(super) fn start_draft(&mut self, proposal: &Proposal, ctx: &mut Ctx<'_>) {
        let known = self.draft.as_ref().is_some_and(|(call_id, ..)| *call_id == proposal.call_id);
        if !proposal.before.is_empty() || proposal.scope != EditScope::Port || known {
            return;
        }
        let (call_id, path, text) = (proposal.call_id.clone(), proposal.path.clone(), proposal.after.clone());
        self.draft = None;
        let job = Job::Draft { call_id, path, text };
        ctx.start(JobKind::Draft, "the draft beside the nearest port", AnyJob::Chat(job));
    }

    pub(super) fn drafted(&mut self, call_id: String, draft: Draft, ctx: &mut Ctx<'_>) {
        let text = match self.judge.as_mut().filter(|judge| judge.proposal.call_id == call_id) {
            Some(judge) => {
                judge.take_draft(draft.clone());
                judge.proposal.after.clone()
            }
            None => {
                let agreed = self.agreed.as_ref().map(|(proposal, ..)| proposal);
                let agreed =
                    agreed.filter(|proposal| proposal.call_id == call_id).map(|proposal| &proposal.after);
                let written = self.written.iter().find(|edit| edit.call_id == call_id);
                let Some(text) =
                    agreed.or_else(|| written.map(|edit| edit.proposed.as_ref().unwrap_or(&edit.after)))
                else {
                    return;
                };
                text.clone()
            }
        };
        self.draft = Some((call_id, text, draft));
        self.mark_copied(ctx);
    }

    /// Tells the ledger which lines of the draft are the nearest port's, once the draft is written.
    fn mark_copied(&mut self, ctx: &mut Ctx<'_>) {
        let Some((call_id, text, draft)) = &self.draft else { return };
        let Some(edit) = self.written.iter().find(|edit| edit.call_id == *call_id) else { return };
        let Some((name, _)) = &draft.near else { return };
        let from = format!("{name}.py");
        if let Some(file) = ctx.facts.provenance.copied(&edit.path, text, &draft.copied, &from) {
            keep(file, ctx);
        }
    }
}

fn keep(file: FileLines, ctx: &mut Ctx<'_>) {
    ctx.record(Logged::Provenance { file });
}
