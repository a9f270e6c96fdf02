//! Safetensors headers: every tensor of a checkpoint before a byte of weights. [`header`] reads one header and names what
//! is wrong with it; [`assemble`] puts files and index together; [`local`] does it for a folder, [`fetch`] for a
//! repository, by range and into [`kept`]. What the tensors mean
//! is `hub::inventory`'s.

mod assemble;
mod error;
mod fetch;
mod header;
mod index;
mod kept;
mod local;

pub use assemble::is_shard;
pub use error::{Fault, HeaderError, INDEX};
pub use fetch::{fetch, fetch_config, is_folder, open};
pub use header::{Entry, Header, LARGEST, length, parse, sized};
pub use index::Places;
pub use local::read_folder;

#[cfg(test)]
mod tests;
