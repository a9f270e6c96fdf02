//! What transformers' config classes make of absent keys, asked of the classes themselves in the sandboxed environment
//! and kept per model type, transformers version and config: a class answers the same for ever.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use super::data::CheckError;
use super::launch::{Access, Site};
use crate::util::blame::{Blame, Report};
use crate::util::fs::{create_dir, read_text, write_atomic};
use crate::util::id::sha256_hex;
use crate::util::process::ProcessError;

/// Importing transformers from a cold disk takes long.
const LIMIT: Duration = Duration::from_secs(180);
/// The program that is asked takes so many at once.
const MOST: usize = 200;

/// One question: what does the class of this type give, alone or for a config?
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ask {
    pub model_type: String,
    /// The text of a config.json; none asks the class alone.
    pub config: Option<String>,
}

/// The class's values as JSON, or its refusal.
pub type Answer = Result<String, CheckError>;

#[derive(Deserialize)]
struct Line {
    index: usize,
    #[serde(default)]
    values: Option<Box<RawValue>>,
    #[serde(default)]
    error: Option<CheckError>,
}

/// Asks the classes; those that were asked before are answered from the cache. `version` is that of transformers.
pub async fn ask(
    site: &Site,
    version: &str,
    asks: &[Ask],
    cancel: &CancellationToken,
) -> Result<Vec<Answer>, Report> {
    let files: Vec<PathBuf> = asks.iter().map(|ask| file(site, version, ask)).collect();
    let mut answers: Vec<Option<Answer>> = files.iter().map(|path| read_text(path).ok().map(Ok)).collect();
    let open: Vec<usize> = (0..asks.len()).filter(|at| answers[*at].is_none()).collect();
    for part in open.chunks(MOST) {
        let asked: Vec<&Ask> = part.iter().map(|at| &asks[*at]).collect();
        for (line, at) in fresh(site, &asked, cancel).await?.into_iter().zip(part) {
            if let Ok(text) = &line {
                // A full disk costs the next start some seconds, and nothing else.
                let _ = write_atomic(&files[*at], text.as_bytes());
            }
            answers[*at] = Some(line);
        }
    }
    let lost = || Report::new(Blame::Bug, "a config class did not answer");
    answers.into_iter().map(|answer| answer.ok_or_else(lost)).collect()
}

async fn fresh(site: &Site, asks: &[&Ask], cancel: &CancellationToken) -> Result<Vec<Answer>, Report> {
    create_dir(&site.runs()).map_err(|error| Report::from(&error))?;
    let broken =
        |text: String| Report::new(Blame::Bug, format!("the config classes' answer cannot be read: {text}"));
    let question = serde_json::json!({ "asks": asks }).to_string();
    let command = site.package(&["defaults".to_string()], &Access::default());
    let command = command.stdin(question).timeout(LIMIT).cancel(cancel.clone());
    let output = command.run().await.map_err(|error| match &error {
        ProcessError::Timeout { .. } => Report::from(&error).hint("the machine is busy: try again"),
        _ => Report::from(&error).hint("`mlxport doctor` checks the Python environment"),
    })?;
    let mut answers: Vec<Option<Answer>> = asks.iter().map(|_| None).collect();
    for text in output.text().lines() {
        let line: Line = serde_json::from_str(text).map_err(|error| broken(error.to_string()))?;
        let answer = match (line.values, line.error) {
            (Some(values), _) => Ok(values.get().to_string()),
            (None, Some(error)) => Err(error),
            (None, None) => return Err(broken("neither values nor an error".into())),
        };
        if let Some(slot) = answers.get_mut(line.index) {
            *slot = Some(answer);
        }
    }
    answers.into_iter().map(|answer| answer.ok_or_else(|| broken("an answer is missing".into()))).collect()
}

/// Where an answer is kept. Names come from files of strangers: what is no plain name is hashed.
fn file(site: &Site, version: &str, ask: &Ask) -> PathBuf {
    let plain = |text: &str| {
        text.chars().filter(|c| c.is_ascii_alphanumeric() || "_-.".contains(*c)).collect::<String>()
    };
    let key = match &ask.config {
        None => "class".to_string(),
        Some(text) => sha256_hex(text.as_bytes())[..16].to_string(),
    };
    let kind = &sha256_hex(ask.model_type.as_bytes())[..8];
    let name = format!("{}-{kind}-{key}.json", plain(&ask.model_type));
    Path::new(&site.cache).join("defaults").join(plain(version)).join(name.trim_start_matches('.'))
}
