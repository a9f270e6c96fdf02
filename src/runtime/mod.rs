//! The only room that acts: event loop, terminal, effects, jobs.
