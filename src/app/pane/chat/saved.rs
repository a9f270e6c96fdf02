//! What survives kill -9, and how a conversation comes back. The composer and what stands in an open approval are live state;
//! messages, cards, counts and approvals are rebuilt from the session log, which is read after the first frame. Until it is
//! in, and until tools are loaded, what the person sends waits in the queue.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::judge::{Judge, Mode};
use super::{Card, CardState, Details, Item, ItemKind, Machinery, Reading, State, Tone, items};
use crate::agent::data::{Entry, Role};
use crate::agent::machine::{Input, Machine, Provider};
use crate::app::editor::Editor;
use crate::app::pane::Ctx;
use crate::session::data::{Earlier, Entry as Logged};
use crate::tools::data::Artifact;
use crate::util::blame::Report;

/// Whether the messages of earlier runs are here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum History {
    /// All of them, or there were none.
    #[default]
    Here,
    /// They are being read.
    Reading,
    /// They could not be read.
    Missing,
}

/// What stands in an approval.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SavedJudge {
    call: String,
    mode: Mode,
    text: String,
    cursor: (usize, usize),
    row: usize,
    #[serde(default)]
    chosen: Vec<bool>,
    /// What the file read when the text began to be edited; none where that is the proposal's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<Option<String>>,
    /// A text that was edited and left by Esc.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    aside: Option<(Option<String>, String)>,
}

impl SavedJudge {
    fn of(judge: &Judge) -> Self {
        Self {
            call: judge.proposal.call_id.clone(),
            mode: judge.mode,
            text: judge.editor.text(),
            cursor: judge.editor.cursor(),
            row: judge.cursor,
            chosen: judge.chosen.clone(),
            from: judge.edited_from.clone(),
            aside: judge.set_aside.as_ref().map(|(from, editor)| (from.clone(), editor.text())),
        }
    }

    /// Puts back what stood in the approval of the same call.
    pub(super) fn into(self, judge: &mut Judge) {
        if self.call == judge.proposal.call_id {
            judge.mode = self.mode;
            judge.editor = Editor::new(&self.text);
            judge.editor.set_cursor(self.cursor.0, self.cursor.1);
            judge.edited_from = self.from;
            judge.set_aside = self.aside.map(|(from, text)| (from, Editor::new(&text)));
            judge.cursor = self.row.min(judge.rows.len().saturating_sub(1));
            if self.chosen.len() == judge.chosen.len() {
                judge.chosen = self.chosen;
            } else {
                judge.kept_choice = Some(self.chosen);
            }
        }
    }
}

impl State {
    /// Whether a message can be sent now: tools are loaded, and it is known what was said before.
    pub(super) fn is_open(&self) -> bool {
        self.ready && self.history != History::Reading
    }

    pub(super) fn saved(&self) -> Value {
        let mut saved = self.composer.save();
        saved["models"] = json!(self.models);
        saved["details"] = json!(self.details.shown());
        if let Some(reply) = &self.reply {
            saved["reply"] = json!(reply);
        }
        let judge = self.judge.as_ref().map(SavedJudge::of).or_else(|| self.kept_judge.clone());
        let editing = self.digest.as_ref().filter(|digest| digest.mode == Reading::Editing);
        if let Some(text) = editing.map(|digest| digest.editor.text()).or_else(|| self.kept_digest.clone()) {
            saved["summary"] = json!(text);
        }
        if let Some(judge) = judge {
            saved["judge"] = json!(judge);
        }
        saved
    }

    pub(super) fn take_saved(&mut self, saved: &Value) {
        self.composer.restore(saved);
        self.models = serde_json::from_value(saved["models"].clone()).unwrap_or_default();
        self.details = if saved["details"] == true { Details::Shown } else { Details::Folded };
        self.reply = saved["reply"].as_str().map(str::to_string);
        self.kept_judge = serde_json::from_value(saved["judge"].clone()).ok();
        self.kept_digest = saved["summary"].as_str().map(str::to_string);
    }

    /// Is told that the session is an earlier one: its queue is known, its log is being read.
    pub(super) fn resuming(&mut self, queue: Vec<String>, ctx: &mut Ctx<'_>) {
        self.history = History::Reading;
        self.machine.keep_queue(queue);
        ctx.facts.counts.incomplete = true;
    }

