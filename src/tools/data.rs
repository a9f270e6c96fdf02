//! What tools take and give, as plain data. Proposals, approvals and outcomes are the conversation's and live in
//! [`crate::agent::data`].

use serde::{Deserialize, Serialize};

use crate::agent::data::{Proposal, ToolOutcome, ToolRun};
use crate::harness::data::{Event, RunResult};
use crate::port::data::EditReceipt;

/// How the text of every applied edit begins, so that a recording can tell an agreed edit from a denied one.
pub const APPLIED: &str = "Applied: ";

/// What a call has become once its arguments were checked.
#[derive(Clone, Debug, PartialEq)]
pub enum Prepared {
    /// It may run now.
    Run(ToolRun),
    /// It would change a file: the person decides, then the approved edit is run.
    Propose(Proposal),
    /// It cannot run; the outcome says why, to the model or to the person.
    Reject(ToolOutcome),
}

/// What happens while a tool runs.
#[derive(Clone, Debug, PartialEq)]
pub enum ToolEvent {
    /// The harness says something; the harness pane takes the same events.
    Harness(Event),
}

/// How a tool run ended: what goes to the model, and what the screen keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolEnd {
    pub outcome: ToolOutcome,
    /// One line for the card.
    pub summary: String,
    pub artifacts: Vec<Artifact>,
}

/// What a tool leaves for panes and the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "artifact", rename_all = "snake_case")]
pub enum Artifact {
    Check { result: Box<RunResult> },
    Edit { receipt: EditReceipt },
}
