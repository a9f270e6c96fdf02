//! The only room that acts: event loop, terminal, effects, jobs, services. State changes happen in `app`; here they are
//! caused (keys, time, job messages) and carried out (effects).
//!
//! How a pane's jobs run: `runtime/jobs/x.rs` has `run(job, services, sink, cancel)`; it calls the room's function with a
//! sink made by [`jobs::JobSink::sink`] and returns when the job is done. Its error is told to the pane by `Pane::ended`.

pub mod backend;
mod editor;
mod effects;
mod event_loop;
mod front;
mod input;
pub mod jobs;
mod keyboard;
mod plain;
pub mod services;
pub mod terminal;

use std::process::ExitCode;
use std::sync::Arc;

use crate::app::State;
use crate::config::Home;
use crate::theme::{Depth, Theme};
use crate::util::blame::{Blame, Report};

/// What a run of the workbench starts from.
#[derive(Debug)]
pub struct Options {
    pub home: Home,
    pub model_type: Option<String>,
    pub plain: Option<fn(&str)>,
}

/// Runs the workbench until the person quits.
pub fn run(options: Options) -> Result<ExitCode, Report> {
    event_loop::block_on(async move {
        let services = Arc::new(services::Services::new(options.home, crate::util::id::new_id()));
        let mut state = State::default();
        state.facts.session.clone_from(&services.session);
        state.facts.model_type = options.model_type;
        let front = match options.plain {
            Some(out) => front::Front::plain(out),
            None => {
                let theme =
                    Theme::named("dark").map_err(|error| Report::new(Blame::Bug, error.to_string()))?;
                front::Front::screen(theme, Depth::True, None)?
            }
        };
        event_loop::EventLoop::new(state, services, front)?.run().await
    })?
}
