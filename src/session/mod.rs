//! The session: append-only log, its writer task, resume, recordings.

pub mod data;
