//! The approval: the proposal as a diff, and what the person says to it. A key that was meant for the composer must not
//! agree to anything, so an approval is not asked for by a single key while something is being written, nor in the
//! first moments after it appeared.

use similar::{ChangeTag, TextDiff};

use super::{NOT_READY, State};
use crate::agent::data::{Decision, Proposal};
use crate::agent::machine::Input;
use crate::app::Millis;
use crate::app::editor::Editor;
use crate::app::facts::Counts;
use crate::app::key::{Code, Key};
use crate::app::msg::PaneMsg;
use crate::app::pane::{Ctx, Used, pr};

/// Keys that agree are not taken this soon after the approval appeared.
const SETTLE_MS: Millis = 350;
/// Lines of context around a change.
const CONTEXT: usize = 3;

/// A proposal that waits for the person.
#[derive(Clone, Debug)]
pub struct Judge {
    pub proposal: Proposal,
    pub rows: Vec<DiffRow>,
    pub added: usize,
    pub removed: usize,
    pub scroll: usize,
    pub mode: Mode,
    /// The reason of a refusal, or the text being edited.
    pub editor: Editor,
    since: Millis,
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
    /// Writes in the composer; the approval waits.
    Aside,
}

/// A row of the diff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffRow {
    pub kind: DiffKind,
    /// The line's number in the new text, or in the old one where it was removed.
    pub number: usize,
    /// The line in parts; marked ones are the words that changed.
    pub parts: Vec<(Emphasis, String)>,
}

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiffKind {
    Same,
    Added,
    Removed,
    /// Unchanged lines left out.
    Gap,
}

/// Whether a part of a line is what changed in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emphasis {
    Plain,
    Changed,
}

impl Judge {
    pub(super) fn new(proposal: Proposal, now: Millis, mode: Mode) -> Self {
        let rows = diff(&proposal.before, &proposal.after);
        let count = |kind| rows.iter().filter(|row| row.kind == kind).count();
        let (added, removed) = (count(DiffKind::Added), count(DiffKind::Removed));
        Self { proposal, rows, added, removed, scroll: 0, mode, editor: Editor::default(), since: now }
    }

    pub(super) fn key(&mut self, key: Key) -> Used {
        match self.mode {
            Mode::Judging | Mode::Aside => Used::No,
            Mode::Editing if key.code == Code::Enter => {
                self.editor.insert("\n");
                Used::Yes
            }
            Mode::Reason | Mode::Editing => self.editor.key(key),
        }
    }

    pub(super) fn paste(&mut self, text: &str) {
        if matches!(self.mode, Mode::Reason | Mode::Editing) {
            self.editor.insert(&text.replace("\r\n", "\n").replace('\r', "\n"));
        }
    }
}

impl State {
    pub(super) fn accept(&mut self, ctx: &mut Ctx<'_>) {
        let Some(judge) = &self.judge else { return };
        if ctx.now.saturating_sub(judge.since) < SETTLE_MS {
            return ctx.toast("This edit has just appeared. Press the key again to accept it");
        }
        self.decide(Decision::Accept, ctx);
    }

    pub(super) fn judge_mode(&mut self, mode: Mode) {
        let Some(judge) = &mut self.judge else { return };
        if judge.mode != Mode::Judging {
            return;
        }
        judge.editor = match mode {
            Mode::Editing => {
                let mut editor = Editor::new(&judge.proposal.after);
                let first = judge.rows.iter().find(|row| row.kind == DiffKind::Added);
                editor.set_cursor(first.map_or(0, |row| row.number.saturating_sub(1)), 0);
                editor
            }
            Mode::Judging | Mode::Reason | Mode::Aside => Editor::default(),
        };
        judge.mode = mode;
    }

