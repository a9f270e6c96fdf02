//! A file that changed after an edit of it was proposed: the person's change is shown beside the proposal, and the proposal can
//! be fitted onto it where its hunks still apply. Nothing is ever written over the person's text.

use super::panels::Panels;
use super::rows::{DiffKind, DiffRow, plain_rows};
use super::{Judge, Mode, View};
use crate::agent::approval::hunks::{self, Hunk};
use crate::agent::approval::merge::{self, Region, Side, Texts, Who};
use crate::agent::data::{Decision, Proposal};
use crate::agent::machine::Input;
use crate::app::editor::Editor;
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
    pub panels: Panels,
    was: String,
    /// The model's text, with the hunks that were chosen.
    models: String,
    regions: Vec<Region>,
    /// Whose lines stand where; none where that is for the person to say.
    sides: Vec<Option<Side>>,
}

impl Conflict {
    fn new((was, models): (String, String), present: Option<String>, earlier: Option<&Self>) -> Self {
        let now = present.clone().unwrap_or_default();
        let texts = Texts { was: &was, yours: &now, models: &models };
        let regions = merge::regions(texts);
        let side = |region: &Region| match region.who {
            Who::Person | Who::Same => Some(Side::Yours),
            Who::Model => Some(Side::Models),
            Who::Both => None,
        };
        // A choice stays where all three texts of the place are as they were when it was made.
        let kept = |region: &Region| earlier?.side_of(&lines_of(texts, region)).flatten();
        let sides: Vec<_> = regions.iter().map(|region| kept(region).or(side(region))).collect();
        let panels = Panels::of(texts, &regions, &sides);
        let yours = plain_rows(&was, &now);
        Self { present, yours, panels, was, models, regions, sides }
    }

    fn texts(&self) -> Texts<'_> {
        let yours = self.present.as_deref().unwrap_or_default();
        Texts { was: &self.was, yours, models: &self.models }
    }

    fn side_of(&self, lines: &[String; 3]) -> Option<Option<Side>> {
        let same = |region: &&Region| lines_of(self.texts(), region) == *lines;
        let at = self.regions.iter().position(|region| same(&region))?;
        Some(self.sides[at])
    }

    /// Counts the places that the person has to decide.
    pub fn open(&self) -> usize {
        self.sides.iter().filter(|side| side.is_none()).count()
    }

    /// Says what happened and what is left to do.
    pub fn words(&self) -> String {
        let what = match self.present {
            Some(_) => "You changed the file too",
            None => "The file is gone",
        };
        match (self.open(), self.regions.len()) {
            (0, _) => format!("{what}; all is decided: a shows the edit on your text"),
            (open, all) => {
                format!("{what}: {open} of {all} places to decide")
            }
        }
    }

    fn refusal(&self) -> String {
        match self.open() {
            1 => "Not written: one place is not decided. m keeps yours, x takes the model's".into(),
            open => {
                format!("Not written: {open} places are not decided. m yours, x model's, R yours in all")
            }
        }
    }

    fn merged(&self) -> String {
        merge::merged(self.texts(), &self.regions, &self.sides)
    }

    /// Gives the text to edit by hand, and the line to begin at.
    pub(super) fn to_edit(&self) -> (String, usize) {
        let (text, first) = merge::marked(self.texts(), &self.regions, &self.sides);
        (text, first.unwrap_or(0))
    }

    /// Gives the model's hunks at places where they are not taken, as a diff.
    fn lost(&self) -> String {
        let left = self.regions.iter().zip(&self.sides).filter(|(region, side)| {
            matches!(region.who, Who::Both | Who::Model) && **side != Some(Side::Models)
        });
        left.map(|(region, _)| {
            let (old, new) = (region.was.clone(), region.models.clone());
            let hunk = Hunk { old, new, place: region.place.clone() };
            hunks::unified(&self.was, &self.models, &hunk)
        })
        .collect()
    }

    /// Takes a side at the place; says what keeps it from that.
    fn choose(&mut self, at: usize, side: Side) -> Result<(), &'static str> {
        match self.regions.get(at).map(|region| region.who) {
            None => return Ok(()),
            Some(Who::Person) => return Err("Only you changed this place: your lines stand"),
            Some(Who::Same) => return Err("Both made the same change here: it stands"),
            Some(Who::Model | Who::Both) => self.sides[at] = Some(side),
        }
        self.panels = Panels::of(self.texts(), &self.regions, &self.sides);
        Ok(())
    }
}

fn lines_of(texts: Texts<'_>, region: &Region) -> [String; 3] {
    let part = |text, range: &std::ops::Range<usize>| hunks::lines(text)[range.clone()].concat();
    [part(texts.was, &region.was), part(texts.yours, &region.yours), part(texts.models, &region.models)]
}

