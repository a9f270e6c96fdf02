//! The Voice fields: title, the template's, the commit message. Keys become [`VoiceKey`]s; there is no other way in.

use std::collections::BTreeMap;

use super::{Layer, Section, State};
use crate::app::key::{Code, Key};
use crate::app::pane::{Ctx, Used};
use crate::pr::data::{FieldId, FieldKind, Template, Voice, VoiceKey, guard};
use crate::session::data::{Entry, PersonStep};

/// The field of the pull request's title.
pub const TITLE: &str = "title";
/// The field of the commit message.
pub const COMMIT: &str = "commit";

/// Whether keys move between fields or type into one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    #[default]
    Moving,
    Typing,
}

/// A field as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub id: FieldId,
    pub label: String,
    /// The heading above; empty for title and commit message.
    pub section: String,
    /// None for title and commit message.
    pub kind: Option<FieldKind>,
}

/// The fields and what was written in them.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    pub voices: BTreeMap<FieldId, Voice>,
    pub at: usize,
    pub mode: Mode,
    list: Vec<Shown>,
    /// What the session's log says of a field: it says nothing again where nothing changed.
    logged: BTreeMap<FieldId, String>,
}

impl Fields {
    /// Gives the fields in order.
    pub fn list(&self) -> &[Shown] {
        &self.list
    }

    /// Gives the field under the cursor.
    pub fn here(&self) -> Option<&Shown> {
        self.list.get(self.at)
    }

    /// Gives what was written in a field.
    pub fn voice(&self, id: &FieldId) -> Option<&Voice> {
        self.voices.get(id)
    }

    /// Gives the commit message.
    pub fn commit(&self) -> String {
        self.voices.get(&FieldId(COMMIT.into())).map(Voice::text).unwrap_or_default()
    }

    /// Takes a template's fields; what was written before stays, even where the template lost its field.
    pub(super) fn adopt(&mut self, template: &Template) {
        let here = self.here().map(|shown| shown.id.clone());
        let own = |id: &str, label: &str| Shown {
            id: FieldId(id.into()),
            label: label.into(),
            section: String::new(),
            kind: None,
        };
        self.list = vec![own(TITLE, "Title of the pull request")];
        self.list.extend(template.fields().map(|field| Shown {
            id: field.id.clone(),
            label: field.label.clone(),
            section: field.section.clone(),
            kind: Some(field.kind),
        }));
        self.list.push(own(COMMIT, "Commit message"));
        for field in template.fields() {
            let voice = self.voices.entry(field.id.clone()).or_insert_with(|| field.voice());
            // A field nobody touched follows the template.
            if voice.is_empty() {
                *voice = field.voice();
            }
        }
        for id in [TITLE, COMMIT] {
            self.voices.entry(FieldId(id.into())).or_default();
        }
        let at = here.and_then(|id| self.list.iter().position(|shown| shown.id == id));
        self.at = at.unwrap_or(self.at.min(self.list.len() - 1));
    }

    /// Does a key in the field under the cursor.
    pub(super) fn key(&mut self, key: VoiceKey) {
        if let Some(voice) = self.voice_here() {
            voice.type_key(key);
        }
    }

    pub(super) fn type_key(&mut self, key: Key) -> Used {
        let single = self.is_at(TITLE);
        match voice_key(key) {
            Some(VoiceKey::Newline) if single => Used::Yes,
            Some(key) => {
                self.key(key);
                Used::Yes
            }
            None => Used::No,
        }
    }

    pub(super) fn voice_here(&mut self) -> Option<&mut Voice> {
        let id = self.list.get(self.at)?.id.clone();
        self.voices.get_mut(&id)
    }

    /// Says whether the cursor is on a field.
    pub(super) fn is_at(&self, id: &str) -> bool {
        self.here().is_some_and(|shown| shown.id.0 == id)
    }

    pub(super) fn select(&mut self, id: &str) -> bool {
        let at = self.list.iter().position(|shown| shown.id.0 == id);
        self.at = at.unwrap_or(self.at);
        at.is_some()
    }
}

