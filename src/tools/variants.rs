//! The session's variants as the model names them: all, the config class's defaults, or some by name.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use super::bound;
use super::def::{Desk, blocking};
use super::error::ToolError;
use crate::harness::data::RunResult;
use crate::hub;
use crate::util::blame::Report;
use crate::util::text::one_line;

/// Which variants are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Written")]
pub enum Variants {
    /// What the harness pane judges: the session's configs; the class's defaults where it has none.
    #[default]
    All,
    /// The config class's own defaults.
    Defaults,
    Named(Vec<String>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    One(String),
    Many(Vec<String>),
}

impl From<Written> for Variants {
    fn from(written: Written) -> Self {
        match written {
            Written::One(name) if name == "all" => Self::All,
            Written::One(name) if name == "defaults" => Self::Defaults,
            Written::One(name) => Self::Named(vec![name]),
            Written::Many(names) => Self::Named(names),
        }
    }
}

/// The schema of the argument.
pub fn schema() -> Value {
    json!({
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
        "description": "`all` (when left out): every config of the session, as the harness pane judges them, or the config class where it has none; `defaults`: the config class alone; or names as config_diff shows them",
    })
}

/// Gives the config files that are meant; none stands for the class's defaults.
pub async fn choose(tool: &'static str, wanted: &Variants, desk: &Desk) -> Result<Vec<PathBuf>, ToolError> {
    let configs = desk.services.configs();
    match wanted {
        Variants::All => Ok(configs),
        Variants::Defaults => Ok(Vec::new()),
        Variants::Named(names) => {
            let named = blocking(move || named(&configs)).await?;
            names.iter().map(|name| one(tool, name, &named)).collect()
        }
    }
}

/// Reads the names of config files, as the configs pane shows them.
fn named(configs: &[PathBuf]) -> Result<Vec<(String, PathBuf)>, ToolError> {
    let read = |path: &PathBuf| hub::read(path).map_err(|error| ToolError::Service(Report::from(&error)));
    let mut configs = configs.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    hub::tell_apart(&mut configs);
    Ok(configs.into_iter().map(|config| (config.name, config.path)).collect())
}

fn one(tool: &'static str, name: &str, known: &[(String, PathBuf)]) -> Result<PathBuf, ToolError> {
    if let Some((_, path)) = known.iter().find(|(known, _)| known == name) {
        return Ok(path.clone());
    }
    let name = bound::line(&one_line(name));
    let text = match known {
        [] => format!("there is no variant `{name}`: the session has no configs"),
        known => {
            let known: Vec<String> = known.iter().map(|(name, _)| one_line(name)).collect();
            format!("there is no variant `{name}`; there are {}", bound::list(&known, 40))
        }
    };
    Err(ToolError::Arguments { tool, text })
}

/// Says what a run judged, for the answer: a pass on the class's defaults is none on the session's configs.
pub fn judged(configs: usize, result: &RunResult, desk: &Desk) -> String {
    if configs > 0 {
        return format!("judged on the session's configs: {}", bound::line(&one_line(&result.variant)));
    }
    match desk.services.configs().len() {
        0 => "judged on the config class's own defaults: the session has no configs".into(),
        1 => "judged on the config class's own defaults, not on the session's config".into(),
        count => format!("judged on the config class's own defaults, not on the session's {count} configs"),
    }
}

/// The schema of an argument that means one variant.
pub fn schema_one() -> Value {
    json!({
        "type": "string",
        "description": "A config of the session as config_diff shows it, or `defaults`: the config class alone; when left out, the session's first config, if it has one",
    })
}

/// Gives the one config file that is meant; none stands for the class's defaults.
pub async fn choose_one(
    tool: &'static str,
    wanted: Option<String>,
    desk: &Desk,
) -> Result<Option<PathBuf>, ToolError> {
    let configs = match wanted.as_deref() {
        None => desk.services.configs(),
        Some("defaults") => Vec::new(),
        Some(name) => choose(tool, &Variants::Named(vec![name.to_string()]), desk).await?,
    };
    let file = |config: PathBuf| if config.is_dir() { config.join("config.json") } else { config };
    Ok(configs.into_iter().next().map(file))
}

/// Gives the folder of a named variant.
pub async fn folder_of(tool: &'static str, name: String, desk: &Desk) -> Result<PathBuf, ToolError> {
    let chosen = choose(tool, &Variants::Named(vec![name]), desk).await?;
    Ok(chosen.first().map(|config| folder(config)).unwrap_or_default())
}

/// Gives the folder of a variant, which may hold its headers.
pub fn folder(config: &Path) -> PathBuf {
    match config.is_dir() {
        true => config.to_path_buf(),
        false => config.parent().map(Path::to_path_buf).unwrap_or_default(),
    }
}
