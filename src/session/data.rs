//! What the session log holds, as plain data. (First shape, for the panes to code against; the session room deepens it.)

use serde::{Deserialize, Serialize};

/// One entry of the session log; the writer adds version, sequence number and time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Entry {
    /// Something of the conversation.
    Chat { entry: crate::agent::data::Entry },
    /// A check ended.
    Check { result: Box<crate::harness::data::RunResult> },
    /// Something worth a line in the plain transcript.
    Note { label: String, text: String },
    /// An act of the person.
    Person { step: PersonStep },
}

/// What a recording's person does between the model's turns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum PersonStep {
    /// Sends a message.
    Say { text: String },
    /// Accepts the waiting proposal.
    Approve,
    /// Refuses the waiting proposal.
    Deny { reason: String },
    /// Stages a whole file of the branch.
    Stage { path: String },
    /// Writes a Voice field.
    Voice { field: String, text: String },
    /// Commits with this message.
    Commit { message: String },
    /// Types the branch name and pushes to the fork.
    Push { branch: String },
}

impl PersonStep {
    /// Whether the step belongs to the pull request's pane.
    pub fn is_for_pr(&self) -> bool {
        !matches!(self, Self::Say { .. } | Self::Approve | Self::Deny { .. })
    }

    /// Says what it is, for the hint "play: …".
    pub fn words(&self) -> String {
        match self {
            Self::Say { .. } => "send the message".into(),
            Self::Approve => "accept the edit".into(),
            Self::Deny { .. } => "refuse the edit".into(),
            Self::Stage { path } => format!("stage {path}"),
            Self::Voice { field, .. } => format!("write {field}"),
            Self::Commit { .. } => "commit".into(),
            Self::Push { .. } => "push to the fork".into(),
        }
    }
}
