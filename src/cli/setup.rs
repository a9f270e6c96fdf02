//! `mlxport setup`: starts the detached setup or follows the one that runs.

use std::process::ExitCode;
use std::sync::Arc;

use super::{COULD_NOT_RUN, Common, INTERRUPTED, output, task};
use crate::port::data::{SetupEvent, SetupRequest, StepId, StepState};
use crate::port::job::{Cancelled, SetupEnd, cancel_setup, follow_setup};
use crate::util::blame::Report;
use crate::util::sink::Sink;
use crate::util::text::{bytes, one_line};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Also makes or opens the branch add-MODEL_TYPE
    #[arg(value_name = "MODEL_TYPE")]
    model_type: Option<String>,
    /// Stop the setup that runs; what is finished stays
    #[arg(long)]
    cancel: bool,
}

pub fn run(args: Args, common: &Common) -> Result<ExitCode, Report> {
    let settings = common.settings()?;
    settings.warnings.iter().for_each(|warning| output::progress(&format!("[note] {warning}")));
    if args.cancel {
        return task::run(async |_| match cancel_setup(&settings.home.value).await? {
            Cancelled::Stopped => {
                output::line("[setup] stopped; run `mlxport setup` to go on");
                Ok(ExitCode::SUCCESS)
            }
            Cancelled::NothingRan => {
                output::line("[setup] no setup is running");
                Ok(ExitCode::from(COULD_NOT_RUN))
            }
        });
    }
    let request = SetupRequest { model_type: args.model_type };
    let sink: Sink<SetupEvent> =
        Arc::new(|event| shown(&event).iter().for_each(|line| output::progress(line)));
    let end = task::run(async |leave| follow_setup(&settings, request, sink, leave).await)?;
    match end {
        SetupEnd::Left => {
            output::progress(
                "[setup] goes on by itself; `mlxport setup` follows it, `mlxport setup --cancel` stops it",
            );
            Ok(ExitCode::from(INTERRUPTED))
        }
        SetupEnd::Ready(workspace) if common.json => {
            output::json(&workspace);
            Ok(ExitCode::SUCCESS)
        }
        SetupEnd::Ready(workspace) => {
            output::line(&format!("[ready] {}", workspace.checkout.display()));
            output::line(&format!("[ready] baseline: {}", workspace.baseline));
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Writes an event as labelled lines; what a tool said is untrusted.
pub(super) fn shown(event: &SetupEvent) -> Vec<String> {
    match event {
        SetupEvent::Plan { bytes: 0, .. } => vec!["[plan] nothing to download".into()],
        SetupEvent::Plan { bytes: count, seconds, .. } => {
            let minutes = seconds.div_ceil(60);
            vec![format!(
                "[plan] about {} to fetch and unpack, about {minutes} min at 25 MB/s",
                bytes(*count)
            )]
        }
        SetupEvent::Step { step, state, elapsed_ms } => stepped(*step, state, *elapsed_ms),
        SetupEvent::Progress { bytes: b, .. } => {
            let rest = b.seconds_left.map_or(String::new(), |seconds| format!(", about {seconds} s left"));
            vec![format!("[bytes] {} of about {}, {}/s{rest}", bytes(b.done), bytes(b.total), bytes(b.rate))]
        }
        SetupEvent::Line { text, .. } => vec![format!("  | {}", one_line(text))],
        SetupEvent::Waiting { text, .. } => vec![format!("[wait] {text}")],
        SetupEvent::Finished { elapsed_ms, .. } => {
            vec![format!("[setup] ready in {:.1} s", *elapsed_ms as f64 / 1000.0)]
        }
        // The report itself is printed once, as the command's error.
        SetupEvent::Ended { .. } => Vec::new(),
    }
}

fn stepped(step: StepId, state: &StepState, elapsed_ms: u64) -> Vec<String> {
    let label = step.label();
    let seconds = elapsed_ms as f64 / 1000.0;
    match state {
        StepState::Todo => Vec::new(),
        StepState::Running => vec![format!("[step] {label}")],
        StepState::Done { note } => vec![format!("[done] {label}: {} ({seconds:.1} s)", one_line(note))],
        StepState::Skipped { reason } => vec![format!("[skip] {label}: {}", one_line(reason))],
        StepState::Failed { report } => vec![format!("[fail] {label}: {}", one_line(&report.text))],
    }
}
