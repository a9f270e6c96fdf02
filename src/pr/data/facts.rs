//! The fact sheet beside the disclosure: counts made by program, for the person to write from. It never enters a field.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

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
    /// Added lines of the branch, blank ones left out.
    pub added: usize,
    /// Of these, the lines that stand in an accepted proposal; None when the accepted texts are not known.
    pub from_model: Option<usize>,
    /// Set when earlier runs of the session could not be counted whole.
    #[serde(default)]
    pub incomplete: bool,
}

/// Counts how many added lines stand in accepted proposals: a line only as often as it was accepted. Blank lines count
/// for nobody.
pub fn lines_from_model<'a>(
    added: impl IntoIterator<Item = &'a str>,
    accepted: impl IntoIterator<Item = &'a str>,
) -> usize {
    let mut pool = HashMap::<&str, usize>::new();
    accepted.into_iter().for_each(|line| *pool.entry(line.trim_end()).or_default() += 1);
    let lines = added.into_iter().map(str::trim_end).filter(|line| !line.is_empty());
    let mut count = 0;
    for line in lines {
        if let Some(left) = pool.get_mut(line).filter(|left| **left > 0) {
            *left -= 1;
            count += 1;
        }
    }
    count
}

impl Facts {
    /// Writes the facts as one sentence.
    pub fn sentence(&self) -> String {
        if self.incomplete {
            let added = of(self.added, "added line");
            return format!("not counted: the session's log could not be read whole; {added} (not blank)");
        }
        if self.turns == 0 {
            return format!(
                "no model answered in this session; {} (not blank)",
                of(self.added, "added line")
            );
        }
        let models = if self.models.is_empty() { "a model".to_string() } else { self.models.join(", ") };
        let lines = match self.from_model {
            Some(count) => {
                let own = self.added.saturating_sub(count);
                let added = of(self.added, "added line");
                format!("{count} of {added} (not blank) accepted from the model, {own} yours")
            }
            None => format!("{} (not blank)", of(self.added, "added line")),
        };
        let edits =
            format!("{} accepted, {} changed by you, {} refused", self.accepted, self.changed, self.refused);
        format!("{models}, {}; edits: {edits}; {lines}", of(self.turns, "turn"))
    }
}

fn of(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_counts_as_the_models_only_as_often_as_it_was_accepted() {
        assert_eq!(lines_from_model(["a", "a", "b", "", "c"], ["a", "b", ""]), 2);
    }

    #[test]
    fn the_sentence_counts_and_does_not_judge() {
        let facts = Facts {
            models: vec!["qwen3-coder".into()],
            turns: 14,
            accepted: 5,
            changed: 1,
            refused: 0,
            added: 156,
            from_model: Some(118),
            incomplete: false,
        };
        let expected = "qwen3-coder, 14 turns; edits: 5 accepted, 1 changed by you, 0 refused; 118 of 156 added lines \
                        (not blank) accepted from the model, 38 yours";
        assert_eq!(facts.sentence(), expected);
        assert_eq!(
            Facts::default().sentence(),
            "no model answered in this session; 0 added lines (not blank)"
        );
        let unread = Facts { incomplete: true, added: 3, ..Facts::default() }.sentence();
        assert!(unread.starts_with("not counted") && unread.contains("3 added lines"), "{unread}");
    }
}
