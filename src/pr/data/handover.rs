//! The last screen: what the person takes to the browser. The program opens no pull request.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{FieldId, Template, Voice};

/// A push as the person confirms it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub branch: String,
    pub commit: String,
    /// The fork's address as git resolves it.
    pub url: String,
    /// What a person would type in a shell.
    pub commands: Vec<String>,
}

/// What became of a push.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandOver {
    pub plan: Plan,
    pub outcome: Outcome,
}

/// Whether the program pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Pushed,
    /// The fork had the commit already.
    UpToDate,
    /// The commands are the person's to run.
    Yours,
}

/// Assembles the pull request's text from the template and the person's fields.
pub fn body(template: &Template, voices: &BTreeMap<FieldId, Voice>) -> String {
    template.render(voices)
}