impl Judge {
    /// Gives what the file reads now, as far as is known.
    pub(super) fn present(&self) -> Option<String> {
        match &self.conflict {
            Some(conflict) => conflict.present.clone(),
            None => Some(self.proposal.before.clone()),
        }
    }

    /// Takes what the file reads now.
    pub(in crate::app::pane::chat) fn file_now(&mut self, present: Option<String>) {
        let Proposal { before, after, .. } = &self.proposal;
        let same = present.as_deref().unwrap_or_default() == before.as_str()
            && (present.is_some() || before.is_empty());
        let earlier = self.conflict.take();
        if !same {
            let models = hunks::apply(before, after, &self.hunks, &self.chosen);
            self.conflict = Some(Conflict::new((before.clone(), models), present, earlier.as_ref()));
        }
        match (earlier.is_some(), self.conflict.is_some()) {
            (false, true) => {
                self.back_to = self.place();
                self.view = View::Merge;
                self.cursor = self.first_open().unwrap_or(0);
                self.top = self.cursor;
            }
            (true, false) => (self.view, self.cursor) = (View::Proposal, self.back_to),
            _ => {}
        }
        self.cursor = self.cursor.min(self.shown().len().saturating_sub(1));
    }

    /// Finds the head of the first place that is not decided.
    fn first_open(&self) -> Option<usize> {
        let conflict = self.conflict.as_ref()?;
        let open = conflict.sides.iter().position(Option::is_none)?;
        let head = |row: &DiffRow| row.kind == DiffKind::Head && row.hunk == Some(open);
        conflict.panels.rows.iter().position(head)
    }

    /// Takes a side at the place under the cursor, and goes to the next one that is not decided.
    fn choose_side(&mut self, side: Option<Side>) -> Result<(), &'static str> {
        let Some(conflict) = &mut self.conflict else { return Ok(()) };
        let rows = &conflict.panels.rows;
        let Some(at) = rows.iter().skip(self.cursor).find_map(|row| row.hunk) else { return Ok(()) };
        let other = match conflict.sides[at] {
            Some(Side::Yours) => Side::Models,
            Some(Side::Models) | None => Side::Yours,
        };
        conflict.choose(at, side.unwrap_or(other))?;
        if let Some(row) = self.first_open().filter(|_| side.is_some()) {
            (self.cursor, self.top) = (row, row);
        }
        self.cursor = self.cursor.min(self.shown().len().saturating_sub(1));
        Ok(())
    }

    /// Takes over what is known of the file from before a proposal was fitted onto it.
    pub(in crate::app::pane::chat) fn go_on_from(&mut self, before: &Self) {
        if before.proposal.call_id == self.proposal.call_id {
            self.set_aside = before.set_aside.clone();
            self.file_now(before.present());
        }
    }

    /// Gives the proposal fitted onto the file as it is, and the model's hunks that are not in it.
    fn fitted(&self, conflict: &Conflict) -> (Proposal, String) {
        let Proposal { before, after, .. } = &self.proposal;
        let declined = self.hunks.iter().zip(&self.chosen).filter(|(_, chosen)| !**chosen);
        let declined: String = declined.map(|(hunk, _)| hunks::unified(before, after, hunk)).collect();
        let now = conflict.present.clone().unwrap_or_default();
        (self.proposal_of(now, conflict.merged()), declined + &conflict.lost())
    }

    fn proposal_of(&self, before: String, after: String) -> Proposal {
        let proposal = &self.proposal;
        // What was to be a new file is there by now.
        let verb = if before.is_empty() { "create" } else { "edit" };
        let (added, removed) = crate::util::text::line_changes(&before, &after);
        let title = format!("{verb} {} +{added} -{removed}", proposal.path);
        Proposal { title, before, after, ..proposal.clone() }
    }
}

