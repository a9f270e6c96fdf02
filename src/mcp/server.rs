//! The server: one client on standard input and output. A call is prepared and run as in the chat; checks tell their
//! progress; a cancelled call stops its work.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ErrorData, GetPromptRequestParams,
    GetPromptResponse, Implementation, ListPromptsResult, ListToolsResult, PaginatedRequestParams,
    ProgressNotificationParam, ProgressToken, ServerCapabilities, ServerConfig,
};
use rmcp::service::{Peer, RequestContext, RoleServer};
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::transport::stdio_pipes;
use rmcp::{ServerHandler, ServiceExt};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::offer::{self, Edits, MODEL_TYPE};
use super::{Rooms, answer, prompts};
use crate::agent::approval::resolve;
use crate::agent::data::{Decision, EditScope, Proposal, ToolCall, ToolRun};
use crate::agent::recipe::Recipe;
use crate::harness::data::Event;
use crate::tools::{Prepared, Registry, ToolEvent};
use crate::util::blame::{Blame, Report};
use crate::util::sink::Sink;
use crate::util::text::{one_line, truncate};

/// Longest message of a client: arguments are at most 1 MiB, and JSON writes some characters as six.
const LONGEST_LINE: usize = 8 << 20;
/// Progress that waits to be sent; a client that does not read loses some of it, and no result.
const WAITING: usize = 256;

/// Serves one client.
pub struct Server {
    pub rooms: Arc<dyn Rooms>,
    /// The model type of all calls; each call names it where the server has none.
    pub model_type: Option<String>,
    pub edits: Edits,
    /// Minutes that a battery may take by its estimate; the person agreed to these when they started the server.
    pub battery_minutes: u64,
    pub recipe: Recipe,
}

/// Serves a client on standard input and output until it closes the stream.
pub async fn serve(server: Server, cancel: CancellationToken) -> Result<(), Report> {
    let (input, output) = stdio_pipes();
    let transport = AsyncRwTransport::new_server(input, output).with_max_line_length(LONGEST_LINE);
    let broken = |text: String| {
        Report::new(Blame::User, format!("no MCP session: {text}"))
            .hint("an agent's MCP client starts this command and speaks the protocol on its standard input")
    };
    let running = match server.serve_with_ct(transport, cancel.clone()).await {
        Ok(running) => running,
        Err(_) if cancel.is_cancelled() => return Ok(()),
        Err(error) => return Err(broken(error.to_string())),
    };
    running.waiting().await.map(drop).map_err(|error| Report::new(Blame::Bug, error.to_string()))
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().enable_prompts().build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("mlxport", env!("CARGO_PKG_VERSION")))
            .with_instructions(prompts::instructions())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools = offer::tools(self.model_type.as_deref(), self.edits);
        tools
            .map(ListToolsResult::with_all_items)
            .map_err(|error| ErrorData::internal_error(error.to_string(), None))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let name = request.name.to_string();
        let Some(class) = Registry::class(&name) else {
            let shown = truncate(&one_line(&name), 60);
            return Err(ErrorData::invalid_params(format!("there is no tool named `{shown}`"), None));
        };
        if let Some(why) = offer::refused(&name, class, self.edits) {
            return Ok(answer::refused(&why).into());
        }
        let mut arguments = request.arguments.unwrap_or_default();
        let model_type = match self.asked_type(&mut arguments) {
            Ok(model_type) => model_type,
            Err(text) => return Ok(answer::refused(&text).into()),
        };
        let registry = match self.rooms.registry(&model_type).await {
            Ok(registry) => registry,
            Err(report) => return Ok(answer::failed(&report).into()),
        };
        let call =
            ToolCall { id: context.id.to_string(), name, arguments: Value::Object(arguments).to_string() };
        Ok(self.called(&registry, call, &context).await.into())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(prompts::list(&self.recipe)))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let found = prompts::get(&self.recipe, &request.name);
        found.map(Into::into).ok_or_else(|| {
            let shown = truncate(&one_line(&request.name), 60);
            ErrorData::invalid_params(format!("there is no prompt named `{shown}`"), None)
        })
    }
}

impl Server {
    /// Takes the model type out of the arguments, where the server has none of its own.
    fn asked_type(&self, arguments: &mut serde_json::Map<String, Value>) -> Result<String, String> {
        if let Some(own) = &self.model_type {
            return Ok(own.clone());
        }
        match arguments.shift_remove(MODEL_TYPE) {
            Some(Value::String(name)) => Ok(name),
            _ => Err(format!("`{MODEL_TYPE}` is missing: this server was started for no model type")),
        }
    }

