//! The sandbox, tried for real on Linux: each escape is first shown to work without it, then refused within it, as the
//! user who runs the tests and, when that is root, as an unprivileged user too.

mod escape;
mod limit;
mod live;
mod network;
mod secret;
#[cfg(target_arch = "x86_64")]
mod suite;
mod world;
