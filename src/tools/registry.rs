//! The registry: which tools there are, how a call becomes a run or a proposal, and how a run ends. The same registry
//! serves the chat and, later, other agents.

use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::data::{APPLIED, Artifact, Prepared, ToolEnd, ToolEvent};
use super::error::ToolError;
use super::paths::{Roots, Writable};
use super::propose;
use super::{
    args, check_twin, edit_port, format_port, inventory, lint_port, list_sources, nearest_ports,
    outline_source, read_inheritance, read_source, search_sources, write_port,
};
use crate::agent::data::{Approval, ApprovedEdit, Proposal, ToolCall, ToolOutcome, ToolRun, ToolSpec};
use crate::harness::data::{Event, RunResult, TwinRequest};
use crate::hub::data::inventory::Inventory;
use crate::lint::Formatted;
use crate::port::data::EditReceipt;
use crate::util::blame::Report;
use crate::util::sink::Sink;

/// What tools need of other rooms. The runtime and the command line connect it; tests fake it.
pub trait Services: Send + Sync {
    /// Runs the harness's twin check.
    fn check_twin<'a>(
        &'a self,
        request: TwinRequest,
        sink: Sink<Event>,
        cancel: CancellationToken,
    ) -> BoxFuture<'a, Result<RunResult, Report>>;

    /// Reads the headers of repositories.
    fn inventory<'a>(
        &'a self,
        wanted: inventory::Wanted,
        cancel: CancellationToken,
    ) -> BoxFuture<'a, Result<Vec<Inventory>, Report>>;

    /// Writes an agreed edit: atomically, with a backup, and only if the file still reads `before`.
    fn apply_edit(&self, edit: ApprovedEdit) -> BoxFuture<'_, Result<EditReceipt, Report>>;

    /// Formats Python text with black and isort.
    fn format<'a>(&'a self, text: String, cancel: CancellationToken)
    -> BoxFuture<'a, Result<String, Report>>;
}

/// Where a session's tools work.
#[derive(Clone)]
pub struct ToolContext {
    /// The mlx-lm checkout.
    pub checkout: PathBuf,
    /// The `transformers` package folder, the one that holds `models/`.
    pub transformers: PathBuf,
    pub model_type: String,
    pub services: Arc<dyn Services>,
}

/// The tools of one session.
#[derive(Clone)]
pub struct Registry {
    roots: Roots,
    writable: Writable,
    model_type: String,
    folders: Vec<PathBuf>,
    services: Arc<dyn Services>,
}

/// The tools, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tool {
    ListSources,
    OutlineSource,
    ReadSource,
    SearchSources,
    ReadInheritance,
    NearestPorts,
    EditPort,
    WritePort,
    CheckTwin,
    FormatPort,
    LintPort,
    Inventory,
}

impl Tool {
    const ALL: [Self; 12] = [
        Self::ListSources,
        Self::OutlineSource,
        Self::ReadSource,
        Self::SearchSources,
        Self::ReadInheritance,
        Self::NearestPorts,
        Self::WritePort,
        Self::EditPort,
        Self::CheckTwin,
        Self::LintPort,
        Self::FormatPort,
        Self::Inventory,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::ListSources => list_sources::NAME,
            Self::OutlineSource => outline_source::NAME,
            Self::ReadInheritance => read_inheritance::NAME,
            Self::NearestPorts => nearest_ports::NAME,
            Self::ReadSource => read_source::NAME,
            Self::SearchSources => search_sources::NAME,
            Self::EditPort => edit_port::NAME,
            Self::WritePort => write_port::NAME,
            Self::CheckTwin => check_twin::NAME,
            Self::FormatPort => format_port::NAME,
            Self::LintPort => lint_port::NAME,
            Self::Inventory => inventory::NAME,
        }
    }

    fn named(name: &str) -> Result<Self, ToolError> {
        Self::ALL.into_iter().find(|tool| tool.name() == name).ok_or_else(|| ToolError::UnknownTool {
            name: crate::util::text::truncate(&crate::util::text::one_line(name), 60),
            known: Self::ALL.map(Self::name).join(", "),
        })
    }

    fn approval(self) -> Approval {
        match self {
            Self::ListSources
            | Self::OutlineSource
            | Self::ReadSource
            | Self::SearchSources
            | Self::ReadInheritance
            | Self::NearestPorts
            | Self::CheckTwin
            | Self::LintPort
            | Self::Inventory => Approval::Auto,
            Self::EditPort | Self::WritePort | Self::FormatPort => Approval::Ask,
        }
    }
}

