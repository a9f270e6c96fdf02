//! Accepted ports, hidden: a copy of mlx-lm in which one architecture's file, what builds on it, its tests and every word
//! about it are gone, so that somebody (a person, a model) can port it anew. Leaves out the work itself and its
//! comparison. Start at [`hide::export`].

mod error;
pub mod hide;
mod text;

pub use error::LearnError;
pub use hide::{Hidden, accepted, export};
