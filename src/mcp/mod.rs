//! The tools served to other agents over the Model Context Protocol: the same registry as the chat's, with the same limits.
//!
//! Reads and checks are offered; edits of the port and its test only where the person started the server with edits; shared
//! files, lessons and whatever only a person may do, never. Standard output belongs to the protocol; what the server has to
//! say goes to the log and to standard error.
//!
//! Start at [`server`]; [`offer`] says which tools are given and how they look, [`answer`] turns an end into a result,
//! [`prompts`] gives the recipe, [`skill`] the same as files. The rooms behind the tools are the runtime's: see [`Rooms`].

mod answer;
mod offer;
mod prompts;
pub mod server;
pub mod skill;

use futures::future::BoxFuture;

use crate::tools::Registry;
use crate::util::blame::Report;

pub use offer::Edits;
pub use server::{Server, serve};

/// Where the server finds the tools of a model type.
pub trait Rooms: Send + Sync {
    /// Gives the tools, made once a type.
    fn registry<'a>(&'a self, model_type: &'a str) -> BoxFuture<'a, Result<Registry, Report>>;
}
