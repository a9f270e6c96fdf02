//! The approval: the proposal in hunks, and what the person says to it. A key that was meant for the composer must not
//! agree to anything, so an approval is not asked for by a single key while something is being written, nor in the
//! first moments after it appeared. [`conflict`] is about files that changed meanwhile, [`panels`] shows both changes,
//! [`rows`] makes the diff.

pub mod conflict;
mod draft;
pub mod panels;
pub mod rows;

use self::conflict::Conflict;
use self::rows::{DiffKind, DiffRow};
use super::{NOT_READY, State};
use crate::agent::approval;
use crate::agent::approval::hunks::{self, Hunk};
use crate::agent::data::policy::{Lasts, Rule};
use crate::agent::data::{Decision, Proposal};
use crate::agent::machine::Input;
use crate::app::Millis;
use crate::app::editor::Editor;
use crate::app::effect::Effect;
use crate::app::facts::Counts;
use crate::app::key::{Code, Key};
use crate::app::pane::{Ctx, Used};
use crate::source::data::Draft;
use crate::util::blame::Report;

/// Keys that agree are not taken this soon after the approval appeared.
const SETTLE_MS: Millis = 350;

/// A proposal that waits for the person.
#[derive(Clone, Debug)]
pub struct Judge {
    pub proposal: Proposal,
    pub hunks: Vec<Hunk>,
    /// Which hunks are taken; all of them at first.
    pub chosen: Vec<bool>,
    pub rows: Vec<DiffRow>,
    pub added: usize,
    pub removed: usize,
    /// The row under the cursor.
    pub cursor: usize,
    /// The first row shown, as far as the last move knows.
    top: usize,
    /// Columns scrolled away on the left.
    pub column: usize,
    pub mode: Mode,
    /// The reason of a refusal, the text being edited, or the rule.
    pub editor: Editor,
    /// Why the rule that was typed is none.
    pub wrong: Option<String>,
    /// The file is not what the proposal was made from.
    pub conflict: Option<Conflict>,
    /// A new port cut into parts, each beside what it answers to; then the parts are the hunks.
    pub draft: Option<Draft>,
    /// The reference of the part that was looked up last.
    reference: Vec<DiffRow>,
    /// Where the cursor was before the other side was shown.
    back_to: usize,
    /// A choice of an earlier run, until the parts are known.
    pub(super) kept_choice: Option<Vec<bool>>,
    /// Whether the other side is shown in place of the proposal.
    pub view: View,
    /// What the file read when the person began to edit the text; the outer one is none before that.
    pub(super) edited_from: Option<Option<String>>,
    /// What the person edited and left by Esc, with what the file read when they began.
    pub(super) set_aside: Option<(Option<String>, Editor)>,
    since: Millis,
}

/// Which change is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    #[default]
    Proposal,
    /// What the person made of the file since.
    Yours,
    /// The class of the reference.
    Reference,
    /// All three texts of the places that changed since.
    Merge,
}

/// What the person does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Judging,
    /// Writes why not.
    Reason,
    /// Edits the proposed text.
    Editing,
    /// Writes the rule by which edits of the file need not be asked for.
    Rule,
    /// Writes in the composer; the approval waits.
    Aside,
}

impl Judge {
    pub(super) fn new(proposal: Proposal, now: Millis, mode: Mode) -> Self {
        let hunks = hunks::hunks(&proposal.before, &proposal.after);
        let rows = match proposal.scope.is_file() {
            true => rows::rows(&proposal.before, &proposal.after, &hunks),
            false => rows::fact_rows(&proposal.after),
        };
        let count = |kind| rows.iter().filter(|row| row.kind == kind).count();
        let (added, removed) = (count(DiffKind::Added), count(DiffKind::Removed));
        Self {
            proposal,
            chosen: vec![true; hunks.len()],
            hunks,
            cursor: rows.iter().position(|row| row.kind == DiffKind::Head).unwrap_or(0),
            rows,
            added,
            removed,
            top: 0,
            column: 0,
            mode,
            editor: Editor::default(),
            wrong: None,
            conflict: None,
            draft: None,
            reference: Vec::new(),
            back_to: 0,
            kept_choice: None,
            view: View::default(),
            edited_from: None,
            set_aside: None,
            since: now,
        }
    }

