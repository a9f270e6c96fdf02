//! Python sources as data: outline, colour, symbols, search, pairs, inheritance, nearest accepted port.
//!
//! Everything here is a pure function over text, except [`load`], which reads one file. What the rest of the program
//! keeps and draws is in [`data`]. Nothing is imported or run: a port that crashes Python is read as well as any
//! other, and the reader says where it stopped making sense ([`data::SourceDoc::broken`]).
//!
//! Look next: [`parse`] (text to [`data::SourceDoc`]), [`place`] (module path to line), [`pair`] (reference to port).

mod alias;
pub mod data;
mod draft;
mod expr;
mod highlight;
mod inherit;
mod load;
mod nearest;
mod outline;
mod pair;
mod parse;
mod place;
pub mod pure;
mod reads;
mod search;
mod standing;
mod symbols;
pub mod syntax;

pub use alias::{remappings, standins};
pub use data::{Hit, Inherited, LoadedSource, Near, ReferenceFiles};
pub use draft::draft;
pub use inherit::inherited;
pub use load::{SourceError, load, reference_files};
pub use nearest::{nearest, ports};
pub use pair::{Pair, Pairing, pair};
pub use parse::{Reader, parse};
pub use place::{Place, place};
pub use reads::{class_defaults, reads_of};
pub use search::search;
pub use standing::{portable, type_of_class};
pub use symbols::{definition, enclosing, fuzzy, lookup, top_class};
