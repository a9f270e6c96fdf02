//! The workspace: Python environment, mlx-lm checkout, transformers source, atomic edits with a backup.

pub mod data;
pub mod edit;
mod error;

pub use data::{SetupEvent, SetupRequest, Workspace};
pub use error::{EditError, PortError};
