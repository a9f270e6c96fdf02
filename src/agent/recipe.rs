//! The porter's knowledge in fragments, each with the config keys that call for it: only what the architecture needs enters
//! the context. Embedded; a file of the same name in the data folder's `prompts/recipe/` wins, a new one is added.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use serde::Deserialize;
use thiserror::Error;

use crate::util::blame::{Blame, Explain};
use crate::util::front;
use crate::util::fs::{FsError, read_text};

static OURS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/prompts/recipe");

/// The longest fragment, in characters: context is what the model thinks with.
const LONGEST: usize = 4000;
/// The longest text of the person's own in place of one of ours.
const LONGEST_TEXT: usize = 20_000;

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
    #[error("{path}: {what}")]
    Text { path: PathBuf, what: String },
    #[error(transparent)]
    Fs(#[from] FsError),
}

impl Explain for RecipeError {
    fn blame(&self) -> Blame {
        match self {
            Self::Malformed { .. } | Self::Text { .. } => Blame::User,
            Self::Fs(_) => Blame::Environment,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Malformed { path, .. } => format!(
                "mend it or move it away: {} needs a head between +++ lines with title, source, and always = true or config = [keys]",
                path.display()
            ),
            Self::Text { path, .. } => {
                format!("mend it, or move it away to use the built-in text: {}", path.display())
            }
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

    /// Gives all of them, in order of name.
    pub fn all(&self) -> impl Iterator<Item = &Fragment> {
        self.0.values()
    }

    /// Chooses what these config keys call for, in order of name.
    pub fn choose<'a>(&'a self, keys: &'a BTreeSet<String>) -> impl Iterator<Item = &'a Fragment> {
        self.0.values().filter(move |fragment| match &fragment.when {
            When::Always => true,
            When::Config(wanted) => wanted.iter().any(|key| keys.contains(key)),
        })
    }
}

impl Fragment {
    /// Writes it as it stands in the prompt.
    pub fn written(&self) -> String {
        format!("## {}\n\n{}", self.title, self.text)
    }
}

/// Reads a text of the person's own that stands for one of ours.
pub fn own_text(path: &Path) -> Result<String, RecipeError> {
    let wrong = |what: String| RecipeError::Text { path: path.to_path_buf(), what };
    let text = read_text(path)?;
    let length = text.trim().chars().count();
    match length {
        0 => Err(wrong("it is empty".into())),
        1..=LONGEST_TEXT => Ok(text),
        _ => Err(wrong(format!("it has {length} characters; at most {LONGEST_TEXT} are taken"))),
    }
}

fn parse(path: &Path, text: &str) -> Result<Fragment, RecipeError> {
    let wrong = |what: String| RecipeError::Malformed { path: path.to_path_buf(), what };
    let (head, text) = front::read::<Head>(text).map_err(wrong)?;
    let when = match (head.always, head.config) {
        (true, keys) if keys.is_empty() => When::Always,
        (false, keys) if !keys.is_empty() => When::Config(keys),
        _ => return Err(wrong("it needs either always = true or config = [keys]".into())),
    };
    front::within(&text, LONGEST).map_err(wrong)?;
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
        let plain = [
            "attention",
            "caches",
            "debugging",
            "dtype",
            "mlp",
            "norms",
            "phases",
            "quantize",
            "shard",
            "surface",
            "training",
            "weights",
        ];
        assert_eq!(names(&recipe, &["hidden_size"]), plain);
        let deepseek = names(&recipe, &["kv_lora_rank", "n_routed_experts", "rope_theta"]);
        assert_eq!(
            deepseek.iter().filter(|name| !plain.contains(&name.as_str())).collect::<Vec<_>>(),
            ["experts", "mla", "rope"]
        );
    }

    /// What every architecture is told, and what the most demanding one is told, in characters: about 2,700 and 4,200 tokens.
    const PLAIN: usize = 11_000;
    const ALL: usize = 17_000;

    #[test]
    fn the_whole_stays_small_and_every_fragment_says_where_it_was_learnt() {
        let recipe = Recipe::load(Path::new("/nowhere")).expect("ours");
        let size = |fragments: &mut dyn Iterator<Item = &Fragment>| {
            fragments.map(|fragment| fragment.written().chars().count()).sum::<usize>()
        };
        let plain = size(&mut recipe.choose(&BTreeSet::new()));
        let all = size(&mut recipe.0.values());
        assert!(plain <= PLAIN && all <= ALL, "{plain} and {all} characters");
        for fragment in recipe.0.values() {
            let learnt = fragment.source.contains('#') || fragment.source.contains("merged");
            assert!(learnt, "{}: {:?} names no port, fix or review", fragment.name, fragment.source);
        }
    }

    #[test]
    fn what_ports_get_wrong_is_all_told() {
        let recipe = Recipe::load(Path::new("/nowhere")).expect("ours");
        let topics: [(&str, &[&str]); 17] = [
            ("rope", &["rope_parameters", "rope_scaling", "rope_type", "null", "per layer type"]),
            ("rope", &["interleaved", "Partial", "YaRN", "ongrope", "no_rope_layers"]),
            ("dtype", &["float32", "promotes", "cast_predicate"]),
            ("norms", &["eps", "mean of squares", "casts to float32 and back", "1 + weight"]),
            ("multipliers", &["embedding", "residual", "logits", "attention"]),
            ("weights", &["run on its own output", "tie_word|Tied", "lm_head"]),
            (
                "experts",
                &["sigmoid", "correction bias", "norm_topk_prob", "routed_scaling_factor", "SwitchGLU"],
            ),
            ("mla", &["latent", "kv_b_proj", "mscale"]),
            ("windows", &["sliding", "RotatingKVCache", "128 or 129", "layer_types"]),
            ("recurrent", &["Hybrids", "make_cache", "conv_kernel"]),
            ("caches", &["update_and_fetch", "padded on the left", "offset"]),
            ("shard", &["all-to-sharded", "sharded-to-all"]),
            ("quantize", &["quant_predicate", "scales"]),
            ("training", &["LoRA", "stop_gradient", "vjp"]),
            ("surface", &["Copyright", "no docstring", "test_models.py"]),
            ("phases", &["Reference known", "Config read", "Understood", "smallest eager path", "Checked"]),
            ("debugging", &["first divergent module", "reference can be wrong"]),
        ];
        for (name, words) in topics {
            let text = &recipe.0[name].text;
            for word in words {
                let told = word.split('|').any(|word| text.contains(word));
                assert!(told, "{name} says nothing of {word}");
            }
        }
    }

    #[test]
    fn a_file_of_the_persons_wins_and_a_broken_one_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let own = "+++\ntitle = \"Mine\"\nsource = \"me\"\nconfig = [\"own_key\"]\n+++\nOnly this.\n";
        write_atomic(&folder.path().join("rope.md"), own.as_bytes()).expect("written");
        let recipe = Recipe::load(folder.path()).expect("both");
        assert!(!names(&recipe, &["rope_theta"]).contains(&"rope".to_string()));
        let keys = ["own_key".to_string()].into();
        assert!(recipe.choose(&keys).any(|fragment| fragment.written() == "## Mine\n\nOnly this."));
        write_atomic(&folder.path().join("broken.md"), b"no head").expect("written");
        let error = Recipe::load(folder.path()).expect_err("no head").to_string();
        assert!(error.ends_with("broken.md: it does not begin with +++"), "{error}");
    }
}
