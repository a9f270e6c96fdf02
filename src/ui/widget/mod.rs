//! Pieces that several panes draw.

pub mod code;
pub mod editor;
pub mod listing;
pub mod markdown;
pub mod wrap;