    pub(super) fn confirm(&mut self, ctx: &mut Ctx<'_>) {
        let Some(judge) = &mut self.judge else { return };
        let decision = match judge.mode {
            Mode::Reason => Decision::Deny { reason: judge.editor.text().trim().to_string() },
            Mode::Editing => Decision::AcceptEdited { after: judge.editor.text() },
            Mode::Judging | Mode::Aside => return,
        };
        self.decide(decision, ctx);
    }

    pub(super) fn decide(&mut self, decision: Decision, ctx: &mut Ctx<'_>) {
        // After a resume an edit may be waiting before the tools that write it are loaded.
        if !self.is_open() {
            return ctx.toast(NOT_READY);
        }
        let Some(judge) = self.judge.take() else { return };
        count(&mut ctx.facts.counts, &judge.proposal, &decision);
        if !matches!(decision, Decision::Deny { .. }) {
            ctx.post(PaneMsg::Pr(pr::Msg::Accepted { edits: 1, lines: added(&judge.rows) }));
        }
        let call_id = judge.proposal.call_id;
        self.feed(Input::Decided { call_id, decision }, ctx);
        self.tell_pr(ctx);
    }

    pub(super) fn scroll_diff(&mut self, by: isize) {
        if let Some(judge) = &mut self.judge {
            let last = judge.rows.len().saturating_sub(1);
            judge.scroll = judge.scroll.saturating_add_signed(by).min(last);
        }
    }
}

/// Counts a decision.
pub(super) fn count(counts: &mut Counts, proposal: &Proposal, decision: &Decision) {
    match decision {
        Decision::AcceptEdited { after } if *after != proposal.after => counts.edits_changed += 1,
        Decision::Accept | Decision::AcceptEdited { .. } => counts.edits_accepted += 1,
        Decision::Deny { .. } => counts.edits_denied += 1,
    }
}

/// Gives the lines that a proposal adds, without the words marked in them: cheap enough for a whole log.
pub(super) fn added_lines(before: &str, after: &str) -> Vec<String> {
    let diff = TextDiff::from_lines(before, after);
    let added = diff.iter_all_changes().filter(|change| change.tag() == ChangeTag::Insert);
    added.map(|change| change.value().trim_end_matches('\n').to_string()).collect()
}

/// Gives the lines that the model wrote, for the fact sheet of the pull request.
fn added(rows: &[DiffRow]) -> Vec<String> {
    let of_model = rows.iter().filter(|row| row.kind == DiffKind::Added);
    of_model.map(|row| row.parts.iter().map(|(_, text)| text.as_str()).collect()).collect()
}

/// Makes the rows of a diff, with the changed words of changed lines marked.
pub(super) fn diff(before: &str, after: &str) -> Vec<DiffRow> {
    let diff = TextDiff::from_lines(before, after);
    let mut rows = Vec::new();
    let mut seen = 0;
    for group in diff.grouped_ops(CONTEXT) {
        let start = group.first().map_or(0, |op| op.old_range().start);
        if start > seen {
            let left = start - seen;
            let text = format!("{left} unchanged line{}", if left == 1 { "" } else { "s" });
            rows.push(DiffRow { kind: DiffKind::Gap, number: 0, parts: vec![(Emphasis::Plain, text)] });
        }
        seen = group.last().map_or(seen, |op| op.old_range().end);
        for op in &group {
            rows.extend(diff.iter_inline_changes(op).map(|change| {
                let (kind, index) = match change.tag() {
                    ChangeTag::Equal => (DiffKind::Same, change.new_index()),
                    ChangeTag::Insert => (DiffKind::Added, change.new_index()),
                    ChangeTag::Delete => (DiffKind::Removed, change.old_index()),
                };
                let part = |(changed, text): (bool, std::borrow::Cow<'_, str>)| {
                    let emphasis = if changed { Emphasis::Changed } else { Emphasis::Plain };
                    (emphasis, text.trim_end_matches('\n').to_string())
                };
                let parts = change.iter_strings_lossy().map(part).collect();
                DiffRow { kind, number: index.map_or(0, |index| index + 1), parts }
            }));
        }
    }
    rows
}