fn voice_key(key: Key) -> Option<VoiceKey> {
    let word = key.ctrl || key.alt;
    Some(match key.code {
        Code::Char(c) if !key.ctrl && !key.alt => VoiceKey::Char(c),
        Code::Char('a') if key.ctrl => VoiceKey::Home,
        Code::Char('e') if key.ctrl => VoiceKey::End,
        Code::Char('b') if key.ctrl => VoiceKey::Left,
        Code::Char('f') if key.ctrl => VoiceKey::Right,
        Code::Char('n') if key.ctrl => VoiceKey::Down,
        Code::Char('d') if key.ctrl => VoiceKey::Delete,
        Code::Char('h') if key.ctrl => VoiceKey::Backspace,
        Code::Char('w') if key.ctrl => VoiceKey::DeleteWord,
        Code::Char('u') if key.ctrl => VoiceKey::DeleteToStart,
        Code::Char('k') if key.ctrl => VoiceKey::DeleteToEnd,
        Code::Char('b') if key.alt => VoiceKey::WordLeft,
        Code::Char('f') if key.alt => VoiceKey::WordRight,
        Code::Enter if !word => VoiceKey::Newline,
        Code::Backspace if word => VoiceKey::DeleteWord,
        Code::Backspace => VoiceKey::Backspace,
        Code::Delete => VoiceKey::Delete,
        Code::Left if word => VoiceKey::WordLeft,
        Code::Right if word => VoiceKey::WordRight,
        Code::Left => VoiceKey::Left,
        Code::Right => VoiceKey::Right,
        Code::Up => VoiceKey::Up,
        Code::Down => VoiceKey::Down,
        Code::Home if key.ctrl => VoiceKey::Top,
        Code::End if key.ctrl => VoiceKey::Bottom,
        Code::Home => VoiceKey::Home,
        Code::End => VoiceKey::End,
        _ => return None,
    })
}

impl State {
    /// Begins to write in the field under the cursor.
    pub(super) fn write(&mut self, ctx: &mut Ctx<'_>) {
        if self.fields.list().is_empty() {
            return ctx.toast("The template is not read yet");
        }
        self.section = Section::Voice;
        self.fields.mode = Mode::Typing;
    }

    /// Begins to write the commit message.
    pub(super) fn write_commit(&mut self, ctx: &mut Ctx<'_>) {
        self.fields.select(COMMIT);
        self.write(ctx);
    }

    /// Goes to the next field, still writing.
    pub(super) fn next_field(&mut self, ctx: &mut Ctx<'_>) {
        self.leave_field(ctx);
        self.fields.at = (self.fields.at + 1) % self.fields.list().len().max(1);
        self.fields.mode = Mode::Typing;
    }

    /// Ends writing: the field's text goes to the session log.
    pub(super) fn leave_field(&mut self, ctx: &mut Ctx<'_>) {
        self.fields.mode = Mode::Moving;
        let Some(shown) = self.fields.here() else { return };
        let text = self.fields.voice(&shown.id).map(Voice::text).unwrap_or_default();
        let (id, logged) = (shown.id.clone(), &mut self.fields.logged);
        if logged.insert(id.clone(), text.clone()).unwrap_or_default() != text {
            ctx.record(Entry::Person { step: PersonStep::Voice { field: id.0, text } });
        }
        self.recount(ctx.facts);
    }

    /// Pastes if the guard lets it; else asks for a written reason.
    pub(super) fn paste_guarded(&mut self, text: &str, ctx: &mut Ctx<'_>) {
        let said: Vec<&str> = ctx.facts.assistant_said.iter().map(String::as_str).collect();
        let own = self.template.as_ref().map(Template::own_text).unwrap_or_default();
        let line: String;
        let text = match self.fields.here() {
            Some(shown) if shown.id.0 == TITLE => {
                line = text.split_whitespace().collect::<Vec<_>>().join(" ");
                &line
            }
            _ => text,
        };
        match guard::check(text, &said, &[&own]) {
            Ok(cleared) => {
                if let Some(voice) = self.fields.voice_here() {
                    voice.paste(cleared);
                }
            }
            Err(stopped) => self.layer = Some(Layer::overlap(stopped)),
        }
    }

    /// Opens the list of stored runs. They go where output belongs; a disclosure, a title or a statement is never filled
    /// by the program.
    pub(super) fn choose_output(&mut self, ctx: &mut Ctx<'_>) {
        if self.outputs.is_empty() {
            return ctx.toast("No stored run yet: r in the Harness pane makes one");
        }
        let takes = |shown: &Shown| matches!(shown.kind, Some(FieldKind::Output | FieldKind::Prose));
        if self.section != Section::Voice || !self.fields.here().is_some_and(takes) {
            let Some(at) = self.fields.list().iter().position(takes) else {
                return ctx.toast("The template has no field for program output");
            };
            self.fields.at = at;
        }
        self.section = Section::Voice;
        self.layer = Some(Layer::Outputs(0));
    }

    /// Inserts a stored run in the field under the cursor.
    pub(super) fn insert_output(&mut self, at: usize) {
        let Some(output) = self.outputs.get(at).cloned() else { return };
        if let Some(voice) = self.fields.voice_here() {
            voice.insert_program_output(&output.run, &output.text);
        }
    }
}
