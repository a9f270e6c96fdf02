//! Long jobs that outlast the screen: each is a process of its own (`mlxport __job ID`) in a session of its own, which
//! owns its folder under the results and appends `events.jsonl` there. Screens and the command line follow that file;
//! ending them does not touch the job.
//!
//! A job's folder holds `job.json` (what to do), `lock` (held while the job lives; the kernel lets go of it when it
//! dies), `pid`, `heartbeat`, `events.jsonl` and `log`. What kinds of jobs there are is `cli/job.rs`'s business.

mod cancel;
mod data;
mod error;
mod events;
mod follow;
mod identity;
mod join;
mod own;
mod start;

pub use cancel::cancel;
pub use data::{Ending, JobDir, JobSpec, State};
pub use error::JobError;
pub use follow::{Followed, follow, list, state};
pub use join::{join, running};
pub use own::own;
pub use start::start;
