//! Integration tests: the program as a whole, by area. One binary, so that it links once.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods)]

mod agent;
mod docs;
mod harness;
mod pr;
mod recorded;
mod session;
mod pr;
mod detached;
mod harness;
mod pr;
#[cfg(target_os = "linux")]
mod sandbox;
mod configs;
mod harness;
mod pr;
mod source;
mod support;
mod tools;
mod tty;
