//! Runs the jobs of [`crate::app::setup`]: opens the workspace, or builds what is missing, then connects harness and tools.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::JobSink;
use crate::app::PaneMsg;
use crate::app::facts::WorkspaceFacts;
use crate::app::pane::chat;
use crate::app::setup::{Job, Msg, StepRow, StepState};
use crate::harness::{Harness, Site};
use crate::port::checkpoint::Checkpoints;
use crate::port::data::{self, Bytes, SetupEvent, SetupRequest, StepId};
use crate::port::job::{SetupEnd, follow_setup};
use crate::port::{self, Workspace};
use crate::runtime::services::{Connected, Services};
use crate::runtime::tools::ToolServices;
use crate::source;
use crate::util::blame::{Blame, Report};
use crate::util::process::Command;
use crate::util::text::bytes;

/// Runs one job to its end.
pub(super) async fn run(
    job: Job,
    services: Arc<Services>,
    sink: JobSink,
    cancel: CancellationToken,
) -> Result<(), Report> {
    let Job::Ensure { model_type } = job;
    let workspace = ensure(&services, model_type.clone(), &sink, cancel.clone()).await?;
    portable(&workspace, model_type.as_deref())?;
    if let Some(text) = there_already(&services, &workspace, model_type.as_deref()).await {
        sink.send(PaneMsg::Chat(chat::Msg::Note(text)));
    }
    if services.is_demo() {
        demo_identity(&workspace, &sink).await?;
    }
    let connected = connect(&services, workspace.clone(), model_type.clone()).await?;
    let harness = connected.harness.clone();
    services.connect(connected);
    sink.send(PaneMsg::Setup(Msg::Ready(Box::new(facts(&workspace, model_type.as_deref())))));
    // The first check should find the worker warm; a worker that cannot start says so when it is needed.
    let _ = harness.prewarm(&cancel).await;
    Ok(())
}

/// Gives the demo's own checkout an author where the person has set none: a fresh machine has no git identity, and the
/// demo commits in a folder of its own.
async fn demo_identity(workspace: &Workspace, sink: &JobSink) -> Result<(), Report> {
    let git = |args: &[&str]| Command::new("git").args(args).cwd(&workspace.checkout);
    for (key, value) in [("user.name", "mlxport demo"), ("user.email", "demo@mlxport.invalid")] {
        let found =
            git(&["config", "--get", key]).any_exit().run().await.map_err(|error| Report::from(&error))?;
        if found.text().is_empty() {
            git(&["config", "--local", key, value]).run().await.map_err(|error| Report::from(&error))?;
            let text = format!("git has no {key}: the demo's own checkout uses `{value}`");
            sink.send(PaneMsg::Setup(Msg::Line(text)));
        }
    }
    Ok(())
}

async fn ensure(
    services: &Services,
    model_type: Option<String>,
    sink: &JobSink,
    cancel: CancellationToken,
) -> Result<Workspace, Report> {
    let report = |error| Report::from(&error);
    if let Some(workspace) = Workspace::open(services.home()) {
        portable(&workspace, model_type.as_deref())?;
        return match model_type {
            Some(model_type) if workspace.model_type() != Some(&model_type) => {
                port::open_branch(&services.settings, &workspace, &model_type).await.map_err(report)
            }
            _ => Ok(workspace),
        };
    }
    let events = sink.sink(|event| PaneMsg::Setup(told(event)));
    // A job of its own, so that the set-up outlasts the screen; whoever comes back follows the same one.
    match follow_setup(&services.settings, SetupRequest { model_type }, events, cancel).await? {
        SetupEnd::Ready(workspace) => Ok(*workspace),
        SetupEnd::Left => Err(Report::new(Blame::User, "the set-up goes on without this screen")),
    }
}

/// Refuses what cannot be ported, before a branch is made for it.
fn portable(workspace: &Workspace, model_type: Option<&str>) -> Result<(), Report> {
    let checked = model_type.map(|name| source::portable(&workspace.transformers_dir, name));
    checked.unwrap_or(Ok(())).map_err(|error| Report::from(&error))
}

