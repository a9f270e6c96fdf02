//! What a tool is: one row of the registry's table, and what a session's tools work on. A new tool is a file with its
//! [`ToolDef`] and one line in [`super::table`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::future::BoxFuture;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::data::{Artifact, Prepared, ToolEnd, ToolEvent};
use super::error::ToolError;
use super::paths::{Roots, Target, Writable};
use super::services::Services;
use super::told;
use crate::agent::data::{Approval, EditScope, ToolOutcome, ToolRun, ToolSpec};
use crate::harness::data::{Event, FamilyRequest, RunResult};
use crate::util::blame::{Blame, Report};
use crate::util::fs::read_text;
use crate::util::sink::Sink;

/// One tool.
#[derive(Debug)]
pub struct ToolDef {
    pub name: &'static str,
    /// What the model is told of it: its text in prompts/tools.
    pub about: &'static str,
    pub class: Class,
    /// The JSON schema of its arguments.
    pub schema: fn(&Writable) -> Value,
    /// Checks arguments alone, before anything runs.
    pub check: fn(Value, &Desk) -> Result<(), ToolError>,
    pub work: Work,
}

/// What a tool may do. Approvals, and what other agents are given, follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Reads what tools may read.
    Read,
    /// Runs the harness, inside the sandbox.
    Check,
    /// Proposes a change of these files.
    Edit(Reach),
}

/// The files that an editing tool reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The port and its test.
    Own,
    /// Files of mlx-lm that other models use.
    Shared,
    /// The person's lessons.
    Lessons,
}

/// How a tool works.
#[derive(Clone, Copy, Debug)]
pub enum Work {
    /// Reads, on a thread of its own.
    Read(fn(Value, &Desk, &CancellationToken) -> Result<Told, ToolError>),
    /// Waits for other rooms.
    Wait(for<'a> fn(Value, &'a Desk, Line) -> Answer<'a, ToolEnd>),
    /// Works out a proposal; it is written once the person has agreed.
    Propose(for<'a> fn(Value, &'a Desk, Line) -> Answer<'a, Prepared>),
    /// Says what a run costs; once the person has agreed to what was said, it runs.
    Cost {
        ask: for<'a> fn(Value, &'a Desk, Line) -> Answer<'a, Prepared>,
        run: for<'a> fn(ToolRun, &'a Desk, Line) -> Answer<'a, ToolEnd>,
    },
}

/// The text for the model, and the card's line.
pub type Told = (String, String);

/// What an asynchronous tool gives.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, ToolError>>;

/// A call that runs: its id, where its events go, and how it is stopped.
#[derive(Clone)]
pub struct Line {
    pub call_id: String,
    pub sink: Sink<ToolEvent>,
    pub cancel: CancellationToken,
}

/// What the tools of a session work on.
#[derive(Clone)]
pub struct Desk {
    pub roots: Roots,
    pub writable: Writable,
    /// The reference's folders.
    pub folders: Vec<PathBuf>,
    pub model_type: String,
    /// Stored runs.
    pub results: PathBuf,
    /// The person's ledger of lessons.
    pub lessons: PathBuf,
    /// The folder of the person's own prompts.
    pub prompts: PathBuf,
    pub services: Arc<dyn Services>,
}

impl ToolDef {
    /// Says whether a person must agree.
    pub fn approval(&self) -> Approval {
        match (self.class, self.work) {
            (_, Work::Cost { .. }) => Approval::Cost,
            (Class::Read | Class::Check, _) => Approval::Auto,
            (Class::Edit(_), _) => Approval::Ask,
        }
    }

    /// Gives what a model is told.
    pub fn spec(&self, own: &Writable) -> ToolSpec {
        ToolSpec {
            name: self.name.into(),
            description: self.about.trim().into(),
            schema: (self.schema)(own),
            approval: self.approval(),
        }
    }
}

impl Desk {
    /// Says which file a path names, within the reach of a tool.
    pub fn target(&self, reach: Reach, path: &str) -> Result<Target, ToolError> {
        match reach {
            Reach::Own => self.writable.target(path),
            Reach::Shared => self.writable.shared(&self.roots, path),
            Reach::Lessons if path == LESSONS => {
                Ok(Target { path: LESSONS.into(), scope: EditScope::Lessons })
            }
            Reach::Lessons => {
                let text = format!("may not be changed with this tool; only {LESSONS} may");
                Err(ToolError::Path { path: path.into(), text })
            }
        }
    }

    /// Gives the port's file, if there is one yet.
    pub fn port(&self) -> Option<PathBuf> {
        Some(self.roots.checkout().join(self.writable.model())).filter(|port| port.is_file())
    }

    /// Names `file:line` as the model names files.
    pub fn name_place(&self, place: &str) -> String {
        let Some((path, line)) = place.rsplit_once(':') else { return place.to_string() };
        let real = Path::new(path).canonicalize();
        let name = self.roots.name(real.as_deref().unwrap_or(Path::new(path)));
        format!("{name}:{line}")
    }

    /// Reads a target's text as it is now; none when there is no file.
    pub fn now(&self, target: &Target) -> Result<Option<String>, ToolError> {
        match target.scope {
            EditScope::Port | EditScope::Test | EditScope::Shared => self.writable.read(&self.roots, target),
            EditScope::Run { .. } => Ok(None),
            EditScope::Lessons if !self.lessons.exists() => Ok(None),
            EditScope::Lessons => {
                let text =
                    read_text(&self.lessons).map_err(|error| ToolError::Service(Report::from(&error)))?;
                Ok(Some(text))
            }
        }
    }
}

impl Line {
    /// Gives where the harness's events go.
    pub fn events(&self) -> Sink<Event> {
        let sink = Arc::clone(&self.sink);
        Arc::new(move |event| sink(ToolEvent::Harness(event)))
    }
}

/// How the ledger of lessons is called.
pub const LESSONS: &str = "lessons.md";

/// Ends a call that went well.
pub fn done((text, summary): Told) -> ToolEnd {
    ToolEnd { outcome: ToolOutcome::Done { text }, summary, artifacts: Vec::new() }
}

/// Ends a call of the harness: the verdict in words with a note below it, and the result whole for panes and other agents.
pub fn checked(result: RunResult, note: &str, desk: &Desk) -> ToolEnd {
    ToolEnd {
        outcome: ToolOutcome::Done { text: told::run(&result, note, desk) },
        summary: told::summary(&result),
        artifacts: vec![Artifact::Check { result: Box::new(result) }],
    }
}

/// Runs a family on the port as it is saved, and ends the call with what it says.
pub async fn judged(request: FamilyRequest, desk: &Desk, line: Line) -> Result<ToolEnd, ToolError> {
    family(FamilyRequest { port: desk.port(), ..request }, desk, line).await
}

/// Runs a family as it is asked for, and ends the call with what it says.
pub async fn family(request: FamilyRequest, desk: &Desk, line: Line) -> Result<ToolEnd, ToolError> {
    let result = desk.services.check_family(request, line.events(), line.cancel).await;
    Ok(checked(result.map_err(ToolError::Service)?, "", desk))
}

/// Runs work that reads the disk on a thread of its own.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ToolError> + Send + 'static,
) -> Result<T, ToolError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| ToolError::Service(Report::new(Blame::Bug, error.to_string())))?
}
