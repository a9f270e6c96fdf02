//! The texts that the model is given: embedded, and overridable by files of the same name in the data folder's
//! `prompts/`.

use std::collections::BTreeSet;
use std::path::Path;

use super::recipe::{Recipe, RecipeError};
use crate::util::fs::read_text;

const SYSTEM: &str = include_str!("../../prompts/system.md");
const PORT: &str = include_str!("../../prompts/port.md");

/// The prompts in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompts {
    pub system: String,
    pub port: String,
    pub recipe: Recipe,
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
        let own = |name: &str, ours: &str| match folder.join(name) {
            path if path.exists() => read_text(&path),
            _ => Ok(ours.to_string()),
        };
        let recipe = Recipe::load(&folder.join("recipe"))?;
        Ok(Self { system: own("system.md", SYSTEM)?, port: own("port.md", PORT)?, recipe })
    }

    /// Makes the system prompt of a port.
    pub fn fill(&self, facts: &Facts) -> String {
        let recipe = self.recipe.text(&facts.config_keys);
        let text = format!("{}\n\n{}\n\n{recipe}", self.system.trim(), self.port.trim());
        text.replace("{{model_type}}", &facts.model_type)
            .replace("{{port}}", &facts.port)
            .replace("{{reference}}", &facts.reference)
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
        let filled = prompts.fill(&facts);
        assert!(filled.starts_with(&format!("arcee at p.py from m.py\n\n{}", PORT.trim())), "{filled}");
        assert!(filled.contains("## Rotary positions") && !filled.contains("## Latent attention"));
        let ours = Prompts::load(Path::new("/nowhere")).expect("ours").fill(&facts);
        assert!(!ours.contains("{{"));
    }
}
