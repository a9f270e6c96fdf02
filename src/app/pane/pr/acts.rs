//! Staging, commit, push and hand-over, as the person's keys ask for them.

use super::layer::Ask;
use super::{COMMIT, Job, Layer, Mode, PersonRequest, Section, State};
use crate::app::effect::{Effect, Job as AppJob};
use crate::app::job::JobKind;
use crate::app::pane::Ctx;
use crate::pr::data::{
    Aim, FieldId, FileDiff, FileKind, GateState, HandOver, LineId, Outcome, Part, Selection, Voice, VoiceKey,
    Where, body,
};
use crate::session::data::{Entry, PersonStep};

impl State {
    /// Goes into what the cursor is on.
    pub(super) fn open(&mut self, ctx: &mut Ctx<'_>) {
        match self.section {
            Section::Files => self.section = Section::Diff,
            Section::Diff => {}
            Section::Voice => self.write(ctx),
            Section::Gates => {
                if let Some(gate) = self.gates.get(self.gate).filter(|gate| gate.state != GateState::Pass) {
                    self.layer = Some(Layer::gate(gate.id));
                }
            }
        }
    }

    /// Stages the unit under the cursor, or unstages it when all of it is staged.
    pub(super) fn toggle(&mut self, ctx: &mut Ctx<'_>) {
        let Some(checkout) = self.checkout(ctx) else { return };
        let Some(file) = self.chosen() else { return ctx.toast("No changed file yet") };
        if let Some(why) = &file.obstacle {
            let text = format!("{} cannot be staged here: {why}", file.path);
            return ctx.toast(text);
        }
        let whole = self.section == Section::Files || file.kind == FileKind::Whole;
        let wanted = if whole { whole_file(file) } else { lines_of(file, &self.taken()) };
        let path = file.path.clone();
        let Some((selection, aim)) = wanted else { return ctx.toast("All of it is committed already") };
        if let (Selection::Lines(lines), Aim::Stage) = (&selection, aim) {
            self.step_to_unstaged(&lines.clone());
        }
        self.cursor.anchor = None;
        let title = if aim == Aim::Stage { "staging" } else { "unstaging" };
        if (selection == Selection::File, aim) == (true, Aim::Stage) {
            ctx.record(Entry::Person { step: PersonStep::Stage { path: path.clone() } });
        }
        self.person(title, PersonRequest::Stage { checkout, path, selection, aim }, ctx);
    }

    /// Takes the last staging act back.
    pub(super) fn take_back(&mut self, ctx: &mut Ctx<'_>) {
        let Some(checkout) = self.checkout(ctx) else { return };
        match self.undo.pop() {
            Some(undo) => {
                // What comes back should be in view.
                if self.file.as_ref() != Some(&undo.path) {
                    self.file = Some(undo.path.clone());
                    self.keep_place();
                }
                self.person("undoing", PersonRequest::Undo { checkout, undo }, ctx);
            }
            None => ctx.toast("Nothing was staged here that could be taken back"),
        }
    }

    /// Does what the open prompt asks, or commits.
    pub(super) fn confirm(&mut self, ctx: &mut Ctx<'_>) {
        match self.layer.take() {
            Some(Layer::Outputs(at)) => self.insert_output(at),
            Some(Layer::HandOver) => {}
            Some(Layer::Prompt(prompt)) => {
                let typed = prompt.editor.text().trim().to_string();
                self.answer(prompt.ask, typed, ctx);
            }
            None if self.fields.is_at(COMMIT) => self.commit(ctx),
            None => ctx.toast("c goes to the commit message; Alt-Enter commits there"),
        }
    }

    fn answer(&mut self, ask: Ask, typed: String, ctx: &mut Ctx<'_>) {
        match ask {
            Ask::Push(plan) => {
                let Some(checkout) = self.checkout(ctx) else { return };
                if typed != plan.branch {
                    ctx.toast(format!("Not pushed: type {} to confirm", plan.branch));
                    self.layer = Some(Layer::push(plan));
                    return;
                }
                self.person("pushing to fork", PersonRequest::Push { checkout, typed }, ctx);
            }
            Ask::Gate(id) if typed.is_empty() => {
                ctx.toast("Write the reason; Esc goes back");
                self.layer = Some(Layer::gate(id));
            }
            Ask::Gate(id) => {
                let name = serde_json::to_value(id).ok().and_then(|name| name.as_str().map(str::to_string));
                let text = format!("gate {}: {typed}", name.unwrap_or_default());
                ctx.record(Entry::Note { label: "override".into(), text });
                self.checks.overrides.insert(id, typed);
            }
            Ask::Overlap(stopped) => match stopped.override_with(&typed) {
                Ok(cleared) => {
                    let text = format!("paste that repeats the model: {typed}");
                    ctx.record(Entry::Note { label: "override".into(), text });
                    if let Some(voice) = self.fields.voice_here() {
                        voice.paste(cleared);
                    }
                    self.recount(ctx.facts);
                }
                Err(stopped) => {
                    ctx.toast("Write the reason; Esc leaves the paste out");
                    self.layer = Some(Layer::overlap(stopped));
                }
            },
        }
    }

    fn commit(&mut self, ctx: &mut Ctx<'_>) {
        let Some(checkout) = self.checkout(ctx) else { return };
        let message = self.fields.commit();
        if message.trim().is_empty() {
            return ctx.toast("Write the message first");
        }
        self.leave_field(ctx);
        self.person("committing", PersonRequest::Commit { checkout, message }, ctx);
    }

