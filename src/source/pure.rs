//! The functions of this room that touch nothing but their arguments, for `app`: a key press may call them.

pub use super::pair::{Pair, Pairing, pair};
pub use super::place::{Place, place};
pub use super::reads::reads_of;
pub use super::search::search;
pub use super::symbols::{definition, enclosing, fuzzy, lookup};
