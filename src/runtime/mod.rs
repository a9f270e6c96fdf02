//! The only room that acts: event loop, terminal, effects, jobs, services. State changes happen in `app`; here they are
//! caused (keys, time, job messages) and carried out (effects).
//!
//! How a pane's jobs run: `runtime/jobs/x.rs` has `run(job, services, sink, cancel)`; it calls the room's function with a
//! sink made by [`jobs::JobSink::sink`] and returns when the job is done. Its error is told to the pane by `Pane::ended`.

pub mod backend;
mod battery;
pub mod bench_agent;
pub mod demo;
pub mod discover;
mod editor;
mod effects;
mod event_loop;
mod front;
mod input;
pub mod jobs;
mod keyboard;
mod log;
pub mod mcp;
pub mod models;
mod plain;
pub mod recordings;
pub mod services;
mod start;
pub mod terminal;
mod tools;
pub mod variants;

pub use demo::{DemoOptions, Mode};
pub use log::start as log_to_file;
pub use start::{Options, Start, run};