    async fn called(
        &self,
        registry: &Registry,
        call: ToolCall,
        context: &RequestContext<RoleServer>,
    ) -> CallToolResult {
        let run = match registry.prepare(&call, &context.ct).await {
            Prepared::Reject(outcome) => return answer::outcome(outcome),
            Prepared::Run(run) => run,
            Prepared::Propose(proposal) => match self.agreed(&call, proposal) {
                Ok(run) => run,
                Err(text) => return answer::refused(&text),
            },
        };
        let (sink, progress) = Progress::new(context);
        let ended = registry.run(run, sink, context.ct.clone());
        let told = progress.tell(context.peer.clone());
        tokio::pin!(told, ended);
        // The progress never ends by itself before the run drops its sink.
        let end = tokio::select! {
            end = &mut ended => end,
            () = &mut told => ended.await,
        };
        answer::of(end)
    }

    /// The person agreed when they started the server with edits, to the port and its test alone.
    fn agreed(&self, call: &ToolCall, proposal: Proposal) -> Result<ToolRun, String> {
        if let EditScope::Run { seconds } = proposal.scope {
            if seconds.div_ceil(60) > self.battery_minutes {
                return Err(too_long(&proposal, self.battery_minutes));
            }
            return approved(call, &proposal);
        }
        if self.edits != Edits::Own || !proposal.scope.may_be_automatic() {
            return Err(format!("{} may not be changed over MCP", proposal.path));
        }
        approved(call, &proposal)
    }
}

fn approved(call: &ToolCall, proposal: &Proposal) -> Result<ToolRun, String> {
    let approved = Some(resolve(proposal, &Decision::Accept)?);
    let arguments = serde_json::from_str(&call.arguments).unwrap_or_default();
    Ok(ToolRun { call_id: call.id.clone(), name: call.name.clone(), arguments, approved })
}

/// Gives what it would cost, and how the person lets it run.
fn too_long(proposal: &Proposal, minutes: u64) -> String {
    let allowed = match minutes {
        0 => "none may be run from here".to_string(),
        minutes => format!("up to {minutes} min may be run from here"),
    };
    format!(
        "not run: {}; {allowed}. The person runs it with `mlxport check battery FOLDER`, or starts this server with \
         `mlxport mcp --battery-minutes N`\n{}",
        proposal.title,
        proposal.after.trim_end()
    )
}

/// Progress of one check: how many of its checks have spoken.
struct Progress {
    token: Option<ProgressToken>,
    steps: mpsc::Receiver<Step>,
}

struct Step {
    progress: f64,
    total: f64,
    text: String,
}

#[derive(Default)]
struct Seen {
    total: usize,
    done: BTreeSet<String>,
    last: f64,
}

impl Seen {
    /// Turns an event into a step, if it says more than the last one.
    fn step(&mut self, event: &Event) -> Option<Step> {
        let (part, text) = match event {
            Event::Warming => (0.01, "the worker starts".to_string()),
            Event::Started { checks, .. } => {
                self.total = checks.len();
                (0.02, "started".to_string())
            }
            Event::Check { check } => {
                self.done.insert(check.id.name().to_string());
                (0.0, format!("{}: {}", check.id, check.verdict.name()))
            }
            Event::Progress { done, total: Some(total), text, .. } if *total > 0.0 => {
                (0.02 + 0.97 * (done / total).clamp(0.0, 1.0), text.clone())
            }
            _ => return None,
        };
        let progress = self.done.len() as f64 + part;
        if !progress.is_finite() || progress <= self.last {
            return None;
        }
        self.last = progress;
        let total = self.total.max(self.done.len()).max(1) as f64;
        Some(Step { progress, total: total.max(progress), text: truncate(&one_line(&text), 200) })
    }
}

impl Progress {
    fn new(context: &RequestContext<RoleServer>) -> (Sink<ToolEvent>, Self) {
        let (to, steps) = mpsc::channel(WAITING);
        let seen = Mutex::new(Seen::default());
        let sink: Sink<ToolEvent> = Arc::new(move |ToolEvent::Harness(event)| {
            let step = seen.lock().ok().and_then(|mut seen| seen.step(&event));
            if let Some(step) = step {
                let _ = to.try_send(step);
            }
        });
        (sink, Self { token: context.meta.get_progress_token(), steps })
    }

    async fn tell(mut self, peer: Peer<RoleServer>) {
        while let Some(step) = self.steps.recv().await {
            let Some(token) = &self.token else { continue };
            let told = ProgressNotificationParam::new(token.clone(), step.progress)
                .with_total(step.total)
                .with_message(step.text);
            // A client that is gone ends the call by itself.
            let _ = peer.notify_progress(told).await;
        }
    }
}
