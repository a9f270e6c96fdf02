//! What a person means by MODEL: a folder that is there, a repository or link, a class, else a model_type.

use std::path::Path;

use crate::hub::HubError;
use crate::hub::data::RepoRef;
use crate::hub::data::discover::Wanted;

/// Reads MODEL. A path that exists wins over everything, as typed paths do; `gpt2` is a model_type, not a repository, unless
/// it is given as a link.
pub fn wanted(text: &str) -> Result<Wanted, HubError> {
    let text = text.trim();
    let path = Path::new(text);
    let is_config = path.is_file() && path.extension().is_some_and(|end| end == "json");
    if path.join("config.json").is_file() || is_config {
        return Ok(Wanted::Folder(std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())));
    }
    if text.contains('/') || text.contains('@') {
        return match RepoRef::parse(text) {
            Ok(repo) => Ok(Wanted::Repo(repo)),
            // `./model` and `/data/model` are paths, and no repository begins so.
            Err(_) if path.is_absolute() || text.starts_with('.') || text.starts_with('~') => {
                Err(if path.is_dir() {
                    HubError::NoConfig { path: path.into() }
                } else {
                    HubError::Missing { path: path.into() }
                })
            }
            Err(error) => Err(HubError::Wanted { text: text.into(), why: error.to_string() }),
        };
    }
    let plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    if !plain || text.starts_with(['.', '-']) {
        let why = "it has characters that no name has".to_string();
        return Err(HubError::Wanted { text: text.into(), why });
    }
    Ok(if is_class(text) { Wanted::Class(text.into()) } else { Wanted::ModelType(text.into()) })
}

/// `Qwen3ForCausalLM`, `GPT2LMHeadModel`: a class ends in a word of the library; model_types have no capitals.
fn is_class(text: &str) -> bool {
    let ends = ["ForCausalLM", "LMHeadModel", "ForConditionalGeneration", "Model"];
    text.starts_with(|c: char| c.is_ascii_uppercase()) && ends.iter().any(|end| text.ends_with(end))
}

/// Guesses the model_type of a class where transformers is not at hand: `Qwen3MoeForCausalLM` → `qwen3_moe`.
pub(super) fn guess(class: &str) -> String {
    let ends = ["ForCausalLM", "LMHeadModel", "ForConditionalGeneration", "Model"];
    let stem = ends.iter().find_map(|end| class.strip_suffix(end)).unwrap_or(class);
    let letters: Vec<char> = stem.chars().collect();
    let mut out = String::new();
    for (at, c) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| letters[at]);
        let after = letters.get(at + 1);
        let starts_word = c.is_ascii_uppercase()
            && before.is_some_and(|b| {
                b.is_ascii_lowercase() || b.is_ascii_digit() || after.is_some_and(char::is_ascii_lowercase)
            });
        if starts_word {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        match wanted(text) {
            Ok(Wanted::ModelType(text)) => format!("type {text}"),
            Ok(Wanted::Class(text)) => format!("class {text}"),
            Ok(Wanted::Repo(repo)) => format!("repo {repo}"),
            Ok(Wanted::Folder(_)) => "folder".into(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn everything_that_people_type_is_told_apart() {
        assert_eq!(read("qwen3"), "type qwen3");
        assert_eq!(read("gpt-sw3"), "type gpt-sw3");
        assert_eq!(read("Qwen3ForCausalLM"), "class Qwen3ForCausalLM");
        assert_eq!(read(" Qwen/Qwen3-8B "), "repo Qwen/Qwen3-8B");
        assert_eq!(read("https://huggingface.co/Qwen/Qwen3-8B/tree/main"), "repo Qwen/Qwen3-8B");
        assert_eq!(read("lab/Q@v1"), "repo lab/Q@v1");
        let folder = tempfile::tempdir().expect("a folder");
        crate::util::fs::write_atomic(&folder.path().join("config.json"), b"{}").expect("written");
        assert_eq!(read(&folder.path().display().to_string()), "folder");
        assert_eq!(read("/no/such/folder"), "/no/such/folder is not a file or a folder");
        assert!(read("https://huggingface.co/datasets/a/b").contains("dataset"));
        assert!(read("what is this").contains("characters that no name has"));
    }

    #[test]
    fn classes_are_guessed_as_transformers_names_them() {
        let pairs = [
            ("Qwen3ForCausalLM", "qwen3"),
            ("Qwen3MoeForCausalLM", "qwen3_moe"),
            ("OlmoHybridForCausalLM", "olmo_hybrid"),
            ("GPT2LMHeadModel", "gpt2"),
            ("ArceeForCausalLM", "arcee"),
        ];
        for (class, wanted) in pairs {
            assert_eq!(guess(class), wanted);
        }
    }
}
