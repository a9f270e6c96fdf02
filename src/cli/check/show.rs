//! What `mlxport check` prints: results on stdout, progress on stderr, labelled in `--plain`.

use std::process::ExitCode;
use std::sync::Arc;

use crate::cli::{COULD_NOT_RUN, Common, FAILED, output};
use crate::harness::data::{Event, RunResult, Verdict};
use crate::harness::report;
use crate::util::sink::Sink;
use crate::util::text::one_line;

/// Prints a line on stdout, labelled in `--plain`.
pub fn line(label: &str, text: &str, common: &Common) {
    match common.plain {
        true => output::line(&format!("[{label}] {}", text.trim_start())),
        false => output::line(text),
    }
}

/// Prints a result and gives its exit code.
pub fn result(result: &RunResult, common: &Common) -> ExitCode {
    let code = code(result.verdict);
    if common.json {
        output::json(result);
        return ExitCode::from(code);
    }
    let mut lines = report::lines(result);
    let verdict = lines.pop();
    for each in &lines {
        line(each.label, &each.text, common);
    }
    if let Some(verdict) = verdict {
        output::line(&verdict.text);
    }
    if common.plain {
        output::line(&format!("exit: {code}"));
    }
    ExitCode::from(code)
}

/// Gives the exit code of a verdict.
pub fn code(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Pass => 0,
        Verdict::Suspect | Verdict::Fail => FAILED,
        Verdict::CouldNotRun => COULD_NOT_RUN,
    }
}

/// Gives the sink of the command line: progress on stderr, nothing else.
pub fn sink() -> Sink<Event> {
    Arc::new(|event| match event {
        Event::Warming => {
            output::progress("starting the worker: it imports mlx, torch and transformers once")
        }
        Event::Started { model_type, run_id, .. } => {
            output::progress(&format!("checking {model_type}: run {run_id}"))
        }
        Event::Progress { done, total, unit, text } => output::progress(&progress(done, total, &unit, &text)),
        Event::Log { text } => output::progress(&one_line(text.trim_end())),
        Event::Check { .. } | Event::Metric { .. } | Event::Artifact { .. } => {}
        Event::Finished { .. } | Event::Ended { .. } => {}
    })
}

fn progress(done: f64, total: Option<f64>, unit: &str, text: &str) -> String {
    match total {
        Some(total) => format!("{} ({done} of {total} {})", one_line(text), one_line(unit)),
        None => one_line(text),
    }
}
