//! The workspace: Python environment, mlx-lm checkout, transformers source, atomic edits with a backup. Leaves out what
//! is done in it: checks are the harness's, commits and pushes the pr room's.
//!
//! Start at [`setup()`]; [`data`] has the types that other rooms see.

mod branch;
mod checkout;
pub mod checkpoint;
mod context;
pub mod data;
pub mod doctor;
mod duplicates;
pub mod edit;
mod error;
pub mod job;
mod link;
mod lock;
mod machine;
mod measure;
mod python;
mod release;
mod setup;
mod step;
mod uv;
mod workspace;

pub use branch::{check_model_type, open_branch, upstream_port};
pub use data::{SetupEvent, SetupRequest, Workspace};
pub use duplicates::duplicates;
pub use error::{EditError, PortError};
pub use setup::setup;
