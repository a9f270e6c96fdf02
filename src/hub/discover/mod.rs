//! Discovery: from a model_type, a class, a repository or a link to the checkpoints of that architecture, ranked and in
//! groups. What is known is told at once (this machine's Hub cache, the last listing), the rest as it comes; the person
//! confirms. Nothing is fetched but what a Hub says of repositories, and config.json of those that the person looks at.
//!
//! Start at [`Search::run`]. [`arrange`] judges what was found, in pure functions: [`kind`], [`size`], [`lineage`], [`fit`].

mod arrange;
mod cached;
mod fit;
mod kept;
mod kind;
mod lineage;
mod look;
mod manifest;
mod search;
mod size;
mod wanted;

pub use arrange::{Entry, arrange};
pub use fit::of_config;
pub use lineage::named_in;
pub use look::{Looked, look};
pub use manifest::{Pr, manifest};
pub use search::{Event, Library, Search};
pub use wanted::wanted;