    /// Gives the rows in view: the proposal's, or the person's own change.
    pub fn shown(&self) -> &[DiffRow] {
        match (self.view, &self.conflict) {
            (View::Yours, Some(conflict)) => &conflict.yours,
            (View::Merge, Some(conflict)) => &conflict.panels.rows,
            (View::Reference, _) => &self.reference,
            _ => &self.rows,
        }
    }

    /// Counts the chosen hunks.
    pub fn taken(&self) -> usize {
        self.chosen.iter().filter(|chosen| **chosen).count()
    }

    /// Gives the first row to show, so that the cursor is in view in so many rows.
    pub fn top(&self, height: usize) -> usize {
        let height = height.max(1);
        let last = self.shown().len().saturating_sub(height);
        self.top.clamp((self.cursor + 1).saturating_sub(height), self.cursor).min(last)
    }

    /// Gives the row of the proposal that the cursor stands for, whatever is shown.
    fn place(&self) -> usize {
        if self.view == View::Proposal { self.cursor } else { self.back_to }
    }

    /// Whether it shows what it shows first.
    pub(super) fn is_home(&self) -> bool {
        self.view == if self.conflict.is_some() { View::Merge } else { View::Proposal }
    }

    /// Gives the text to edit by hand, and the line to begin at: what is chosen, all sides where that is open.
    fn to_edit(&self) -> (String, usize) {
        let Proposal { before, after, .. } = &self.proposal;
        match &self.conflict {
            Some(conflict) => conflict.to_edit(),
            None => {
                // What was left out is left out of the text to edit too.
                let first = self.rows.iter().find(|row| row.kind == DiffKind::Added);
                let line = first.map_or(0, |row| row.number.saturating_sub(1));
                (hunks::apply(before, after, &self.hunks, &self.chosen), line)
            }
        }
    }

    /// Leaves a field; a text that was edited is kept.
    pub(super) fn leave_field(&mut self) {
        if self.mode == Mode::Editing && self.editor.text() != self.to_edit().0 {
            let from = self.edited_from.clone().unwrap_or_else(|| Some(self.proposal.before.clone()));
            self.set_aside = Some((from, std::mem::take(&mut self.editor)));
        }
        self.mode = Mode::Judging;
    }

    fn go(&mut self, row: usize, height: usize) {
        self.cursor = row.min(self.shown().len().saturating_sub(1));
        self.top = self.top(height);
    }

    /// Goes to the head of a neighbouring hunk, and shows it from there.
    fn go_hunk(&mut self, by: isize, height: usize) {
        let rows = self.shown();
        let head = |at: &usize| rows[*at].kind == DiffKind::Head;
        let found = match by > 0 {
            true => (self.cursor + 1..rows.len()).find(head),
            false => (0..self.cursor.min(rows.len())).rev().find(head),
        };
        if let Some(row) = found {
            self.top = row;
            self.go(row, height);
        }
    }

    fn toggle(&mut self) {
        if !self.proposal.scope.is_file() {
            return;
        }
        let hunk = self.rows.get(self.cursor).and_then(|row| row.hunk);
        // Between two hunks the next one is meant.
        let hunk = hunk.or_else(|| self.rows.iter().skip(self.cursor).find_map(|row| row.hunk));
        if let Some(chosen) = hunk.and_then(|hunk| self.chosen.get_mut(hunk)) {
            *chosen = !*chosen;
        }
    }

    /// Gives the decision that agrees to what is chosen; nothing where nothing is.
    fn choice(&self) -> Option<Decision> {
        let Proposal { before, after, .. } = &self.proposal;
        match self.taken() {
            0 => None,
            taken if taken == self.hunks.len() => Some(Decision::Accept),
            _ => {
                let of = |wanted: bool| {
                    self.hunks.iter().zip(&self.chosen).filter(move |(_, chosen)| **chosen == wanted)
                };
                Some(Decision::AcceptPart {
                    after: hunks::apply(before, after, &self.hunks, &self.chosen),
                    written: of(true).map(|(hunk, _)| hunks::head(hunk)).collect(),
                    declined: of(false).map(|(hunk, _)| hunks::unified(before, after, hunk)).collect(),
                })
            }
        }
    }

