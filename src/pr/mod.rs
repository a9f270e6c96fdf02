//! The pull request: what of the branch is staged, the template and the person's fields, gates, commit, push to the
//! fork, hand-over. Opens no pull request and writes no prose: text for upstream's people is typed ([`data::Voice`]).
//! Every act takes a [`crate::git::acts::PersonAct`], which only `runtime` can make from a key; no tool imports this
//! room. The diff is four layers laid over each other (`rows`); staging writes the index layer.

pub mod data;

mod acts;
mod compare;
mod error;
mod fetch_template;
mod marks;
mod rows;
mod snapshot;
mod stage;

pub use acts::{commit, plan_push, push};
pub use compare::compare_url;
pub use error::PrError;
pub use fetch_template::{TEMPLATE, template};
pub use snapshot::snapshot;
pub use stage::{stage, undo};
