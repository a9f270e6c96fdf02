//! The conversation: what was said, what happens next, and the client that speaks to an OpenAI-compatible endpoint.
//!
//! Read [`data`] first (plain types), then [`machine`] (pure: inputs to outputs), then [`client`] (the only place that
//! names async-openai). [`transcript`] and [`context`] make requests out of the conversation, [`approval`] turns the
//! person's decision into what a tool may write, [`manual`] is the provider without a network, [`prompt`] the texts,
//! [`recipe`] the porter's knowledge in them. [`local`] starts an `mlx_lm.server` of our own.
//! Tools themselves are in the room `tools`.

pub mod approval;
pub mod client;
pub mod context;
pub mod data;
pub mod local;
pub mod machine;
pub mod manual;
pub mod prompt;
pub mod recipe;
pub mod transcript;
