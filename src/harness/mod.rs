//! The harness: plan, protocol, worker process, store. The verdict is the harness's, never a language model's.
//!
//! Start at [`service`]: [`service::Harness`] is the one handle that the pane, the command line and the tools use.
//! `process` is the only place that reads the worker's stdout. What is computed lives in `python/`
//! (`mlxport_harness`), which also runs by itself; this side plans, times, stores and compares.

pub mod asks;
pub mod bench;
mod beside;
pub mod data;
pub mod defaults;
pub mod embed;
pub mod error;
pub mod files;
mod ground;
pub mod html;
mod inputs;
pub mod job;
pub mod launch;
mod process;
pub mod report;
pub mod service;
pub mod store;
mod wire;

pub use data::{CheckId, Event, RunResult, TwinRequest, compare, plan};
pub use error::HarnessError;
pub use launch::{Access, Site, Strategy};
pub use service::Harness;
