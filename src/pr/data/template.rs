//! Upstream's pull-request template as text and fields. The text between the fields is kept to the byte: with every
//! field empty, [`Template::render`] gives back the file. What a field may hold depends on its kind; who may fill it
//! does not: the person's keyboard, or program output.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Voice;

mod parse;
mod profile;

pub use parse::parse;
pub use profile::profile;

/// Names a field by its heading and key: `model-information/name`. Also `title` and `commit`, beside the template.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FieldId(pub String);

/// A template with its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pub source: TemplateSource,
    pieces: Vec<Piece>,
}

/// Where the template comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateSource {
    /// A file of the checkout, unchanged; its SHA-256 tells when upstream changes it.
    Checkout { path: String, sha256: String },
    /// Our own list of upstream's fields, because the checkout has no template; the screen says so.
    Profile,
}

/// A part of the template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Field(Field),
}

/// A place to fill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub id: FieldId,
    /// The heading above.
    pub section: String,
    pub label: String,
    pub kind: FieldKind,
    /// What the template has in this place.
    pub placeholder: String,
    pub need: Need,
}

/// Whether the template may be sent without the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Required,
    Optional,
}

/// What belongs in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldKind {
    /// A statement that the person makes; never made by the program. Typing anything makes it.
    Requirement,
    /// How AI was used, in the person's words; never filled by the program.
    Disclosure,
    /// A short value after a key.
    Line,
    /// Bullets, such as checkpoints.
    List,
    /// A command with blanks to fill.
    Command,
    /// Program output, inserted with its run or pasted from elsewhere.
    Output,
    /// Free text.
    Prose,
}

impl Field {
    /// Makes the field's Voice: empty, or upstream's own text where it has blanks to fill.
    pub fn voice(&self) -> Voice {
        match self.kind {
            FieldKind::Line | FieldKind::List | FieldKind::Command => Voice::of_template(&self.placeholder),
            FieldKind::Requirement | FieldKind::Disclosure | FieldKind::Output | FieldKind::Prose => {
                Voice::default()
            }
        }
    }

    /// Says whether the field is filled: something was written and no blank (`___`) is left.
    pub fn filled(&self, voice: &Voice) -> bool {
        let text = voice.text();
        let changed = self.placeholder.trim().is_empty() || text != self.placeholder || !blank(&text);
        !voice.is_empty() && changed && !blank(&text)
    }

    fn render(&self, voice: Option<&Voice>) -> String {
        let Some(voice) = voice.filter(|voice| !voice.is_empty()) else { return self.placeholder.clone() };
        let text = voice.text();
        match self.kind {
            FieldKind::Requirement => self.placeholder.replacen("[ ]", "[x]", 1),
            FieldKind::Line | FieldKind::Disclosure => text.trim_end().replace('\n', "\n  "),
            FieldKind::Output if !voice.has_output() => fenced(text.trim_end()),
            // The template leaves no line for free text: it brings its own.
            FieldKind::Prose => format!("\n{}\n\n", text.trim_end()),
            FieldKind::List | FieldKind::Command | FieldKind::Output => text.trim_end().to_string(),
        }
    }
}

impl Template {
    /// Gives the fields in order.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Field(field) => Some(field),
            Piece::Text(_) => None,
        })
    }

    /// Gives the template's own text, which the paste guard leaves out.
    pub fn own_text(&self) -> String {
        self.render(&BTreeMap::new())
    }

    /// Gives the whole text with the fields filled; an empty field keeps what the template has there.
    pub fn render(&self, voices: &BTreeMap<FieldId, Voice>) -> String {
        let text = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Field(field) => field.render(voices.get(&field.id)),
        };
        self.pieces.iter().map(text).collect()
    }

    /// Lists the required fields that are not filled.
    pub fn missing<'a>(&'a self, voices: &'a BTreeMap<FieldId, Voice>) -> impl Iterator<Item = &'a Field> {
        let empty = |field: &&Field| !voices.get(&field.id).is_some_and(|voice| field.filled(voice));
        self.fields().filter(|field| field.need == Need::Required).filter(empty)
    }
}

fn blank(text: &str) -> bool {
    text.contains("___")
}

fn fenced(text: &str) -> String {
    let inner = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let ticks = "`".repeat(inner.max(2) + 1);
    format!("{ticks}\n{text}\n{ticks}")
}
