//! A file that changed after an edit of it was proposed: the person's change is shown beside the proposal, and the proposal can
//! be fitted onto it where its hunks still apply. Nothing is ever written over the person's text.

use super::rows::{DiffRow, plain_rows};
use super::{Judge, View};
use crate::agent::approval::hunks::{self, Rebased};
use crate::agent::data::Proposal;
use crate::agent::machine::Input;
use crate::app::effect::Job as AnyJob;
use crate::app::job::JobKind;
use crate::app::pane::Ctx;
use crate::app::pane::chat::{Job, NOT_READY, State};

/// How the file differs from what the proposal was made from.
#[derive(Clone, Debug)]
pub struct Conflict {
    /// The file as it is; none where it is gone.
    pub present: Option<String>,
    /// The person's change since, as a diff.
    pub yours: Vec<DiffRow>,
    pub rebased: Rebased,
}

impl Conflict {
    fn new(proposal: &Proposal, present: Option<String>) -> Self {
        let now = present.as_deref().unwrap_or_default();
        let yours = plain_rows(&proposal.before, now);
        let rebased = hunks::rebase(&proposal.before, &proposal.after, now);
        Self { present, yours, rebased }
    }

    /// Says what happened and what still applies.
    pub fn words(&self) -> String {
        let (fit, all) = (self.rebased.count(), self.rebased.fits.len());
        let what = if self.present.is_some() { "The file changed" } else { "The file is gone" };
        match fit {
            0 => format!("{what}; no hunk fits any more: d denies, t shows your change"),
            _ => format!("{what}; {fit} of {all} hunks still fit: R fits them, t shows your change"),
        }
    }

    pub(super) fn refusal(&self) -> &'static str {
        match self.rebased.count() {
            0 => {
                "Not written: the file changed and no hunk fits any more. d denies, and the model is told why"
            }
            _ => "Not written: the file changed since this was proposed. R fits the edit onto it first",
        }
    }
}

impl Judge {
    /// Takes what the file reads now.
    pub(in crate::app::pane::chat) fn file_now(&mut self, present: Option<String>) {
        let same = present.as_deref().unwrap_or_default() == self.proposal.before
            && (present.is_some() || self.proposal.before.is_empty());
        self.conflict = (!same).then(|| Conflict::new(&self.proposal, present));
        if self.conflict.is_none() && self.view == View::Yours {
            self.view = View::Proposal;
        }
        self.cursor = self.cursor.min(self.shown().len().saturating_sub(1));
    }

    /// Takes over the choice of hunks from before a rebase, where it is clear which hunk is which.
    pub(in crate::app::pane::chat) fn choose_as(&mut self, before: &Self) {
        let again = before.proposal.call_id == self.proposal.call_id;
        let Some(conflict) = before.conflict.as_ref().filter(|_| again) else { return };
        let kept: Vec<bool> = before
            .chosen
            .iter()
            .zip(&conflict.rebased.fits)
            .filter_map(|(chosen, fits)| fits.then_some(*chosen))
            .collect();
        self.chosen = match kept.len() == self.hunks.len() {
            true => kept,
            // Hunks that ran together: what was declined must not come back unasked.
            false => vec![!before.chosen.contains(&false); self.hunks.len()],
        };
    }
}

impl State {
    /// Watches the file of the proposal that waits, for as long as it waits.
    pub(in crate::app::pane::chat) fn watch_edit(&mut self, ctx: &mut Ctx<'_>) {
        let wanted = self.judge.as_ref().filter(|_| self.ready).map(|judge| &judge.proposal);
        let wanted = wanted.map(|proposal| (proposal.call_id.clone(), proposal.scope, proposal.path.clone()));
        if wanted.as_ref().map(|(call_id, ..)| call_id) == self.watched.as_ref() {
            return;
        }
        ctx.cancel(JobKind::WatchEdit);
        self.watched = wanted.as_ref().map(|(call_id, ..)| call_id.clone());
        if let Some(proposal) = self.judge.as_ref().map(|judge| judge.proposal.clone()) {
            self.start_draft(&proposal, ctx);
        }
        if let Some((call_id, scope, path)) = wanted {
            let job = Job::WatchEdit { call_id, scope, path };
            ctx.start(JobKind::WatchEdit, "watching the file of the edit", AnyJob::Chat(job));
        }
    }

    /// Is told what the file of the waiting proposal reads.
    pub(in crate::app::pane::chat) fn file_now(&mut self, call_id: &str, present: Option<String>) {
        if let Some(judge) = self.judge.as_mut().filter(|judge| judge.proposal.call_id == call_id) {
            judge.file_now(present);
        }
    }

    /// Shows the other side in place of the proposal, and back: the person's own change, or the reference of a new port's class.
    pub(in crate::app::pane::chat) fn toggle_view(&mut self, ctx: &mut Ctx<'_>) {
        let Some(judge) = &mut self.judge else { return };
        if judge.view != View::Proposal {
            (judge.view, judge.cursor) = (View::Proposal, judge.back_to);
            judge.top = judge.cursor;
        } else if judge.conflict.is_some() {
            judge.back_to = judge.cursor;
            (judge.view, judge.cursor, judge.top) = (View::Yours, 0, 0);
        } else if !judge.show_reference() {
            ctx.toast("Nothing stands beside this: nobody changed the file, and no class of the reference answers to it");
        }
    }

    /// Fits the waiting proposal onto the file as it is.
    pub(in crate::app::pane::chat) fn rebase(&mut self, ctx: &mut Ctx<'_>) {
        if !self.is_open() {
            return ctx.toast(NOT_READY);
        }
        let Some(judge) = &self.judge else { return };
        let Some(conflict) = &judge.conflict else {
            return ctx.toast("Nobody changed the file since this was proposed");
        };
        if conflict.rebased.count() == 0 {
            return ctx.toast(conflict.refusal());
        }
        let proposal = &judge.proposal;
        let before = conflict.present.clone().unwrap_or_default();
        let unfit = judge.hunks.iter().zip(&conflict.rebased.fits).filter(|(_, fits)| !**fits);
        let lost: String =
            unfit.map(|(hunk, _)| hunks::unified(&proposal.before, &proposal.after, hunk)).collect();
        let after = conflict.rebased.text.clone();
        let verb = proposal.title.split(' ').next().unwrap_or("edit");
        let (added, removed) = crate::util::text::line_changes(&before, &after);
        let title = format!("{verb} {} +{added} -{removed}", proposal.path);
        let proposal = Proposal { title, before, after, ..proposal.clone() };
        self.feed(Input::Rebased { proposal, lost }, ctx);
    }
}