    pub(super) fn committed(&mut self, commit: &str, ctx: &mut Ctx<'_>) {
        let message = self.fields.commit();
        ctx.record(Entry::Person { step: PersonStep::Commit { message } });
        self.fields.voices.insert(FieldId(COMMIT.into()), Voice::default());
        self.undo.clear();
        self.made = Some(commit.to_string());
        let short = commit.get(..8).unwrap_or(commit);
        ctx.toast(format!("Committed {short}; P pushes to your fork"));
    }

    /// Asks what a push would do; the confirmation opens with the answer.
    pub(super) fn plan_push(&mut self, ctx: &mut Ctx<'_>) {
        let Some(checkout) = self.checkout(ctx) else { return };
        ctx.start(JobKind::LoadPr, "looking at fork", AppJob::Pr(Job::Plan { checkout }));
    }

    pub(super) fn after_push(&mut self, done: HandOver, ctx: &mut Ctx<'_>) {
        if done.outcome != Outcome::Yours {
            ctx.record(Entry::Person { step: PersonStep::Push { branch: done.plan.branch.clone() } });
        }
        self.hand_over = Some(done);
        self.layer = Some(Layer::HandOver);
    }

    pub(super) fn show_hand_over(&mut self, ctx: &mut Ctx<'_>) {
        match self.hand_over {
            Some(_) => self.layer = Some(Layer::HandOver),
            None => ctx.toast("Nothing is pushed yet: P pushes to your fork"),
        }
    }

    pub(super) fn copy_body(&mut self, ctx: &mut Ctx<'_>) {
        let Some(template) = &self.template else { return ctx.toast("The template is not read yet") };
        let text = body(template, &self.fields.voices);
        ctx.toast(format!("Copied the PR's text, {} lines", text.lines().count()));
        ctx.effects.push(Effect::Copy(text));
    }

    pub(super) fn copy_link(&mut self, ctx: &mut Ctx<'_>) {
        match self.link() {
            Ok(url) => {
                ctx.toast("Copied the link to the compare page");
                ctx.effects.push(Effect::Copy(url));
            }
            Err(why) => ctx.toast(why),
        }
    }

    /// Gives the compare page, unless a gate fails that nobody answered for. What was not checked does not hide it.
    pub fn link(&self) -> Result<String, String> {
        let failing = self.gates.iter().filter(|gate| gate.state == GateState::Fail).count();
        match failing {
            0 => {}
            1 => return Err("a gate fails: mend it, or answer for it with Enter in the gates".into()),
            _ => {
                return Err(format!(
                    "{failing} gates fail: mend them, or answer for each with Enter in the gates"
                ));
            }
        }
        self.snapshot
            .as_ref()
            .map_or(Err("the branch is not read yet".into()), |snapshot| snapshot.compare.clone())
    }

    /// Plays a step of the recording's person: the same requests as the keys make.
    pub(super) fn recorded(&mut self, step: PersonStep, ctx: &mut Ctx<'_>) {
        // A step that reached a session of the person's own would borrow the key that caused this update.
        if ctx.facts.demo.is_none() {
            return;
        }
        let Some(checkout) = self.checkout(ctx) else { return };
        match step {
            PersonStep::Stage { path } => {
                ctx.record(Entry::Person { step: PersonStep::Stage { path: path.clone() } });
                self.section = Section::Files;
                self.file = Some(path.clone());
                let (selection, aim) = (Selection::File, Aim::Stage);
                self.person("staging", PersonRequest::Stage { checkout, path, selection, aim }, ctx);
            }
            PersonStep::Voice { field, text } => {
                self.section = Section::Voice;
                if self.fields.select(&field) {
                    self.type_recorded(&text);
                    self.leave_field(ctx);
                }
            }
            PersonStep::Commit { message } => {
                self.section = Section::Voice;
                self.fields.select(COMMIT);
                self.type_recorded(&message);
                self.person("committing", PersonRequest::Commit { checkout, message }, ctx);
            }
            PersonStep::Push { branch } => {
                self.person("pushing to fork", PersonRequest::Push { checkout, typed: branch }, ctx);
            }
            PersonStep::Say { .. }
            | PersonStep::Approve
            | PersonStep::ApproveEdited { .. }
            | PersonStep::ApprovePart { .. }
            | PersonStep::Deny { .. } => {}
        }
    }

    fn type_recorded(&mut self, text: &str) {
        let Some(id) = self.fields.here().map(|shown| shown.id.clone()) else { return };
        let mut voice = Voice::default();
        for c in text.chars() {
            voice.type_key(if c == '\n' { VoiceKey::Newline } else { VoiceKey::Char(c) });
        }
        self.fields.voices.insert(id, voice);
        self.fields.mode = Mode::Moving;
    }
}

fn whole_file(file: &FileDiff) -> Option<(Selection, Aim)> {
    match (file.unstaged, file.staged) {
        (Part::Some, _) => Some((Selection::File, Aim::Stage)),
        (Part::None, Part::Some) => Some((Selection::File, Aim::Unstage)),
        (Part::None, Part::None) => None,
    }
}

fn lines_of(file: &FileDiff, taken: &[LineId]) -> Option<(Selection, Aim)> {
    let of = |place: Where| {
        let rows = super::cursor::changed(file).filter(|row| row.place == place);
        rows.filter_map(|row| row.id).filter(|id| taken.contains(id)).collect::<Vec<_>>()
    };
    let (unstaged, staged) = (of(Where::Unstaged), of(Where::Staged));
    match (unstaged.is_empty(), staged.is_empty()) {
        (false, _) => Some((Selection::Lines(unstaged), Aim::Stage)),
        (true, false) => Some((Selection::Lines(staged), Aim::Unstage)),
        (true, true) => None,
    }
}
