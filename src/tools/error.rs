//! Why a tool call cannot be done, in words for the model: what was asked, what is wrong, what to ask for instead.

use thiserror::Error;

use crate::agent::data::ToolOutcome;
use crate::util::blame::{Blame, Explain, Report};

/// Why a tool call was refused or failed. All variants but [`ToolError::Service`] are the model's to mend.
#[derive(Debug, Error)]
pub enum ToolError {
    #[error("there is no tool named `{name}`; the tools are: {known}")]
    UnknownTool { name: String, known: String },
    #[error("arguments of `{tool}`: {text}")]
    Arguments { tool: &'static str, text: String },
    #[error("path {path}: {text}")]
    Path { path: String, text: String },
    #[error("{path} cannot be read: {text}")]
    Read { path: String, text: String },
    #[error("{text}")]
    Edit { text: String },
    #[error("`{tool}` needs the person's approval before it runs")]
    NotApproved { tool: &'static str },
    /// What a connected service said; its blame decides who hears it.
    #[error("{0}")]
    Service(Report),
}

impl Explain for ToolError {
    fn blame(&self) -> Blame {
        match self {
            Self::Service(report) => report.blame,
            Self::NotApproved { .. } => Blame::Bug,
            _ => Blame::User,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Service(report) => report.hint.clone(),
            _ => None,
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Service(report) => report.detail.clone(),
            _ => None,
        }
    }
}

impl From<ToolError> for ToolOutcome {
    /// Tells the model what it can mend; stops the turn for the rest, since a model that hears of a full disk only
    /// tries again.
    fn from(error: ToolError) -> Self {
        match error.blame() {
            Blame::User | Blame::Port => Self::Failed { text: told(&error) },
            Blame::Environment | Blame::Upstream | Blame::Bug => {
                let report = match error {
                    ToolError::Service(report) => report,
                    other => Report::from(&other),
                };
                Self::Stop { report }
            }
        }
    }
}

fn told(error: &ToolError) -> String {
    // A Report already shows its hint.
    let mut text = error.to_string();
    if let Some(detail) = error.detail() {
        text.push('\n');
        text.push_str(&detail);
    }
    text
}
