//! Which tools there are, in the order in which a model is told of them.

use super::def::ToolDef;
use super::{
    check_battery, check_golden, check_load, check_shard, check_speed, check_twin, compare_runs, config_diff,
    config_ledger, debug_checklist, edit_port, edit_shared, edit_test, format_port, inventory, lessons,
    lint_port, list_checks, list_sources, locate_fault, nearest_ports, outline_source, read_inheritance,
    read_run, read_source, search_sources, write_port,
};

/// All tools.
pub static TOOLS: &[&ToolDef] = &[
    &list_sources::DEF,
    &outline_source::DEF,
    &read_source::DEF,
    &search_sources::DEF,
    &read_inheritance::DEF,
    &nearest_ports::DEF,
    &config_diff::DEF,
    &config_ledger::DEF,
    &inventory::DEF,
    &write_port::DEF,
    &edit_port::DEF,
    &edit_test::DEF,
    &edit_shared::DEF,
    &check_twin::DEF,
    &check_load::DEF,
    &check_shard::DEF,
    &check_speed::DEF,
    &check_battery::DEF,
    &check_golden::CHECK_DEF,
    &check_golden::WRITE_DEF,
    &list_checks::DEF,
    &locate_fault::DEF,
    &debug_checklist::DEF,
    &read_run::DEF,
    &compare_runs::DEF,
    &lint_port::DEF,
    &format_port::DEF,
    &lessons::READ_DEF,
    &lessons::ADD_DEF,
];
