//! The fact sheet beside the disclosure: counts made by program, for the person to write from. It never enters a field.

use serde::{Deserialize, Serialize};

use crate::agent::data::provenance::Tally;

/// Counts for the disclosure. All of them are passed in; nothing is guessed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Names of the models that answered, in the order they first did.
    pub models: Vec<String>,
    /// Answers of the assistant.
    pub turns: usize,
    /// Proposals that the person accepted as they were, changed first, or refused.
    pub accepted: usize,
    pub changed: usize,
    pub refused: usize,
    /// Added lines of the branch by who wrote them, blank ones left out.
    pub lines: Tally,
    /// The accepted port that lines were taken over from.
    #[serde(default)]
    pub from: Option<String>,
    /// Set when earlier runs of the session could not be counted whole.
    #[serde(default)]
    pub incomplete: bool,
}

impl Facts {
    /// Writes the facts as one sentence.
    pub fn sentence(&self) -> String {
        let added = of(self.lines.all(), "added line");
        if self.incomplete {
            return format!("not counted: the session's log could not be read whole; {added} (not blank)");
        }
        if self.turns == 0 {
            return format!("no model answered in this session; {added} (not blank)");
        }
        let named: Vec<&str> =
            self.models.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
        let models =
            if named.is_empty() { "a model that nobody named".to_string() } else { named.join(", ") };
        let edits =
            format!("{} accepted, {} changed by you, {} refused", self.accepted, self.changed, self.refused);
        format!("{models}, {}; edits: {edits}; {}", of(self.turns, "turn"), self.share(&added))
    }

    /// Says who wrote the added lines; what is nobody's is left out.
    fn share(&self, added: &str) -> String {
        let Tally { model, changed, person, upstream, before } = self.lines;
        let from = self.from.as_deref().unwrap_or("an accepted port");
        let parts = [
            (changed, "the model's, changed by you".to_string()),
            (upstream, format!("taken over from {from}")),
            (before, "not known: there before this session".to_string()),
        ];
        let mut text = format!("{model} of {added} (not blank) accepted from the model");
        for (count, words) in parts.iter().filter(|(count, _)| *count > 0) {
            text.push_str(&format!(", {count} {words}"));
        }
        format!("{text}, {person} yours")
    }
}

fn of(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_counts_and_does_not_judge() {
        let facts = Facts {
            models: vec!["qwen3-coder".into()],
            turns: 14,
            accepted: 5,
            changed: 1,
            refused: 0,
            lines: Tally { model: 118, changed: 4, person: 34, ..Tally::default() },
            from: Some("llama.py".into()),
            incomplete: false,
        };
        let expected = "qwen3-coder, 14 turns; edits: 5 accepted, 1 changed by you, 0 refused; 118 of 156 added lines \
                        (not blank) accepted from the model, 4 the model's, changed by you, 34 yours";
        assert_eq!(facts.sentence(), expected);
        let lines = Tally { model: 1, upstream: 2, before: 3, ..Tally::default() };
        let said = Facts { lines, ..facts.clone() }.sentence();
        assert!(
            said.ends_with(
                "1 of 6 added lines (not blank) accepted from the model, 2 taken over from llama.py, 3 not known: there \
                 before this session, 0 yours"
            ),
            "{said}"
        );
        let unnamed = Facts { models: vec![String::new()], ..facts.clone() }.sentence();
        assert!(unnamed.starts_with("a model that nobody named, 14 turns"), "{unnamed}");
        assert_eq!(
            Facts::default().sentence(),
            "no model answered in this session; 0 added lines (not blank)"
        );
        let unread =
            Facts { incomplete: true, lines: Tally { person: 3, ..Tally::default() }, ..Facts::default() }
                .sentence();
        assert!(unread.starts_with("not counted") && unread.contains("3 added lines"), "{unread}");
    }
}
