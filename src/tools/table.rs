//! Which tools there are, in the order in which a model is told of them.

use super::def::ToolDef;
use super::{
    check_twin, edit_port, format_port, inventory, lint_port, list_sources, nearest_ports, outline_source,
    read_inheritance, read_source, search_sources, write_port,
};

/// All tools.
pub static TOOLS: &[&ToolDef] = &[
    &list_sources::DEF,
    &outline_source::DEF,
    &read_source::DEF,
    &search_sources::DEF,
    &read_inheritance::DEF,
    &nearest_ports::DEF,
    &write_port::DEF,
    &edit_port::DEF,
    &check_twin::DEF,
    &lint_port::DEF,
    &format_port::DEF,
    &inventory::DEF,
];
