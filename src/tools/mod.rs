//! What the model may ask for: the registry, the table and one file per tool. Arguments are hostile until parsed, paths until
//! resolved; nothing here writes a file: an edit is a proposal, and after the person's yes it goes to the
//! [`services::Services`] that the runtime connected. Cannot reach `pr` or `git::acts`.
//!
//! Start at [`registry::Registry`] and [`table`]; a new tool is a file and a line there. [`paths`] holds the rules of what may be read and written.

mod args;
mod bound;
mod check_battery;
mod check_golden;
pub mod check_load;
mod check_shard;
mod check_speed;
mod check_twin;
mod compare_runs;
mod config_diff;
mod config_ledger;
pub mod data;
mod debug_checklist;
pub mod def;
mod edit_port;
mod edit_shared;
mod edit_test;
pub mod error;
pub mod format_port;
pub mod inventory;
mod lessons;
mod lint_port;
mod list_checks;
mod list_sources;
mod locate_fault;
mod nearest_ports;
mod outline_source;
pub mod paths;
mod propose;
mod read_inheritance;
mod read_run;
mod read_source;
pub mod registry;
mod replace;
mod runs;
mod search_sources;
pub mod services;
mod table;
mod test_row;
mod told;
mod variants;
mod write_port;

pub use data::{Artifact, Prepared, ToolEnd, ToolEvent};
pub use debug_checklist::all as checklists;
pub use def::{Class, Reach};
pub use error::ToolError;
pub use registry::{Registry, ToolContext};
pub use services::Services;
