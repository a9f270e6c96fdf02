//! The conversation's plain data, which refusals and proposals are made of.

#[path = "../../src/agent/data.rs"]
pub mod data;