    pub(super) fn key(&mut self, key: Key) -> Used {
        match self.mode {
            Mode::Judging | Mode::Aside => Used::No,
            Mode::Editing if key.code == Code::Enter => {
                self.editor.insert("\n");
                Used::Yes
            }
            Mode::Reason | Mode::Editing | Mode::Rule => {
                self.wrong = None;
                self.editor.key(key)
            }
        }
    }

    pub(super) fn paste(&mut self, text: &str) {
        match self.mode {
            Mode::Reason | Mode::Editing => {
                self.editor.insert(&text.replace("\r\n", "\n").replace('\r', "\n"));
            }
            Mode::Rule => self.editor.insert(&crate::util::text::one_line(text)),
            Mode::Judging | Mode::Aside => {}
        }
    }

    /// Puts the next way to end into the rule that is being written.
    fn next_ending(&mut self) {
        let Ok(rule) = Rule::parse(&self.editor.text()) else { return };
        let at = Lasts::CHOICES.iter().position(|lasts| *lasts == rule.lasts);
        let lasts = Lasts::CHOICES[at.map_or(0, |at| (at + 1) % Lasts::CHOICES.len())];
        self.editor = Editor::new(&Rule { lasts, ..rule }.to_string());
    }
}

impl State {
    pub(super) fn accept(&mut self, ctx: &mut Ctx<'_>) {
        let Some(judge) = &self.judge else { return };
        if ctx.now.saturating_sub(judge.since) < SETTLE_MS {
            return ctx.toast("This has just appeared. Press the key again to accept it");
        }
        if judge.conflict.is_some() {
            return self.accept_conflict(ctx);
        }
        match judge.choice() {
            Some(decision) => self.decide(decision, ctx),
            None => {
                ctx.toast("No hunk is chosen. Space chooses the one under the cursor; d denies all of them")
            }
        }
    }

    pub(super) fn judge_mode(&mut self, mode: Mode, ctx: &mut Ctx<'_>) {
        let Some(judge) = self.judge.as_mut().filter(|judge| judge.mode == Mode::Judging) else { return };
        if mode != Mode::Reason && !judge.proposal.scope.is_file() {
            return ctx.toast(A_RUN);
        }
        if mode == Mode::Editing {
            return self.begin_edit(ctx);
        }
        judge.editor = match mode {
            Mode::Rule => {
                let path = judge.proposal.path.clone();
                let lasts = Lasts::CHOICES[1];
                Editor::new(&Rule { path, most: None, lasts }.to_string())
            }
            Mode::Judging | Mode::Reason | Mode::Aside | Mode::Editing => Editor::default(),
        };
        judge.wrong = None;
        judge.mode = mode;
    }

    pub(super) fn confirm(&mut self, ctx: &mut Ctx<'_>) {
        let Some(judge) = &self.judge else { return };
        match judge.mode {
            Mode::Reason => {
                let reason = judge.editor.text().trim().to_string();
                let reason = match &judge.conflict {
                    Some(conflict) => {
                        approval::with_change(&reason, &judge.proposal.before, conflict.present.as_deref())
                    }
                    None => reason,
                };
                self.decide(Decision::Deny { reason }, ctx);
            }
            Mode::Editing => self.confirm_edit(ctx),
            Mode::Rule => self.confirm_rule(ctx),
            Mode::Judging | Mode::Aside => {}
        }
    }

    /// Takes the rule as it stands, and by it the edit that waits if all of it is chosen.
    fn confirm_rule(&mut self, ctx: &mut Ctx<'_>) {
        let open = self.is_open();
        let Some(judge) = &mut self.judge else { return };
        let rule = match Rule::parse(&judge.editor.text()) {
            Ok(rule) => rule,
            Err(wrong) => return judge.wrong = Some(wrong),
        };
        if !open {
            return ctx.toast(NOT_READY);
        }
        judge.mode = Mode::Judging;
        let whole = judge.taken() == judge.hunks.len() && judge.conflict.is_none();
        let call_id = judge.proposal.call_id.clone();
        ctx.toast(format!("Rule taken: {rule}. /rules lists and revokes"));
        match whole {
            true => self.feed(Input::DecidedByRule { call_id, rule }, ctx),
            false => self.feed(Input::TakeRule(rule), ctx),
        }
    }

