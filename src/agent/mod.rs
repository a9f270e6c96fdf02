//! The conversation: a pure state machine, the client that speaks to an OpenAI-compatible endpoint, approvals.
//! Start with [`data`].

pub mod data;
