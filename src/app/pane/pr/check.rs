//! What the gates and the fact sheet are computed from.

use std::collections::BTreeMap;

use super::State;
use super::cursor::changed;
use crate::agent::data::provenance::Tally;
use crate::app::facts::Facts as Shared;
use crate::pr::data::facts::Facts;
use crate::pr::data::{Gate, GateId, Known, Template, Where, gates, guard};

/// What this pane was told, and what the person answered for.
#[derive(Clone, Debug, Default)]
pub(super) struct Records {
    pub waiting: Option<usize>,
    pub overrides: BTreeMap<GateId, String>,
    /// Counted when a field is left or the branch is read, never while typing: it costs as much as the session is long.
    overlaps: Option<usize>,
}

impl State {
    pub(super) fn compute_gates(&self, shared: &Shared) -> Vec<Gate> {
        let port = shared.model_type.as_ref().map(|name| format!("mlx_lm/models/{name}.py"));
        let staged = |path: &String| self.snapshot.as_ref()?.staged_sha.get(path).cloned();
        let reference = shared.workspace.as_ref().and_then(|workspace| workspace.references.first());
        let known = Known {
            reference: reference.and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned())),
            checks: self.outputs.iter().find_map(|output| output.check.clone()),
            staged_port_sha: port.as_ref().and_then(staged),
            waiting_hunks: self.checks.waiting,
            overlaps: self.checks.overlaps,
            records: BTreeMap::new(),
            overrides: self.checks.overrides.clone(),
        };
        gates::gates(&known, self.snapshot.as_ref(), self.template.as_ref(), &self.fields.voices)
    }

    /// Compares the whole prose with the chat and counts for the fact sheet.
    pub(super) fn recount(&mut self, shared: &Shared) {
        self.checks.overlaps = self.overlaps(shared);
        self.facts = self.fact_sentence(shared);
    }

    /// Counts over the whole prose, however it came in. Nothing written is nothing to compare.
    fn overlaps(&self, shared: &Shared) -> Option<usize> {
        // What the model said earlier is not known: nothing can be said of repeats.
        let template = self.template.as_ref().filter(|_| !shared.counts.incomplete)?;
        let own = Template::own_text(template);
        let fresh: BTreeMap<_, _> =
            template.fields().map(|field| (&field.id, field.voice().prose())).collect();
        let voices = self.fields.voices.iter().map(|(id, voice)| (id, voice.prose()));
        let written: Vec<String> = voices
            .filter(|(id, prose)| !prose.trim().is_empty() && fresh.get(id) != Some(prose))
            .map(|(_, prose)| prose)
            .collect();
        if written.is_empty() {
            return None;
        }
        let said: Vec<&str> = shared.assistant_said.iter().map(String::as_str).collect();
        Some(written.iter().map(|prose| guard::overlaps(prose, &said, &[&own]).len()).sum())
    }

    fn fact_sentence(&self, shared: &Shared) -> String {
        let counts = &shared.counts;
        let (mut lines, mut from) = (Tally::default(), None);
        for file in self.snapshot.iter().flat_map(|snapshot| &snapshot.files) {
            let rows = changed(file).filter(|row| row.sign == '+' && row.place != Where::Context);
            let added = rows.map(|row| (row.new, row.text.as_str()));
            lines = lines + shared.provenance.count(&file.path, added);
            from = from.or(shared.provenance.file(&file.path).and_then(|file| file.from.clone()));
        }
        let facts = Facts {
            models: counts.models.clone(),
            turns: counts.turns,
            accepted: counts.edits_accepted,
            changed: counts.edits_changed,
            refused: counts.edits_denied,
            incomplete: counts.incomplete,
            lines,
            from,
        };
        facts.sentence()
    }
}