impl Registry {
    /// Resolves the folders once; fails when one is missing or the model type is no file name. Looks through the
    /// transformers package when the model type has no folder of its own: call it off the screen's thread.
    pub fn new(context: ToolContext) -> Result<Self, ToolError> {
        let roots = Roots::new(&context.transformers, &context.checkout)?;
        let writable = Writable::new(&context.model_type)?;
        let folders = list_sources::reference_folders(roots.transformers(), &context.model_type);
        Ok(Self { roots, writable, folders, model_type: context.model_type, services: context.services })
    }

    /// Gives what the model is told of the tools.
    pub fn specs(&self) -> Vec<ToolSpec> {
        let spec = |tool| match tool {
            Tool::ListSources => list_sources::spec(),
            Tool::OutlineSource => outline_source::spec(),
            Tool::ReadInheritance => read_inheritance::spec(),
            Tool::NearestPorts => nearest_ports::spec(),
            Tool::ReadSource => read_source::spec(),
            Tool::SearchSources => search_sources::spec(),
            Tool::EditPort => edit_port::spec(&self.writable),
            Tool::WritePort => write_port::spec(&self.writable),
            Tool::CheckTwin => check_twin::spec(),
            Tool::FormatPort => format_port::spec(&self.writable),
            Tool::LintPort => lint_port::spec(&self.writable),
            Tool::Inventory => inventory::spec(),
        };
        Tool::ALL.into_iter().map(spec).collect()
    }

    /// Checks a call's arguments, and works out what it would change. Writes nothing.
    pub async fn prepare(&self, call: &ToolCall, cancel: &CancellationToken) -> Prepared {
        match self.prepared(call, cancel).await {
            Ok(prepared) => prepared,
            Err(error) => Prepared::Reject(error.into()),
        }
    }

    async fn prepared(&self, call: &ToolCall, cancel: &CancellationToken) -> Result<Prepared, ToolError> {
        let tool = Tool::named(&call.name)?;
        let arguments = args::object(tool.name(), &call.arguments)?;
        let places = (&self.roots, &self.writable);
        match tool {
            Tool::ListSources => list_sources::parse(arguments.clone())?,
            Tool::OutlineSource => outline_source::parse(arguments.clone()).map(|_| ())?,
            Tool::ReadInheritance => read_inheritance::parse(arguments.clone()).map(|_| ())?,
            Tool::NearestPorts => nearest_ports::parse(arguments.clone()).map(|_| ())?,
            Tool::ReadSource => read_source::parse(arguments.clone()).map(|_| ())?,
            Tool::SearchSources => search_sources::parse(arguments.clone()).map(|_| ())?,
            Tool::CheckTwin => check_twin::request(arguments.clone(), &self.model_type).map(|_| ())?,
            Tool::LintPort => lint_port::parse(arguments.clone(), &self.writable).map(|_| ())?,
            Tool::Inventory => inventory::parse(arguments.clone()).map(|_| ())?,
            Tool::EditPort => return Ok(Prepared::Propose(edit_port::propose(&call.id, arguments, places)?)),
            Tool::WritePort => {
                return Ok(Prepared::Propose(write_port::propose(&call.id, arguments, places)?));
            }
            Tool::FormatPort => return self.formatted(&call.id, arguments, cancel).await,
        }
        let (call_id, name) = (call.id.clone(), call.name.clone());
        Ok(Prepared::Run(ToolRun { call_id, name, arguments, approved: None }))
    }

