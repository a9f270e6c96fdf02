//! Runs one step: says that it runs, how long it took and how it ended.

use std::future::Future;
use std::time::Instant;

use super::context::Context;
use super::data::{SetupEvent, StepId, StepState};
use super::error::PortError;
use crate::util::blame::Report;

/// How a step that did not fail ended.
#[derive(Clone, Debug)]
pub(super) enum Told {
    Done(String),
    Skipped(String),
}

impl Told {
    pub fn done(note: impl Into<String>) -> Self {
        Self::Done(note.into())
    }

    pub fn skipped(reason: impl Into<String>) -> Self {
        Self::Skipped(reason.into())
    }
}

/// Runs a step's work between its events. A cancelled setup starts no further step.
pub(super) async fn step<T>(
    context: &Context,
    step: StepId,
    work: impl Future<Output = Result<(T, Told), PortError>>,
) -> Result<T, PortError> {
    if context.cancel.is_cancelled() {
        return Err(PortError::Cancelled);
    }
    let began = Instant::now();
    let tell = |state| {
        let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        (context.sink)(SetupEvent::Step { step, state, elapsed_ms });
    };
    tell(StepState::Running);
    match work.await {
        Ok((value, Told::Done(note))) => {
            tell(StepState::Done { note });
            Ok(value)
        }
        Ok((value, Told::Skipped(reason))) => {
            tell(StepState::Skipped { reason });
            Ok(value)
        }
        Err(error) => {
            tell(StepState::Failed { report: Report::from(&error) });
            Err(error)
        }
    }
}
