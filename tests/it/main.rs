//! Integration tests: the program as a whole, by area. One binary, so that it links once.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods)]

mod agent;
mod bad_input;
mod bench_agent;
mod check;
mod checkpoint;
mod config;
mod config_reader;
mod configs;
mod demo;
mod detached;
mod discover;
mod docs;
mod download;
mod families;
mod harness;
mod hub_server;
mod inventory;
mod ledger;
mod lint;
mod local_model;
mod mcp;
mod model;
mod pr;
mod python;
mod recorded;
mod resume;
#[cfg(target_os = "linux")]
mod sandbox;
mod session;
mod setup;
mod skill;
mod source;
mod support;
mod tools;
mod tty;