    async fn formatted(
        &self,
        call_id: &str,
        arguments: Value,
        cancel: &CancellationToken,
    ) -> Result<Prepared, ToolError> {
        let (target, path) = format_port::parse(arguments, &self.writable)?;
        let Some(before) = self.writable.read(&self.roots, target)? else {
            return Err(ToolError::Edit { text: format!("{path} does not exist yet") });
        };
        let format = self.services.format(before.clone(), cancel.clone());
        let after = format.await.map_err(ToolError::Service)?;
        if after == before {
            let text = format!("{path} is formatted already; nothing to change");
            return Ok(Prepared::Reject(ToolOutcome::Done { text }));
        }
        let mut made = propose::proposal(call_id, &path, Some(before), after)?;
        made.title = made.title.replacen("edit", "format", 1);
        Ok(Prepared::Propose(made))
    }

    /// Runs a call: reads and checks at once, edits only as approved.
    pub async fn run(&self, run: ToolRun, sink: Sink<ToolEvent>, cancel: CancellationToken) -> ToolEnd {
        let name = run.name.clone();
        match self.ran(run, sink, cancel.clone()).await {
            Ok(end) => end,
            Err(_) if cancel.is_cancelled() => ToolEnd {
                outcome: ToolOutcome::Interrupted { text: format!("{name} was interrupted by the person") },
                summary: format!("{name} interrupted"),
                artifacts: Vec::new(),
            },
            Err(error) => {
                let summary = format!("{name}: {}", crate::util::text::one_line(&error.to_string()));
                ToolEnd { outcome: error.into(), summary, artifacts: Vec::new() }
            }
        }
    }

    async fn ran(
        &self,
        run: ToolRun,
        sink: Sink<ToolEvent>,
        cancel: CancellationToken,
    ) -> Result<ToolEnd, ToolError> {
        let tool = Tool::named(&run.name)?;
        match tool {
            Tool::ListSources
            | Tool::OutlineSource
            | Tool::ReadSource
            | Tool::SearchSources
            | Tool::ReadInheritance
            | Tool::NearestPorts => {
                let (this, token) = (self.clone(), cancel.clone());
                let read = tokio::task::spawn_blocking(move || this.read(tool, run.arguments, &token));
                let (text, summary) = read.await.map_err(|error| {
                    ToolError::Service(Report::new(crate::util::blame::Blame::Bug, error.to_string()))
                })??;
                Ok(ToolEnd { outcome: ToolOutcome::Done { text }, summary, artifacts: Vec::new() })
            }
            Tool::CheckTwin => self.check(run.arguments, sink, cancel).await,
            Tool::LintPort => self.lint(run.arguments, cancel).await,
            Tool::Inventory => {
                let wanted = inventory::parse(run.arguments)?;
                let taken = self.services.inventory(wanted, cancel).await.map_err(ToolError::Service)?;
                let (text, summary) = inventory::told(&taken);
                Ok(ToolEnd { outcome: ToolOutcome::Done { text }, summary, artifacts: Vec::new() })
            }
            Tool::EditPort | Tool::WritePort | Tool::FormatPort => {
                let edit = run.approved.ok_or(ToolError::NotApproved { tool: tool.name() })?;
                self.apply(edit).await
            }
        }
    }

