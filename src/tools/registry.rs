//! The registry: how a call becomes a run or a proposal, and how a run ends. The same registry serves the chat and other
//! agents. Which tools there are is [`super::table`]; what one is, [`super::def`].

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::data::{APPLIED, Artifact, Prepared, ToolEnd, ToolEvent};
use super::def::{Class, Desk, Line, Reach, ToolDef, Work, blocking, done};
use super::error::ToolError;
use super::paths::{Roots, Writable};
use super::services::Services;
use super::table::TOOLS;
use super::{args, list_sources};
use crate::agent::data::{
    Approval, ApprovedEdit, EditScope, Proposal, ToolCall, ToolOutcome, ToolRun, ToolSpec,
};
use crate::util::sink::{Sink, discard};
use crate::util::text;

/// Where a session's tools work.
#[derive(Clone)]
pub struct ToolContext {
    /// The mlx-lm checkout.
    pub checkout: PathBuf,
    /// The `transformers` package folder, the one that holds `models/`.
    pub transformers: PathBuf,
    pub model_type: String,
    /// The folder of stored runs.
    pub results: PathBuf,
    /// The person's ledger of lessons.
    pub lessons: PathBuf,
    /// The folder of the person's own prompts.
    pub prompts: PathBuf,
    pub services: Arc<dyn Services>,
}

/// Arguments that say what a call is about, the most telling first.
const ABOUT: [&str; 9] = ["path", "pattern", "key", "repo", "variant", "title", "run", "before", "about"];

/// The tools of one session.
#[derive(Clone)]
pub struct Registry {
    desk: Arc<Desk>,
}

impl Registry {
    /// Resolves the folders once; fails when one is missing or the model type is no file name. Looks through the
    /// transformers package when the model type has no folder of its own: call it off the screen's thread.
    pub fn new(context: ToolContext) -> Result<Self, ToolError> {
        let roots = Roots::new(&context.transformers, &context.checkout)?;
        let writable = Writable::new(&context.model_type)?;
        let folders = list_sources::reference_folders(roots.transformers(), &context.model_type);
        let ToolContext { model_type, results, lessons, prompts, services, .. } = context;
        let desk = Desk { roots, writable, folders, model_type, results, lessons, prompts, services };
        Ok(Self { desk: Arc::new(desk) })
    }

    /// Gives what the model is told of the tools.
    pub fn specs(&self) -> Vec<ToolSpec> {
        specs(&self.desk.writable)
    }

    /// Gives what a tool may do.
    pub fn class(name: &str) -> Option<Class> {
        named(name).ok().map(|tool| tool.class)
    }

    /// Says whether a tool asks first.
    pub fn approval(name: &str) -> Option<Approval> {
        named(name).ok().map(ToolDef::approval)
    }

    /// Checks a call's arguments, and works out what it would change. Writes nothing.
    pub async fn prepare(&self, call: &ToolCall, cancel: &CancellationToken) -> Prepared {
        match self.prepared(call, cancel).await {
            Ok(prepared) => prepared,
            Err(error) => Prepared::Reject(error.into()),
        }
    }

    async fn prepared(&self, call: &ToolCall, cancel: &CancellationToken) -> Result<Prepared, ToolError> {
        let tool = named(&call.name)?;
        let arguments = args::object(tool.name, &call.arguments)?;
        (tool.check)(arguments.clone(), &self.desk)?;
        match tool.work {
            Work::Propose(propose) | Work::Cost { ask: propose, .. } => {
                let line = Line { call_id: call.id.clone(), sink: discard(), cancel: cancel.clone() };
                propose(arguments, &self.desk, line).await
            }
            Work::Read(_) | Work::Wait(_) => {
                let (call_id, name) = (call.id.clone(), call.name.clone());
                Ok(Prepared::Run(ToolRun { call_id, name, arguments, approved: None }))
            }
        }
    }