impl State {
    /// Watches the file of the proposal that waits, for as long as it waits.
    pub(in crate::app::pane::chat) fn watch_edit(&mut self, ctx: &mut Ctx<'_>) {
        let wanted = self.judge.as_ref().filter(|_| self.ready).map(|judge| &judge.proposal);
        let wanted = wanted.filter(|proposal| proposal.scope.is_file());
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

    /// Shows another side in place of what is shown, and back: the person's own change and the proposal as it was made, or the
    /// reference of a new port's class.
    pub(in crate::app::pane::chat) fn toggle_view(&mut self, ctx: &mut Ctx<'_>) {
        let Some(judge) = &mut self.judge else { return };
        let next = match (judge.view, judge.conflict.is_some()) {
            (View::Merge, true) => View::Yours,
            (View::Yours, true) => View::Proposal,
            (View::Proposal | View::Reference, true) => View::Merge,
            (View::Proposal, false) => {
                if !judge.show_reference() {
                    ctx.toast("Nothing stands beside this: nobody changed the file, and no class of the reference answers to it");
                }
                return;
            }
            (View::Reference | View::Yours | View::Merge, false) => View::Proposal,
        };
        judge.view = next;
        judge.cursor = match next {
            View::Merge => judge.first_open().unwrap_or(0),
            View::Proposal => judge.back_to.min(judge.rows.len().saturating_sub(1)),
            View::Yours | View::Reference => 0,
        };
        judge.top = judge.cursor;
    }

    /// Goes back to what an approval shows first.
    pub(in crate::app::pane::chat) fn close_view(&mut self, ctx: &mut Ctx<'_>) {
        while self.judge.as_ref().is_some_and(|judge| !judge.is_home()) {
            self.toggle_view(ctx);
        }
    }

    /// Takes a side at the place under the cursor; without one, the other side.
    pub(in crate::app::pane::chat) fn take_side(&mut self, side: Option<Side>, ctx: &mut Ctx<'_>) {
        let Some(judge) = &mut self.judge else { return };
        if judge.view != View::Merge {
            return ctx.toast("This is one side alone. t goes on to where both stand");
        }
        if let Err(why) = judge.choose_side(side) {
            ctx.toast(why);
        }
    }

    /// Fits the waiting proposal onto the file as it is; what is not decided stays as the person has it.
    pub(in crate::app::pane::chat) fn rebase(&mut self, ctx: &mut Ctx<'_>) {
        if !self.is_open() {
            return ctx.toast(NOT_READY);
        }
        let Some(judge) = &self.judge else { return };
        let Some(conflict) = &judge.conflict else {
            return ctx.toast("Nobody changed the file since this was proposed");
        };
        let (proposal, lost) = judge.fitted(conflict);
        if proposal.after == proposal.before {
            return ctx.toast("Nothing of the edit is left to write. d tells the model, with your reason");
        }
        self.feed(Input::Rebased { proposal, lost }, ctx);
        ctx.toast("This is the edit on your file as it is now. a writes it");
    }

    /// Agrees to a proposal whose file changed: not before every place is decided, and not before the whole was seen.
    pub(super) fn accept_conflict(&mut self, ctx: &mut Ctx<'_>) {
        let refusal = self.judge.as_ref().and_then(|judge| judge.conflict.as_ref());
        match refusal.filter(|conflict| conflict.open() > 0).map(Conflict::refusal) {
            Some(why) => ctx.toast(why),
            None => self.rebase(ctx),
        }
    }

    /// Takes the text that the person edited. If the file is not what they began from, their text becomes the proposal and all
    /// three stand beside each other again: neither is lost.
    pub(super) fn confirm_edit(&mut self, ctx: &mut Ctx<'_>) {
        let open = self.is_open();
        let Some(judge) = &mut self.judge else { return };
        let text = judge.editor.text();
        if let Some(line) = merge::mark_left(&text) {
            judge.editor.set_cursor(line, 0);
            return ctx
                .toast(format!("Line {} still holds a mark of the conflict. Your text is kept", line + 1));
        }
        if !open {
            return ctx.toast(NOT_READY);
        }
        let began = judge.edited_from.clone().unwrap_or_else(|| Some(judge.proposal.before.clone()));
        let decision = Decision::AcceptEdited { after: text.clone() };
        match &judge.conflict {
            None if began.as_deref() == Some(&judge.proposal.before) => self.decide(decision, ctx),
            Some(conflict) if conflict.present == began => {
                let (proposal, lost) = judge.fitted(conflict);
                self.feed(Input::Rebased { proposal, lost }, ctx);
                self.decide(decision, ctx);
            }
            _ => {
                let proposal = judge.proposal_of(began.unwrap_or_default(), text);
                judge.mode = Mode::Judging;
                self.feed(Input::Rebased { proposal, lost: String::new() }, ctx);
                ctx.toast("The file changed while you edited: your text stands beside it as the proposal");
            }
        }
    }

    /// Begins to edit, or goes on with what was edited before.
    pub(super) fn begin_edit(&mut self, ctx: &mut Ctx<'_>) {
        let Some(judge) = &mut self.judge else { return };
        if let Some((from, editor)) = judge.set_aside.take() {
            (judge.edited_from, judge.editor) = (Some(from), editor);
            ctx.toast("Your text of before. a on the proposal takes that one instead");
        } else {
            judge.edited_from = Some(judge.present());
            let (text, line) = judge.to_edit();
            judge.editor = Editor::new(&text);
            judge.editor.set_cursor(line, 0);
        }
        judge.wrong = None;
        judge.mode = Mode::Editing;
    }
}
