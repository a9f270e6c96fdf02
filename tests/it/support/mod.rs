//! What several areas need.

pub mod pty;
pub mod sse;