    /// Takes the conversation of earlier runs.
    pub(super) fn restored(&mut self, earlier: &Earlier, ctx: &mut Ctx<'_>) {
        self.history = History::Here;
        let queue = self.machine.queue().to_vec();
        let said = earlier.entries.iter().filter_map(|entry| match entry {
            Logged::Chat { entry } => Some(entry),
            _ => None,
        });
        self.machine = Machine::restore(self.machine.setup().clone(), said);
        // What was typed since is in it, and nothing can have left it.
        self.machine.keep_queue(queue);
        // What was said of this run so far stands below.
        let since = std::mem::take(&mut self.items);
        self.drawn_anew += 1;
        self.retell(earlier, ctx);
        self.close_cards();
        if let Some((path, text)) = self.port_now.take() {
            self.port_now(path, text, ctx);
        }
        let trouble = earlier.trouble();
        ctx.facts.counts.incomplete = trouble.is_some();
        if let Some(report) = trouble {
            self.trouble(report, ctx);
        }
        self.items.extend(since);
        self.begin(ctx);
    }

    /// Is told that the log cannot be read.
    pub(super) fn unrestored(&mut self, report: Report, ctx: &mut Ctx<'_>) {
        self.history = History::Missing;
        self.trouble(report, ctx);
        self.begin(ctx);
    }

    /// Shows an error of the session itself, which is not part of the conversation.
    pub(super) fn trouble(&mut self, report: Report, ctx: &mut Ctx<'_>) {
        if !ctx.facts.focused {
            ctx.effects.push(crate::app::Effect::Notify(report.text.clone()));
        }
        items::fold(&mut self.items, &Entry::Stopped { report });
    }

    /// Begins or goes on, once tools and history are here: what waits is sent, unless an unfinished turn stands before it.
    pub(super) fn begin(&mut self, ctx: &mut Ctx<'_>) {
        if !self.is_open() {
            return self.settle(ctx);
        }
        let promised = std::mem::take(&mut self.promised);
        let unfinished = matches!(self.machine.state(), Machinery::Interrupted);
        let asked = self.machine.messages().last().is_some_and(|last| last.role != Role::Assistant);
        if unfinished && asked && self.provider() == Provider::Manual {
            // Nothing leaves the machine: the request is shown again, and a reply may be at hand.
            self.feed(Input::Retry, ctx);
        } else if unfinished && !promised && self.told_end {
            let text = "The session ended here. r goes on with the unfinished turn";
            self.items.push(Item::notice(Tone::Quiet, text));
        }
        self.told_end = false;
        let waits = !self.machine.queue().is_empty() && !self.machine.is_busy();
        let free = promised || matches!(self.machine.state(), Machinery::Idle);
        if waits && free && self.history == History::Here {
            self.feed(Input::Steer, ctx);
        }
        self.settle(ctx);
    }

    /// Shows and counts what the log says.
    fn retell(&mut self, earlier: &Earlier, ctx: &mut Ctx<'_>) {
        for logged in &earlier.entries {
            let entry = match logged {
                Logged::Chat { entry } => entry,
                Logged::Tool { call_id, summary, artifacts } => {
                    items::summarise(&mut self.items, call_id, summary);
                    for artifact in artifacts {
                        if let Artifact::Edit { receipt } = artifact {
                            self.edit_written(call_id, receipt);
                        }
                    }
                    continue;
                }
                Logged::Reader { entry } => {
                    self.show_reader(entry, ctx);
                    continue;
                }
                Logged::Provenance { file } => {
                    ctx.facts.provenance.put(file.clone());
                    continue;
                }
                _ => continue,
            };
            items::fold(&mut self.items, entry);
            self.tally(entry, ctx);
            if let Entry::Message { message } = entry
                && message.role == Role::Assistant
            {
                ctx.facts.assistant_said.push(message.content.clone());
                ctx.facts.counts.turns += 1;
            }
        }
        if self.models.is_empty() && ctx.facts.counts.turns > 0 {
            self.models.push(earlier.model.clone());
        }
        ctx.facts.counts.models.clone_from(&self.models);
        self.tell_pr(ctx);
    }

    /// Marks the cards of calls that the end of the session cut off; they would look as if they ran.
    fn close_cards(&mut self) {
        self.told_end = matches!(self.machine.state(), Machinery::Interrupted);
        let waits = match self.machine.state() {
            Machinery::Tools(round) => round.calls.iter().map(|call| call.call.id.clone()).collect(),
            _ => Vec::new(),
        };
        for item in &mut self.items {
            if let ItemKind::Tool(Card { call_id, state, summary, .. }) = &mut item.kind
                && matches!(state, CardState::Waiting | CardState::Accepted | CardState::NeedsApproval)
                && !waits.contains(call_id)
            {
                *state = CardState::Interrupted;
                *summary = "the session ended before it did".into();
                item.version += 1;
            }
        }
    }
}
