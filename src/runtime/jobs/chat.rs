//! Runs the jobs of [`crate::app::pane::chat`].

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::JobSink;
use crate::agent::data::{ChatRequest, FailureKind, StreamEvent, StreamFailure, ToolCall, ToolRun};
use crate::agent::local::LocalServer;
use crate::agent::machine::gates::Gates;
use crate::agent::machine::{Limits, Provider as Answers, Setup};
use crate::agent::prompt::{Facts, Prompts};
use crate::app::msg::PaneMsg;
use crate::app::pane::chat::{Job, Msg};
use crate::app::pane::harness::Msg as HarnessMsg;
use crate::config::Role;
use crate::port::Workspace;
use crate::runtime::services::{Connected, Services};
use crate::session::export;
use crate::source;
use crate::tools::ToolEvent;
use crate::util::blame::{Blame, Report};
use crate::util::fs::write_atomic;
use crate::util::sink::Sink;

/// Runs one job to its end.
pub(super) async fn run(
    job: Job,
    services: Arc<Services>,
    sink: JobSink,
    cancel: CancellationToken,
) -> Result<(), Report> {
    match job {
        Job::Load => load(&services, &sink),
        Job::Stream { stream, request } => {
            let events = sink.sink(move |event| PaneMsg::Chat(Msg::Stream { stream, event }));
            ask((Role::Port, *request), &services, (&sink, events), cancel).await
        }
        Job::Reader(job) => super::reader::run(job, services, sink, cancel).await,
        Job::Export { format } => export(&services, &sink, format).await,
        Job::Prepare { call } => prepare(call, &services, &sink, cancel).await,
        Job::WatchEdit { call_id, scope, path } => {
            super::edits::watch((call_id, scope, path), &services, &sink, &cancel).await
        }
        Job::Draft { call_id, path, text } => {
            super::edits::draft((call_id, path, text), &services, &sink).await
        }
        Job::TakeBack { edit } => super::edits::take_back(*edit, &services, &sink).await,
        Job::Run { run } => run_tool(*run, &services, &sink, cancel).await,
    }
}

pub(super) fn load(services: &Services, sink: &JobSink) -> Result<(), Report> {
    let connected = services.connected()?;
    let prompts =
        Prompts::load(&services.home().root().join("prompts")).map_err(|error| Report::from(&error))?;
    let facts = facts(&connected);
    let profile = services.models.profile(Role::Port);
    let provider = if services.models.is_manual(Role::Port) { Answers::Manual } else { Answers::Endpoint };
    let limits = Limits { context: profile.context.value, output: profile.output.value, ..Limits::default() };
    let (system, parts) = prompts.fill(&facts);
    // A recording has its person's acts in it, and no others.
    let gates = if services.is_demo() { Gates::Open } else { Gates::Kept };
    let setup = Setup {
        provider,
        model: profile.model.value.unwrap_or_default(),
        system,
        parts,
        tools: connected.registry.as_ref().map(|registry| registry.specs()).unwrap_or_default(),
        limits,
        model_type: facts.model_type,
        summarise: prompts.compact,
        gates,
    };
    sink.send(PaneMsg::Chat(Msg::Ready(Box::new(setup))));
    Ok(())
}

/// What the prompts are filled with.
pub(super) fn facts(connected: &Connected) -> Facts {
    let model_type = connected.model_type.clone().unwrap_or_default();
    Facts {
        port: format!("mlx_lm/models/{model_type}.py"),
        reference: format!("transformers/models/{model_type}"),
        config_keys: config_keys(&connected.workspace, &model_type),
        model_type,
    }
}

