//! Runs the jobs of [`crate::app::pane::pr`], and the person's acts, one after the other.

use std::sync::Arc;

use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::JobSink;
use crate::app::msg::PaneMsg;
use crate::app::pane::pr::{Job, Loaded, Msg, PersonRequest};
use crate::config::PushMode as Configured;
use crate::git::acts::{PersonAct, Push, PushMode, PushPlan};
use crate::harness::data::{RunResult, StoredRun, Verdict};
use crate::harness::store;
use crate::pr::data::gates::{CheckRun, Passed};
use crate::pr::data::{HandOver, Outcome, Plan, ProgramOutput};
use crate::pr::{self, PrError};
use crate::runtime::services::Services;
use crate::util::blame::Report;

/// How many stored runs the list of outputs shows.
const RUNS: usize = 20;

/// Two keys in quick succession are two acts on one index: each waits for the one before.
static ACTS: Mutex<()> = Mutex::const_new(());

/// Runs one job to its end.
pub(super) async fn run(
    job: Job,
    services: Arc<Services>,
    sink: JobSink,
    cancel: CancellationToken,
) -> Result<(), Report> {
    let work = async {
        match job {
            Job::Load { checkout, model_type } => {
                let (snapshot, template) = tokio::join!(pr::snapshot(&checkout), pr::template(&checkout));
                let loaded = Loaded {
                    snapshot: snapshot.map_err(said)?,
                    template: template.map_err(said)?,
                    outputs: outputs(&services, model_type).await,
                };
                Ok::<_, Report>(Msg::Loaded(Box::new(loaded)))
            }
            Job::Plan { checkout } => {
                let plan = pr::plan_push(&checkout).await.map_err(said)?;
                Ok(Msg::Planned(shown(plan)))
            }
        }
    };
    let msg = tokio::select! {
        msg = work => msg?,
        () = cancel.cancelled() => return Ok(()),
    };
    sink.send(PaneMsg::Pr(msg));
    Ok(())
}

/// Does one act of the person. It is not cancelled half way: git is let finish.
pub(in crate::runtime) async fn act(
    request: PersonRequest,
    act: PersonAct,
    services: Arc<Services>,
    sink: JobSink,
) -> Result<(), Report> {
    let _one_at_a_time = ACTS.lock().await;
    let msg = match request {
        PersonRequest::Stage { checkout, path, selection, aim } => {
            Msg::Staged(pr::stage(&checkout, act, &path, &selection, aim).await.map_err(said)?)
        }
        PersonRequest::Undo { checkout, undo } => {
            pr::undo(&checkout, act, &undo).await.map_err(said)?;
            Msg::Undone
        }
        PersonRequest::Commit { checkout, message } => {
            Msg::Committed(pr::commit(&checkout, act, &message).await.map_err(said)?)
        }
        PersonRequest::Push { checkout, typed } => {
            let mode = match services.settings.push.value {
                Configured::Push => PushMode::Run,
                Configured::HandOver => PushMode::HandOver,
            };
            Msg::Pushed(done(pr::push(&checkout, act, &typed, mode).await.map_err(said)?))
        }
    };
    sink.send(PaneMsg::Pr(msg));
    Ok(())
}

fn said(error: PrError) -> Report {
    Report::from(&error)
}

fn shown(plan: PushPlan) -> Plan {
    Plan { branch: plan.branch, commit: plan.commit, url: plan.url, commands: plan.commands }
}

fn done(push: Push) -> HandOver {
    match push {
        Push::HandOver(plan) => HandOver { plan: shown(plan), outcome: Outcome::Yours },
        Push::Done(pushed) => {
            let outcome = if pushed.moved { Outcome::Pushed } else { Outcome::UpToDate };
            HandOver { plan: shown(pushed.plan), outcome }
        }
    }
}

async fn outputs(services: &Services, model_type: Option<String>) -> Vec<ProgramOutput> {
    let Some(model_type) = model_type else { return Vec::new() };
    let results = services.home().results();
    let runs = tokio::task::spawn_blocking(move || store::list(&results, &model_type, RUNS)).await;
    runs.unwrap_or_default().iter().map(output).collect()
}

fn output(run: &StoredRun) -> ProgramOutput {
    let result = &run.result;
    let passed = if result.verdict == Verdict::Pass { Passed::Yes } else { Passed::No };
    let check = run.port.as_ref().map(|port| CheckRun {
        run: result.run_id.clone(),
        port_sha: port.sha256.clone(),
        passed,
    });
    let title = format!("check twin {}: {} · {}", result.model_type, result.verdict.name(), run.asked);
    ProgramOutput { run: result.run_id.clone(), title, text: text(result), check }
}

fn text(result: &RunResult) -> String {
    let mut out = format!("$ mlxport check twin {}\n", result.model_type);
    for check in &result.checks {
        let figure = check.figure.as_ref().map(ToString::to_string).unwrap_or_default();
        let bar = check.bar.as_ref().map(|bar| format!("  bar {bar}")).unwrap_or_default();
        let twin = check.twin.clone().unwrap_or_default();
        let line = format!("{} {:<7} {twin:<9} {figure}{bar}", check.verdict.sign(), check.id.name());
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out.push_str(&format!("verdict: {} run {}", result.verdict.name(), result.run_id));
    out
}