    /// Runs a call: reads and checks at once, edits only as approved.
    pub async fn run(&self, run: ToolRun, sink: Sink<ToolEvent>, cancel: CancellationToken) -> ToolEnd {
        let name = run.name.clone();
        let line = Line { call_id: run.call_id.clone(), sink, cancel: cancel.clone() };
        match self.ran(run, line).await {
            Ok(end) => end,
            Err(_) if cancel.is_cancelled() => ToolEnd {
                outcome: ToolOutcome::Interrupted { text: format!("{name} was interrupted by the person") },
                summary: format!("{name} interrupted"),
                artifacts: Vec::new(),
            },
            Err(error) => {
                let summary = format!("{name}: {}", text::one_line(&error.to_string()));
                ToolEnd { outcome: error.into(), summary, artifacts: Vec::new() }
            }
        }
    }

    async fn ran(&self, run: ToolRun, line: Line) -> Result<ToolEnd, ToolError> {
        let tool = named(&run.name)?;
        match tool.work {
            Work::Read(read) => {
                let (desk, cancel) = (Arc::clone(&self.desk), line.cancel);
                blocking(move || read(run.arguments, &desk, &cancel)).await.map(done)
            }
            Work::Wait(wait) => wait(run.arguments, &self.desk, line).await,
            Work::Cost { run: go, .. } => go(run, &self.desk, line).await,
            Work::Propose(_) => {
                let edit = run.approved.ok_or(ToolError::NotApproved { tool: tool.name })?;
                let Class::Edit(reach) = tool.class else {
                    return Err(ToolError::NotApproved { tool: tool.name });
                };
                self.apply(edit, reach).await
            }
        }
    }

    async fn apply(&self, edit: ApprovedEdit, reach: Reach) -> Result<ToolEnd, ToolError> {
        // The approved path came back through the conversation: it is checked as if it were new.
        let target = self.desk.target(reach, &edit.path)?;
        let now = self.desk.now(&target)?.unwrap_or_default();
        if now != edit.before {
            let text =
                format!("{} changed since the edit was proposed; read it and propose again", edit.path);
            return Err(ToolError::Edit { text });
        }
        let (added, removed) = crate::util::text::line_changes(&edit.before, &edit.after);
        let text = format!("{APPLIED}{} +{added} -{removed}.", edit.path);
        let summary = format!("wrote {} +{added} -{removed}", edit.path);
        let receipt = self.desk.services.apply_edit(edit, target.scope).await.map_err(ToolError::Service)?;
        let outcome = ToolOutcome::Done { text };
        Ok(ToolEnd { outcome, summary, artifacts: vec![Artifact::Edit { receipt }] })
    }

    /// Says in one line what a call is about to do, for the card while it runs.
    pub fn title(call: &ToolCall) -> String {
        let value: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
        let field = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_string);
        let about = ABOUT.iter().find_map(|name| field(name)).unwrap_or_default();
        let name = call.name.replace('_', " ");
        text::truncate(&text::one_line(&format!("{name} {about}")), 200).trim().into()
    }

    /// Says whether a proposal still fits the file.
    pub fn is_stale(&self, proposal: &Proposal) -> bool {
        let now = self.present(proposal.scope, &proposal.path);
        now.ok().flatten().unwrap_or_default() != proposal.before
    }

    /// Reads a file that edits may be proposed for; none where there is no file.
    pub fn present(&self, scope: EditScope, path: &str) -> Result<Option<String>, ToolError> {
        let reach = match scope {
            EditScope::Port | EditScope::Test => Reach::Own,
            EditScope::Shared => Reach::Shared,
            EditScope::Lessons => Reach::Lessons,
            EditScope::Run { .. } => return Ok(None),
        };
        self.desk.now(&self.desk.target(reach, path)?)
    }
}

/// Gives what a model is told of the tools for one model type.
pub fn specs(own: &Writable) -> Vec<ToolSpec> {
    TOOLS.iter().map(|tool| tool.spec(own)).collect()
}

fn named(name: &str) -> Result<&'static ToolDef, ToolError> {
    TOOLS.iter().copied().find(|tool| tool.name == name).ok_or_else(|| ToolError::UnknownTool {
        name: text::truncate(&text::one_line(name), 60),
        known: TOOLS.iter().map(|tool| tool.name).collect::<Vec<_>>().join(", "),
    })
}
