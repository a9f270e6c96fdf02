//! What MODEL means: a model type, or a checkpoint folder or a repository whose config.json names one.

use std::path::{Path, PathBuf};

use crate::cli::Common;
use crate::cli::source::{self, Need};
use crate::hub::headers;
use crate::util::blame::{Blame, Report};
use crate::util::fs::read_text;

/// MODEL, read.
#[derive(Debug, PartialEq, Eq)]
pub struct Target {
    pub model_type: String,
    /// The folder's config, where MODEL is a folder or a file.
    pub config: Option<PathBuf>,
}

/// Reads MODEL; of a repository the config is fetched, and the headers where they are needed.
pub fn read(model: &str, need: Need, common: &Common) -> Result<Target, Report> {
    if model.contains('/') && !headers::is_folder(model) {
        return local(&source::repo(model, need, common)?.to_string_lossy());
    }
    local(model)
}

fn local(model: &str) -> Result<Target, Report> {
    let path = Path::new(model);
    let config = if path.is_dir() { path.join("config.json") } else { path.to_path_buf() };
    if config.is_file() {
        let model_type = model_type(&config)?;
        return Ok(Target { model_type, config: Some(config) });
    }
    if path.is_dir() && model.contains('/') {
        return Err(Report::new(Blame::User, format!("{model} holds no config.json"))
            .hint("give a checkpoint folder, or a model type such as `qwen3`"));
    }
    if model.contains('/') {
        return Err(Report::new(Blame::User, format!("there is no folder {model}")).hint(
            "give a checkpoint folder, a Hub repository (owner/name), or the model type with --config FILE",
        ));
    }
    Ok(Target { model_type: model.to_string(), config: None })
}

fn model_type(config: &Path) -> Result<String, Report> {
    let wrong =
        |text: String| Report::new(Blame::User, text).hint("mend the file, or give the model type by name");
    let text = read_text(config).map_err(|error| Report::from(&error))?;
    let value: serde_json::Value = serde_json::from_str(&text)
        .map_err(|error| wrong(format!("{} is not valid JSON: {error}", config.display())))?;
    match value.get("model_type").and_then(serde_json::Value::as_str) {
        Some(name) => Ok(name.to_string()),
        None => Err(wrong(format!("{} names no model_type", config.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::fs::write_atomic;

    #[test]
    fn a_checkpoint_folder_is_its_config_and_a_word_is_a_model_type() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = folder.path().join("config.json");
        write_atomic(&config, br#"{"model_type": "arcee"}"#).expect("write");
        let model = folder.path().to_str().expect("a path");
        let expected = Target { model_type: "arcee".into(), config: Some(config.clone()) };
        assert_eq!(local(model).expect("a folder"), expected);
        assert_eq!(local("qwen3").expect("a type"), Target { model_type: "qwen3".into(), config: None });
        write_atomic(&config, b"{\n  oops").expect("write");
        let report = local(model).expect_err("not JSON");
        assert!(
            report.text.ends_with("is not valid JSON: key must be a string at line 2 column 3"),
            "{report}"
        );
    }
}