/// Writes the session as a document in the data folder.
async fn export(services: &Services, sink: &JobSink, format: String) -> Result<(), Report> {
    let format = export::Format::parse(&format).ok_or_else(|| {
        Report::new(Blame::User, format!("/export {format}: there is no such format"))
            .hint("/export md, /export json or /export html")
    })?;
    let (home, id) = (services.home().clone(), services.session.clone());
    let redactor = crate::runtime::start::redactor(&services.settings);
    let path = home.root().join("exports").join(format!("{id}.{}", format.ending()));
    let file = path.clone();
    let written = tokio::task::spawn_blocking(move || {
        let text = export::export(&home, &id, format, &redactor).map_err(|error| Report::from(&error))?;
        write_atomic(&file, text.as_bytes()).map_err(|error| Report::from(&error))
    });
    written.await.map_err(|error| Report::new(Blame::Bug, error.to_string()))??;
    sink.send(PaneMsg::Chat(Msg::Exported(path.display().to_string())));
    Ok(())
}

/// The keys of the reference's config class, from its source; none where it cannot be read.
pub(in crate::runtime) fn config_keys(workspace: &Workspace, model_type: &str) -> BTreeSet<String> {
    let files = workspace.reference_files(model_type);
    let is_configuration = |path: &&PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("configuration_"))
    };
    let read = files.iter().filter(is_configuration).filter_map(|path| source::load(path).ok());
    read.flat_map(|loaded| source::class_defaults(&loaded.doc)).map(|(key, _)| key).collect()
}

/// Asks the endpoint of a role. What a local server says while it starts is told as a note.
pub(super) async fn ask(
    (role, request): (Role, ChatRequest),
    services: &Services,
    (sink, events): (&JobSink, Sink<StreamEvent>),
    cancel: CancellationToken,
) -> Result<(), Report> {
    let say = sink.sink(|text| PaneMsg::Chat(Msg::Note(text)));
    let answering = tokio::select! {
        ready = services.models.answering(role, &say) => ready?,
        () = cancel.cancelled() => return Ok(()),
    };
    let local = answering.local.clone();
    let request = ChatRequest { model: answering.model.clone(), ..request };
    let events: Sink<StreamEvent> = Arc::new(move |event| events(with_cause(event, local.as_deref())));
    let stream = answering.client.stream(request, events, cancel);
    let size = async {
        match services.models.context(&answering).await {
            Some(tokens) if role == Role::Port => sink.send(PaneMsg::Chat(Msg::ContextSize(tokens))),
            _ => {}
        }
    };
    tokio::pin!(stream);
    // An endpoint that is slow to list its models holds up nothing: it is asked again with the next request.
    tokio::select! {
        () = &mut stream => return Ok(()),
        () = size => {}
    }
    stream.await;
    Ok(())
}

/// Says of a connection that broke because our own server ended how that came.
fn with_cause(event: StreamEvent, local: Option<&LocalServer>) -> StreamEvent {
    match (event, local) {
        (StreamEvent::Failed { failure }, Some(server))
            if matches!(failure.kind, FailureKind::Cut | FailureKind::Connect) =>
        {
            let text = server.obituary().unwrap_or(failure.text);
            StreamEvent::Failed { failure: StreamFailure { text, ..failure } }
        }
        (event, _) => event,
    }
}

async fn prepare(
    call: ToolCall,
    services: &Services,
    sink: &JobSink,
    cancel: CancellationToken,
) -> Result<(), Report> {
    let connected = services.connected()?;
    let registry = connected.registry.as_ref().ok_or_else(no_tools)?;
    let prepared = registry.prepare(&call, &cancel).await;
    sink.send(PaneMsg::Chat(Msg::Prepared { call_id: call.id, prepared }));
    Ok(())
}

async fn run_tool(
    run: ToolRun,
    services: &Services,
    sink: &JobSink,
    cancel: CancellationToken,
) -> Result<(), Report> {
    let connected = services.connected()?;
    let registry = connected.registry.as_ref().ok_or_else(no_tools)?;
    let call_id = run.call_id.clone();
    let events =
        sink.sink(|ToolEvent::Harness(event)| PaneMsg::Harness(HarnessMsg::ToolEvent(Box::new(event))));
    let end = Box::new(registry.run(run, events, cancel).await);
    sink.send(PaneMsg::Chat(Msg::ToolEnded { call_id, end }));
    Ok(())
}

pub(super) fn no_tools() -> Report {
    Report::new(Blame::User, "no architecture is being ported yet").hint("start with `mlxport port MODEL`")
}
