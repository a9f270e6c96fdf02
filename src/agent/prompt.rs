//! The texts that the model is given: embedded, and overridable by files of the same name in the data folder's
//! `prompts/`.

use std::collections::BTreeSet;
use std::path::Path;

use super::machine::{COMPACT_PROMPT, PromptPart};
use super::recipe::{self, Recipe, RecipeError};

const SYSTEM: &str = include_str!("../../prompts/system.md");
const PORT: &str = include_str!("../../prompts/port.md");
const READER: &str = include_str!("../../prompts/second-reader.md");

/// The prompts in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompts {
    pub system: String,
    pub port: String,
    /// What is asked for when a long conversation is condensed.
    pub compact: String,
    /// What the second reader is told.
    pub reader: String,
    pub recipe: Recipe,
    /// Names of the texts that are the person's own.
    own: BTreeSet<&'static str>,
}

/// What the prompts are filled with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub model_type: String,
    /// The port's path as the tools know it.
    pub port: String,
    /// The reference's path as the tools know it, or words that say that none is known.
    pub reference: String,
    /// Every key that the reference's config class or a config has; it decides which knowledge is told.
    pub config_keys: BTreeSet<String>,
}

impl Prompts {
    /// Reads the person's own prompts where there are any.
    ///
    /// # Errors
    /// A file that exists and cannot be read, or is no fragment of the recipe.
    pub fn load(folder: &Path) -> Result<Self, RecipeError> {
        let mut own = BTreeSet::new();
        let mut text = |name: &'static str, ours: &str| {
            let path = folder.join(format!("{name}.md"));
            if !path.exists() {
                return Ok(ours.to_string());
            }
            own.insert(name);
            recipe::own_text(&path)
        };
        let system = text("system", SYSTEM)?;
        let port = text("port", PORT)?;
        let compact = text("compact", COMPACT_PROMPT)?;
        let reader = text("second-reader", READER)?;
        let recipe = Recipe::load(&folder.join("recipe"))?;
        Ok(Self { system, port, compact, reader, recipe, own })
    }

    /// Makes the system prompt of a port, and says what it is made of.
    pub fn fill(&self, facts: &Facts) -> (String, Vec<PromptPart>) {
        let mut pieces =
            vec![self.piece("system", &self.system, facts), self.piece("port", &self.port, facts)];
        for fragment in self.recipe.choose(&facts.config_keys) {
            let text = facts.place(&fragment.written());
            let name = format!("recipe/{}", fragment.name);
            pieces.push((PromptPart { name, source: fragment.source.clone(), bytes: text.len() }, text));
        }
        let text = pieces.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("\n\n");
        (text, pieces.into_iter().map(|(part, _)| part).collect())
    }

    fn piece(&self, name: &'static str, text: &str, facts: &Facts) -> (PromptPart, String) {
        let text = facts.place(text.trim());
        let source = if self.own.contains(name) { "your own file" } else { "" };
        (PromptPart { name: name.into(), source: source.into(), bytes: text.len() }, text)
    }
}

impl Facts {
    /// Puts the facts where a text has their places.
    pub fn place(&self, text: &str) -> String {
        text.replace("{{model_type}}", &self.model_type)
            .replace("{{port}}", &self.port)
            .replace("{{reference}}", &self.reference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_the_folder_wins_and_places_are_filled() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        crate::util::fs::write_atomic(
            &folder.path().join("system.md"),
            b"{{model_type}} at {{port}} from {{reference}}",
        )
        .expect("written");
        let prompts = Prompts::load(folder.path()).expect("loaded");
        let facts = Facts {
            model_type: "arcee".into(),
            port: "p.py".into(),
            reference: "m.py".into(),
            config_keys: ["rope_theta".to_string()].into(),
        };
        let (filled, parts) = prompts.fill(&facts);
        assert!(filled.starts_with(&format!("arcee at p.py from m.py\n\n{}", PORT.trim())), "{filled}");
        assert!(filled.contains("## Rotary positions") && !filled.contains("## Latent attention"));
        let own = parts.iter().find(|part| part.name == "system").expect("named");
        assert_eq!((own.source.as_str(), own.bytes), ("your own file", "arcee at p.py from m.py".len()));
        let rope = parts.iter().find(|part| part.name == "recipe/rope").expect("named");
        assert!(rope.source.contains("#1023") && rope.bytes > 500, "{rope:?}");
        let ours = Prompts::load(Path::new("/nowhere")).expect("ours").fill(&facts).0;
        assert!(!ours.contains("{{"));
    }

    #[test]
    fn a_text_of_the_persons_that_is_empty_or_endless_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("compact.md");
        for (text, why) in [(" \n".to_string(), "is empty"), ("x".repeat(20_001), "has 20001 characters")] {
            crate::util::fs::write_atomic(&path, text.as_bytes()).expect("written");
            let error = Prompts::load(folder.path()).expect_err("refused").to_string();
            assert!(error.contains("compact.md") && error.contains(why), "{error}");
        }
        crate::util::fs::write_atomic(&path, b"Sum up.").expect("written");
        assert_eq!(Prompts::load(folder.path()).expect("loaded").compact, "Sum up.");
    }
}
