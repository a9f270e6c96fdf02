//! mlxport: a terminal workbench to port transformers architectures to mlx-lm, with a harness that proves the port.
//!
//! Reading order: [`app`] (what the program knows and how it changes), [`ui`] (state to frame), [`runtime`] (the only
//! room that acts), then the rooms that do the work: [`harness`], [`port`], [`agent`] with [`tools`] and [`mcp`], [`source`],
//! [`hub`], [`pr`], [`session`]. docs/ARCHITECTURE.md is the map.

pub mod agent;
pub mod app;
pub mod cli;
pub mod config;
pub mod git;
pub mod harness;
pub mod hub;
pub mod learn;
pub mod lint;
pub mod mcp;
pub mod port;
pub mod pr;
pub mod runtime;
pub mod session;
pub mod source;
pub mod theme;
pub mod tools;
pub mod ui;
pub mod util;