    fn read(
        &self,
        tool: Tool,
        arguments: Value,
        cancel: &CancellationToken,
    ) -> Result<(String, String), ToolError> {
        match tool {
            Tool::ReadSource => read_source::run(&read_source::parse(arguments)?, &self.roots),
            Tool::OutlineSource => outline_source::run(&outline_source::parse(arguments)?, &self.roots),
            Tool::ReadInheritance => {
                read_inheritance::run(&read_inheritance::parse(arguments)?, &self.roots, &self.folders)
            }
            Tool::NearestPorts => {
                nearest_ports::run(&nearest_ports::parse(arguments)?, &self.roots, &self.model_type)
            }
            Tool::SearchSources => {
                let wanted = search_sources::parse(arguments)?;
                search_sources::run(&wanted, &self.roots, &self.folders, cancel)
            }
            _ => list_sources::run((&self.roots, &self.writable), &self.folders),
        }
    }

    async fn lint(&self, arguments: Value, cancel: CancellationToken) -> Result<ToolEnd, ToolError> {
        let wanted = lint_port::parse(arguments, &self.writable)?;
        let text = lint_port::text((&self.roots, &self.writable), &wanted)?;
        // What the formatters refuse, the rules name better.
        let formatted = match self.services.format(text.clone(), cancel).await {
            Ok(text) => Formatted::Text(text),
            Err(report) => Formatted::failed(&report),
        };
        let roots = self.roots.clone();
        let judged =
            tokio::task::spawn_blocking(move || lint_port::run(&roots, (&wanted.1, &text), formatted));
        let (text, summary) = judged.await.map_err(|error| {
            ToolError::Service(Report::new(crate::util::blame::Blame::Bug, error.to_string()))
        })?;
        Ok(ToolEnd { outcome: ToolOutcome::Done { text }, summary, artifacts: Vec::new() })
    }

    async fn check(
        &self,
        arguments: Value,
        sink: Sink<ToolEvent>,
        cancel: CancellationToken,
    ) -> Result<ToolEnd, ToolError> {
        let request = check_twin::request(arguments, &self.model_type)?;
        let events: Sink<Event> = Arc::new(move |event| sink(ToolEvent::Harness(event)));
        let result = self.services.check_twin(request, events, cancel).await.map_err(ToolError::Service)?;
        Ok(ToolEnd {
            outcome: ToolOutcome::Done { text: check_twin::told(&result) },
            summary: check_twin::summary(&result),
            artifacts: vec![Artifact::Check { result: Box::new(result) }],
        })
    }

    async fn apply(&self, edit: ApprovedEdit) -> Result<ToolEnd, ToolError> {
        // The approved path came back through the conversation: it is checked as if it were new.
        let target = self.writable.target(&edit.path)?;
        let now = self.writable.read(&self.roots, target)?.unwrap_or_default();
        if now != edit.before {
            let text =
                format!("{} changed since the edit was proposed; read it and propose again", edit.path);
            return Err(ToolError::Edit { text });
        }
        let (added, removed) = propose::counts(&edit.before, &edit.after);
        let text = format!("{APPLIED}{} +{added} -{removed}.", edit.path);
        let summary = format!("wrote {} +{added} -{removed}", edit.path);
        let receipt = self.services.apply_edit(edit).await.map_err(ToolError::Service)?;
        let outcome = ToolOutcome::Done { text };
        Ok(ToolEnd { outcome, summary, artifacts: vec![Artifact::Edit { receipt }] })
    }

    /// Says in one line what a call is about to do, for the card while it runs.
    pub fn title(call: &ToolCall) -> String {
        let value: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
        let field = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_string);
        let about = field("path").or_else(|| field("pattern")).unwrap_or_default();
        let name = call.name.replace('_', " ");
        crate::util::text::truncate(&crate::util::text::one_line(&format!("{name} {about}")), 200)
            .trim()
            .into()
    }

    /// Says whether a proposal still fits the file.
    pub fn is_stale(&self, proposal: &Proposal) -> bool {
        let now =
            self.writable.target(&proposal.path).and_then(|target| self.writable.read(&self.roots, target));
        now.ok().flatten().unwrap_or_default() != proposal.before
    }

    /// Says whether a tool asks first.
    pub fn approval(name: &str) -> Option<Approval> {
        Tool::named(name).ok().map(Tool::approval)
    }
}
