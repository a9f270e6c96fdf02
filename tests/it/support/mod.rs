//! What several areas need.

pub mod pty;
