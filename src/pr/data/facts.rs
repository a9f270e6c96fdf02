//! The fact sheet beside the disclosure: counts made by program, for the person to write from. It never enters a field.

use serde::{Deserialize, Serialize};

/// Counts for the disclosure. All of them are passed in; nothing is guessed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Names of the models that answered, in the order they first did.
    pub models: Vec<String>,
    /// Answers of the assistant.
    pub turns: usize,
    /// Files that hold accepted text of a model.
    pub files: usize,
    /// Added lines of the branch that came from accepted proposals, unchanged.
    pub lines_from_model: usize,
    /// Added lines of the branch that the person wrote or changed.
    pub lines_from_person: usize,
}

impl Facts {
    /// Counts lines by origin: an added line that stands in an accepted proposal is the model's, any other the
    /// person's. Blank lines count for nobody.
    pub fn count_lines<'a>(
        &mut self,
        added: impl IntoIterator<Item = &'a str>,
        accepted: impl IntoIterator<Item = &'a str>,
    ) {
        let mut pool = std::collections::HashMap::<&str, usize>::new();
        accepted.into_iter().for_each(|line| *pool.entry(line.trim_end()).or_default() += 1);
        for line in added.into_iter().map(str::trim_end).filter(|line| !line.is_empty()) {
            match pool.get_mut(line).filter(|left| **left > 0) {
                Some(left) => {
                    *left -= 1;
                    self.lines_from_model += 1;
                }
                None => self.lines_from_person += 1,
            }
        }
    }

    /// Writes the facts as one sentence.
    pub fn sentence(&self) -> String {
        if self.turns == 0 && self.lines_from_model == 0 {
            return format!("no model answered in this session; {} lines, all yours", self.lines_from_person);
        }
        let models = if self.models.is_empty() { "a model".to_string() } else { self.models.join(", ") };
        let total = self.lines_from_model + self.lines_from_person;
        let turns = if self.turns == 1 { "turn" } else { "turns" };
        format!(
            "{models}, {} {turns}; {} of {total} lines accepted from the model, {} yours",
            self.turns, self.lines_from_model, self.lines_from_person
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_counts_as_the_models_only_as_often_as_it_was_accepted() {
        let mut facts = Facts { models: vec!["qwen3-coder".into()], turns: 14, ..Facts::default() };
        facts.count_lines(["a", "a", "b", "", "c"], ["a", "b"]);
        assert_eq!(facts.sentence(), "qwen3-coder, 14 turns; 2 of 4 lines accepted from the model, 2 yours");
    }
}
