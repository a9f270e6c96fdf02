//! Keeps any process that can import the checkout (a port, upstream's tests, a converter) away from the person's files,
//! keys, network and other processes.
//!
//! [`Sandbox`] describes what a child may do and turns into a [`Command`](super::process::Command) that starts this
//! program again as `mlxport __sandbox …`; that process restricts itself ([`enter`]) and then becomes the child. Linux:
//! Landlock for files, TCP and signals, seccomp for everything else, limits, no capabilities. macOS: a seatbelt profile.
//! A machine that cannot do it gets an error, never an unrestricted child. Time limits and kills are the caller's.

mod around;
mod close;
mod enter;
mod error;
mod limits;
#[cfg(target_os = "linux")]
mod linux;
pub mod python;
pub mod seatbelt;
mod spec;
#[cfg(target_os = "linux")]
mod system;

pub use enter::enter;
pub use error::SandboxError;
pub use spec::{Limits, Profile, Sandbox};