    pub(super) fn decide(&mut self, decision: Decision, ctx: &mut Ctx<'_>) {
        // After a resume an edit may be waiting before the tools that write it are loaded.
        if !self.is_open() {
            return ctx.toast(NOT_READY);
        }
        let Some(judge) = self.judge.take() else { return };
        let call_id = judge.proposal.call_id;
        self.feed(Input::Decided { call_id, decision }, ctx);
    }

    /// Opens the text in the person's own editor: what is chosen, or what was edited so far.
    pub(super) fn edit_outside(&mut self, ctx: &mut Ctx<'_>) {
        let Some(judge) = &mut self.judge else { return };
        if !judge.proposal.scope.is_file() {
            return ctx.toast(A_RUN);
        }
        if judge.mode != Mode::Editing {
            judge.edited_from = Some(judge.present());
        }
        let Proposal { call_id, path, .. } = &judge.proposal;
        let (text, line) = match judge.mode {
            Mode::Editing => (judge.editor.text(), judge.editor.cursor().0 + 1),
            _ if judge.conflict.is_some() => {
                let (text, line) = judge.to_edit();
                (text, line + 1)
            }
            _ => {
                let row = judge.rows.get(judge.place()).filter(|row| row.kind != DiffKind::Removed);
                (judge.to_edit().0, row.map_or(1, |row| row.number.max(1)))
            }
        };
        let name = path.rsplit('/').next().unwrap_or(path).to_string();
        ctx.effects.push(Effect::EditText { call_id: call_id.clone(), name, text, line });
    }

    /// Takes what the person made of the text; nothing is written before they say so.
    pub(super) fn edited_outside(&mut self, call_id: &str, text: Result<String, Report>, ctx: &mut Ctx<'_>) {
        let Some(judge) = self.judge.as_mut().filter(|judge| judge.proposal.call_id == call_id) else {
            return;
        };
        match text {
            Err(report) => ctx.toast(report.to_string()),
            Ok(text) if text == judge.to_edit().0 => ctx.toast("Nothing was changed"),
            Ok(text) => {
                judge.editor = Editor::new(&text);
                judge.editor.set_cursor(0, 0);
                judge.mode = Mode::Editing;
                ctx.toast("Ctrl-S accepts your text, Esc goes back to the proposal");
            }
        }
    }

    /// Moves within the diff.
    pub(super) fn move_diff(&mut self, by: DiffMove, ctx: &Ctx<'_>) {
        let height = usize::from(ctx.size.1 * 3 / 5).saturating_sub(2).max(1);
        let Some(judge) = &mut self.judge else { return };
        let row = judge.cursor;
        match by {
            DiffMove::Row(by) => judge.go(row.saturating_add_signed(by), height),
            DiffMove::Page(by) => judge.go(row.saturating_add_signed(by * height as isize), height),
            DiffMove::Hunk(by) => judge.go_hunk(by, height),
            DiffMove::Sideways(by) => judge.column = judge.column.saturating_add_signed(by).min(400),
        }
    }

    pub(super) fn toggle_hunk(&mut self, ctx: &mut Ctx<'_>) {
        let Some(judge) = &mut self.judge else { return };
        match (judge.view, judge.conflict.is_some()) {
            (View::Merge, _) => self.take_side(None, ctx),
            (View::Proposal, false) => judge.toggle(),
            _ => ctx.toast("This is one side alone. t goes on to where you choose"),
        }
    }

    pub(super) fn next_ending(&mut self) {
        if let Some(judge) = &mut self.judge {
            judge.next_ending();
        }
    }
}

/// Why a run is neither edited nor agreed to by a rule.
const A_RUN: &str = "A run is asked for each time: a starts it, d declines it";

/// A move within the diff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiffMove {
    Row(isize),
    Page(isize),
    Hunk(isize),
    Sideways(isize),
}

/// Counts a decision.
pub(super) fn count(counts: &mut Counts, proposal: &Proposal, decision: &Decision) {
    match decision {
        _ if !proposal.scope.is_file() => {}
        Decision::AcceptEdited { after } if *after != proposal.after => counts.edits_changed += 1,
        Decision::Accept | Decision::AcceptEdited { .. } | Decision::AcceptPart { .. } => {
            counts.edits_accepted += 1;
        }
        Decision::Deny { .. } => counts.edits_denied += 1,
    }
}
