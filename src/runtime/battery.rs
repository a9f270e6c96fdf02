//! What a battery would cost, as the harness says it on the way to no verdict.

use std::sync::{Arc, Mutex, PoisonError};

use crate::harness::data::{Event, FamilyRequest, RunResult};
use crate::tools::services::Estimate;
use crate::util::blame::{Blame, Report};
use crate::util::sink::Sink;

/// Lines of the estimate that are kept: one a checkpoint.
const MOST_LINES: usize = 20;

/// What is heard while the harness estimates.
pub type Gathered = Arc<Mutex<Estimate>>;

/// Asks for the estimate alone.
pub fn only_estimate(mut request: FamilyRequest) -> FamilyRequest {
    request.params.insert("estimate".into(), true.into());
    request
}

/// Makes the sink that takes the estimate's figures; those of several checkpoints add up, their memory does not.
pub fn gather() -> (Gathered, Sink<Event>) {
    let gathered = Gathered::default();
    let to = Arc::clone(&gathered);
    let sink: Sink<Event> = Arc::new(move |event| {
        let mut found = to.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Metric { name, value, .. } => {
                let value = value.and_then(|figure| figure.number()).unwrap_or_default();
                match name.as_str() {
                    "estimated_seconds" => found.seconds += value,
                    "estimated_memory" => found.memory_gb = found.memory_gb.max(value),
                    _ => {}
                }
            }
            Event::Log { text } if found.words.len() < MOST_LINES => {
                found.words.extend(text.lines().map(str::to_string));
            }
            _ => {}
        }
    });
    (gathered, sink)
}

/// Gives the estimate, or what stands against the run.
pub fn found(result: &RunResult, gathered: &Gathered) -> Result<Estimate, Report> {
    if let Some(error) = result.first_error() {
        let report = Report::new(Blame::User, error.text.clone());
        return Err(Report { hint: error.hint.clone().filter(|hint| !hint.is_empty()), ..report });
    }
    let found = gathered.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match found.seconds > 0.0 {
        true => Ok(found),
        false => Err(Report::new(Blame::Bug, "the harness gave no estimate of the battery")),
    }
}
