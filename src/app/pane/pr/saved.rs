//! What survives kill -9: place, fields, answers, undo, the open layer, the last push. The diff and the template are read
//! again. A half-typed push confirmation does not survive: it is there to make one stop.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::layer::{Ask, Layer, Prompt};
use super::{Cursor, Mode, Section, State};
use crate::app::editor::Editor;
use crate::pr::data::guard::Stopped;
use crate::pr::data::{FieldId, GateId, HandOver, Undo, Voice};

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Saved {
    section: Section,
    file: Option<String>,
    cursor: Cursor,
    field: usize,
    /// Whether the field was being written.
    typing: bool,
    gate: usize,
    voices: BTreeMap<FieldId, Voice>,
    overrides: BTreeMap<GateId, String>,
    undo: Vec<Undo>,
    layer: Option<SavedLayer>,
    hand_over: Option<HandOver>,
    made: Option<String>,
}

/// The layer that was open, with what was typed in it.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum SavedLayer {
    Gate { id: GateId, typed: String },
    Overlap { stopped: Stopped, typed: String },
    Outputs { at: usize },
    HandOver,
}

impl SavedLayer {
    fn of(layer: &Layer) -> Option<Self> {
        match layer {
            Layer::Outputs(at) => Some(Self::Outputs { at: *at }),
            Layer::HandOver => Some(Self::HandOver),
            Layer::Prompt(prompt) => {
                let typed = prompt.editor.text();
                match &prompt.ask {
                    Ask::Push(_) => None,
                    Ask::Gate(id) => Some(Self::Gate { id: *id, typed }),
                    Ask::Overlap(stopped) => Some(Self::Overlap { stopped: stopped.clone(), typed }),
                }
            }
        }
    }

    fn open(self) -> Layer {
        let (ask, typed) = match self {
            Self::Outputs { at } => return Layer::Outputs(at),
            Self::HandOver => return Layer::HandOver,
            Self::Gate { id, typed } => (Ask::Gate(id), typed),
            Self::Overlap { stopped, typed } => (Ask::Overlap(stopped), typed),
        };
        Layer::Prompt(Box::new(Prompt { ask, editor: Editor::new(&typed) }))
    }
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
            typing: self.fields.mode == Mode::Typing || self.typed_last,
            gate: self.gate,
            layer: self.layer.as_ref().and_then(SavedLayer::of),
            hand_over: self.hand_over.clone(),
            made: self.made.clone(),
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
        self.gate = read(part("gate"));
        self.hand_over = read(part("hand_over"));
        self.made = read(part("made"));
        self.layer = read::<Option<SavedLayer>>(part("layer")).map(SavedLayer::open);
        // Keys find a field once the template says which there are.
        self.typed_last = read(part("typing"));
        if let Some(template) = &self.template {
            self.fields.adopt(&template.clone());
        }
    }
}
