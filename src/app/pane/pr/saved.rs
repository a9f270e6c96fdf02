//! What survives kill -9: place, fields, answers, undo. The diff and the template are read again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Cursor, Section, State};
use crate::pr::data::{FieldId, GateId, Undo, Voice};

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Saved {
    section: Section,
    file: Option<String>,
    cursor: Cursor,
    field: usize,
    voices: BTreeMap<FieldId, Voice>,
    overrides: BTreeMap<GateId, String>,
    undo: Vec<Undo>,
}

impl State {
    pub(super) fn saved(&self) -> serde_json::Value {
        let touched = self.fields.voices.iter().filter(|(_, voice)| !voice.is_empty());
        let saved = Saved {
            section: self.section,
            file: self.file.clone(),
            cursor: self.cursor.clone(),
            field: self.fields.at,
            voices: touched.map(|(id, voice)| (id.clone(), voice.clone())).collect(),
            overrides: self.checks.overrides.clone(),
            undo: self.undo.clone(),
        };
        serde_json::to_value(saved).unwrap_or_default()
    }

    pub(super) fn take_saved(&mut self, saved: &serde_json::Value) {
        // A part of another version's shape is left out rather than losing the drafts with it.
        let part = |name: &str| saved.get(name).cloned().unwrap_or_default();
        fn read<T: serde::de::DeserializeOwned + Default>(value: serde_json::Value) -> T {
            serde_json::from_value(value).unwrap_or_default()
        }
        self.section = read(part("section"));
        self.file = read(part("file"));
        self.cursor = read(part("cursor"));
        self.fields.at = read(part("field"));
        self.fields.voices = read(part("voices"));
        self.checks.overrides = read(part("overrides"));
        self.undo = read(part("undo"));
        if let Some(template) = &self.template {
            self.fields.adopt(&template.clone());
        }
    }
}
