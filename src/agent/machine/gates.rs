//! The phases that the program itself holds: no edit is proposed before the reference and its config class were read in this
//! conversation, and before the person has said in their own words what the architecture does (or that they go on without).
//! What the model says of itself does not count: only calls that were answered do.

use std::collections::{HashMap, HashSet};

use super::Machine;
use crate::agent::data::{Entry, PinKind, ToolOutcome};

/// How the fact begins that says that the person goes on without a summary of their own.
pub const WAIVED: &str = "waived: ";

/// What was read so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    modeling: bool,
    config: bool,
    /// Calls that read something, until they end.
    calls: HashMap<String, Reads>,
    /// Calls that would change a file, until they end.
    proposed: HashSet<String>,
    /// An edit was written and no check followed.
    unchecked: bool,
}

/// Whether the gates are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gates {
    /// Nothing is asked for before an edit: a recording plays, or somebody reads only.
    #[default]
    Open,
    Kept,
}

/// What a call reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reads {
    Modeling,
    Config,
    Check,
}

/// A gate that is still shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// The reference's modeling code was not read.
    Reference,
    /// Its config was not read.
    Config,
    /// The person has not said what the architecture does.
    Understanding,
}

impl Gate {
    /// Says to the model why its edit is not proposed.
    pub fn refusal(self) -> &'static str {
        match self {
            Self::Reference => {
                "Not proposed: the reference was not read in this conversation. Read the modeling file (or the modular file that \
                 makes it) with read_source or read_inheritance first; list_sources names it. If there is no reference, ask the \
                 person for one."
            }
            Self::Config => {
                "Not proposed: the config was not read in this conversation. Read the reference's configuration file, or a config \
                 of the architecture, first: every key that the reference reads must be known."
            }
            Self::Understanding => {
                "Not proposed: the person has not yet said in their own words what this architecture does differently from its \
                 nearest accepted port. Ask them for it now, in one question, and stop; they answer with /understood and their \
                 words, or go on without with /waive. Do not write it for them."
            }
        }
    }

    /// Says to the person what the model waits for.
    pub fn words(self) -> &'static str {
        match self {
            Self::Reference => "the reference has not been read",
            Self::Config => "the config has not been read",
            Self::Understanding => "you have not said what the architecture does: /understood …, or /waive",
        }
    }
}

impl Seen {
    /// Takes in what an entry says.
    pub(super) fn take(&mut self, entry: &Entry) {
        match entry {
            Entry::Message { message } => {
                for call in &message.tool_calls {
                    if let Some(reads) = reads(&call.name, &call.arguments) {
                        self.calls.insert(call.id.clone(), reads);
                    }
                }
            }
            Entry::Proposed { proposal } if proposal.scope.is_file() => {
                self.proposed.insert(proposal.call_id.clone());
            }
            Entry::ToolEnded { call_id, outcome } => {
                let (reads, wrote) = (self.calls.remove(call_id), self.proposed.remove(call_id));
                if !matches!(outcome, ToolOutcome::Done { .. }) {
                    return;
                }
                self.unchecked |= wrote;
                match reads {
                    Some(Reads::Modeling) => self.modeling = true,
                    Some(Reads::Config) => self.config = true,
                    Some(Reads::Check) => self.unchecked = false,
                    None => {}
                }
            }
            _ => {}
        }
    }

    /// Says whether an edit was written that no check followed, once.
    pub(super) fn take_unchecked(&mut self) -> bool {
        std::mem::take(&mut self.unchecked)
    }
}

fn reads(name: &str, arguments: &str) -> Option<Reads> {
    let arguments = serde_json::from_str::<serde_json::Value>(arguments).unwrap_or_default();
    // Speed judges nothing. A fault is located by the checks, run anew; in an earlier run it is only read.
    if name.starts_with("check_") && name != "check_speed"
        || name == "locate_fault" && arguments["run"].is_null()
    {
        return Some(Reads::Check);
    }
    if name.contains("config") || name.contains("ledger") {
        return Some(Reads::Config);
    }
    let path = arguments["path"].as_str().unwrap_or_default();
    let file = path.rsplit('/').next().unwrap_or_default();
    let of_reference = !path.starts_with("mlx_lm/") && !path.starts_with("tests/");
    match name {
        "read_source" | "read_inheritance" if of_reference && file.starts_with("configuration") => {
            Some(Reads::Config)
        }
        "read_inheritance" => Some(Reads::Modeling),
        "read_source" if of_reference && (file.starts_with("modeling") || file.starts_with("modular")) => {
            Some(Reads::Modeling)
        }
        _ => None,
    }
}

impl Machine {
    /// Gives the gate that keeps this tool's change from being proposed. A lesson is no model code.
    pub(super) fn gate_of(&self, tool: &str) -> Option<Gate> {
        self.gate().filter(|_| !tool.contains("lesson"))
    }

    /// Gives the first gate that keeps an edit from being proposed.
    pub fn gate(&self) -> Option<Gate> {
        if self.setup.gates == Gates::Open {
            return None;
        }
        let said = self.facts.given(PinKind::Understanding);
        // Who waives goes on without all of them: there may be no reference that the tools can read.
        if said.is_some_and(|pin| pin.text.starts_with(WAIVED)) {
            None
        } else if !self.seen.modeling {
            Some(Gate::Reference)
        } else if !self.seen.config {
            Some(Gate::Config)
        } else {
            said.is_none().then_some(Gate::Understanding)
        }
    }
}
