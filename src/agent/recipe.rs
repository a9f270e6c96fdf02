//! The porter's knowledge in fragments, each with the config keys that call for it: only what the architecture needs enters
//! the context. Embedded; a file of the same name in the data folder's `prompts/recipe/` wins, a new one is added.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use serde::Deserialize;
use thiserror::Error;

use crate::util::blame::{Blame, Explain};
use crate::util::fs::{FsError, read_text};

static OURS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/prompts/recipe");

/// The longest fragment, in characters: context is what the model thinks with.
const LONGEST: usize = 4000;
const FENCE: &str = "+++";

/// One piece of knowledge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// The file's name without its ending.
    pub name: String,
    pub title: String,
    /// Where it was learnt.
    pub source: String,
    /// What calls for it.
    pub when: When,
    pub text: String,
}

/// What calls for a fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    Always,
    /// Any of these config keys.
    Config(Vec<String>),
}

/// Why a fragment cannot be used.
#[derive(Debug, Error)]
pub enum RecipeError {
    #[error("{path}: {what}")]
    Malformed { path: PathBuf, what: String },
    #[error(transparent)]
    Fs(#[from] FsError),
}

impl Explain for RecipeError {
    fn blame(&self) -> Blame {
        match self {
            Self::Malformed { .. } => Blame::User,
            Self::Fs(_) => Blame::Environment,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Malformed { path, .. } => format!(
                "mend it or move it away: {} needs a head between +++ lines with title, source, and always = true or config = [keys]",
                path.display()
            ),
            Self::Fs(error) => return error.hint(),
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    title: String,
    source: String,
    #[serde(default)]
    always: bool,
    #[serde(default)]
    config: Vec<String>,
}

/// All fragments in force, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe(BTreeMap<String, Fragment>);

impl Recipe {
    /// Reads ours and the person's own, which win.
    ///
    /// # Errors
    /// A file of the person's that cannot be read or has no right head.
    pub fn load(folder: &Path) -> Result<Self, RecipeError> {
        let mut fragments = BTreeMap::new();
        for file in OURS.files() {
            let text = file.contents_utf8().unwrap_or_default();
            let fragment = parse(file.path(), text)?;
            fragments.insert(fragment.name.clone(), fragment);
        }
        let Ok(entries) = std::fs::read_dir(folder) else { return Ok(Self(fragments)) };
        let own = entries.flatten().map(|entry| entry.path());
        for path in own.filter(|path| path.extension().is_some_and(|end| end == "md")) {
            let fragment = parse(&path, &read_text(&path)?)?;
            fragments.insert(fragment.name.clone(), fragment);
        }
        Ok(Self(fragments))
    }

    /// Chooses what these config keys call for, in order of name.
    pub fn choose<'a>(&'a self, keys: &'a BTreeSet<String>) -> impl Iterator<Item = &'a Fragment> {
        self.0.values().filter(move |fragment| match &fragment.when {
            When::Always => true,
            When::Config(wanted) => wanted.iter().any(|key| keys.contains(key)),
        })
    }

    /// Writes the chosen ones as one text.
    pub fn text(&self, keys: &BTreeSet<String>) -> String {
        let one = |fragment: &Fragment| format!("## {}\n\n{}", fragment.title, fragment.text);
        self.choose(keys).map(one).collect::<Vec<_>>().join("\n\n")
    }
}

fn parse(path: &Path, text: &str) -> Result<Fragment, RecipeError> {
    let wrong = |what: &str| RecipeError::Malformed { path: path.to_path_buf(), what: what.to_string() };
    let rest = text.trim_start().strip_prefix(FENCE).ok_or_else(|| wrong("it does not begin with +++"))?;
    let (head, body) = rest.split_once("\n+++").ok_or_else(|| wrong("its head has no closing +++"))?;
    let head: Head = toml::from_str(head).map_err(|error| wrong(error.message()))?;
    let when = match (head.always, head.config) {
        (true, keys) if keys.is_empty() => When::Always,
        (false, keys) if !keys.is_empty() => When::Config(keys),
        _ => return Err(wrong("it needs either always = true or config = [keys]")),
    };
    let text = body.trim().to_string();
    let length = text.chars().count();
    if length == 0 || length > LONGEST {
        return Err(wrong(&format!("its text has {length} characters; 1 to {LONGEST} are allowed")));
    }
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Fragment { name, title: head.title, source: head.source, when, text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::fs::write_atomic;

    fn names(recipe: &Recipe, keys: &[&str]) -> Vec<String> {
        let keys = keys.iter().map(|key| key.to_string()).collect();
        recipe.choose(&keys).map(|fragment| fragment.name.clone()).collect()
    }

    #[test]
    fn only_what_the_config_calls_for_is_chosen() {
        let recipe = Recipe::load(Path::new("/nowhere")).expect("ours");
        let plain = ["attention", "dtype", "mlp", "norms", "phases", "surface", "weights"];
        assert_eq!(names(&recipe, &["hidden_size"]), plain);
        let deepseek = names(&recipe, &["kv_lora_rank", "n_routed_experts", "rope_theta"]);
        assert_eq!(
            deepseek.iter().filter(|name| !plain.contains(&name.as_str())).collect::<Vec<_>>(),
            ["experts", "mla", "rope"]
        );
        assert!(recipe.0.values().all(|fragment| !fragment.source.is_empty()));
    }

    #[test]
    fn a_file_of_the_persons_wins_and_a_broken_one_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let own = "+++\ntitle = \"Mine\"\nsource = \"me\"\nconfig = [\"own_key\"]\n+++\nOnly this.\n";
        write_atomic(&folder.path().join("rope.md"), own.as_bytes()).expect("written");
        let recipe = Recipe::load(folder.path()).expect("both");
        assert!(!names(&recipe, &["rope_theta"]).contains(&"rope".to_string()));
        assert!(recipe.text(&["own_key".to_string()].into()).contains("## Mine\n\nOnly this."));
        write_atomic(&folder.path().join("broken.md"), b"no head").expect("written");
        let error = Recipe::load(folder.path()).expect_err("no head").to_string();
        assert!(error.ends_with("broken.md: it does not begin with +++"), "{error}");
    }
}