/// Says that upstream has a port of the model, so that nobody ports it again unknowingly.
async fn there_already(
    services: &Services,
    workspace: &Workspace,
    model_type: Option<&str>,
) -> Option<String> {
    let model_type = model_type?;
    let file = port::upstream_port(&services.settings, workspace, model_type).await?;
    let alias = !file.ends_with(&format!("/{model_type}.py"));
    Some(match alias {
        true => format!(
            "mlx-lm already runs {model_type}: it is an alias of {file}. Open that model to improve it"
        ),
        false => format!("mlx-lm already has {model_type}: {file}. What you change here changes that port"),
    })
}

/// Turns a step's news into what the screen keeps.
fn told(event: SetupEvent) -> Msg {
    let id = |step: StepId| format!("{step:?}");
    match event {
        SetupEvent::Plan { steps, bytes: total, seconds } => {
            let row = |step: StepId| StepRow {
                id: id(step),
                label: step.label().into(),
                state: StepState::Todo,
                note: match step {
                    StepId::Packages if total > 0 => {
                        format!("about {} and {} min to come", bytes(total), seconds.div_ceil(60))
                    }
                    _ => String::new(),
                },
            };
            Msg::Plan(steps.into_iter().map(row).collect())
        }
        SetupEvent::Step { step, state, elapsed_ms } => {
            let (state, note) = match state {
                data::StepState::Todo => (StepState::Todo, String::new()),
                data::StepState::Running => (StepState::Running, String::new()),
                data::StepState::Done { note } => {
                    (StepState::Done, format!("{note} · {:.1} s", elapsed_ms as f64 / 1e3))
                }
                data::StepState::Skipped { reason } => (StepState::Skipped, reason),
                data::StepState::Failed { report } => (StepState::Failed, report.text),
            };
            Msg::Step { id: id(step), state, note }
        }
        SetupEvent::Progress { step, bytes } => {
            Msg::Step { id: id(step), state: StepState::Running, note: progress(bytes) }
        }
        SetupEvent::Line { text, .. } | SetupEvent::Waiting { text, .. } => Msg::Line(text),
        SetupEvent::Finished { elapsed_ms, .. } => Msg::Line(format!("ready after {} s", elapsed_ms / 1000)),
        SetupEvent::Ended { report } => Msg::Line(report.text),
    }
}

fn progress(at: Bytes) -> String {
    let left = at.seconds_left.map_or(String::new(), |seconds| format!(" · {seconds} s left"));
    format!("{} of {} · {}/s{left}", bytes(at.done), bytes(at.total), bytes(at.rate))
}

async fn connect(
    services: &Arc<Services>,
    workspace: Workspace,
    model_type: Option<String>,
) -> Result<Connected, Report> {
    let site = Site::of(services.settings.exe.clone(), &workspace).map_err(|error| Report::from(&error))?;
    let harness = Harness::new(site);
    let checkpoints = Arc::new(Checkpoints::new(&workspace.checkout, &services.session));
    let registry = match &model_type {
        None => None,
        Some(model_type) => {
            let tools = ToolServices {
                harness: harness.clone(),
                checkpoints: Some(Arc::clone(&checkpoints)),
                workspace: workspace.clone(),
                model_type: model_type.clone(),
                session: services.session.clone(),
                settings: services.settings.clone(),
                configs: services.configs().clone(),
                leaving: services.leaving.clone(),
            };
            Some(tools.registry().await?)
        }
    };
    Ok(Connected { workspace, checkpoints, model_type, harness, registry })
}

fn facts(workspace: &Workspace, model_type: Option<&str>) -> WorkspaceFacts {
    WorkspaceFacts {
        checkout: workspace.checkout.clone(),
        branch: workspace.branch.clone(),
        transformers: workspace.transformers_dir.clone(),
        port: model_type.map(|model_type| workspace.port_file(model_type)),
        references: model_type.map(|model_type| workspace.reference_files(model_type)).unwrap_or_default(),
        baseline: workspace.baseline.to_string(),
    }
}
