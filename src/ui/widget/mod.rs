//! Pieces that several panes draw.

pub mod editor;
