//! PURE. What the program knows and how it changes: no clock, no files, no processes, no async. Time arrives with each
//! message; everything that acts leaves as an [`Effect`].
//!
//! Reading order: [`msg`] (what can happen), [`update`] (routing only), [`pane`] (one file a pane: `State`, `Msg`, `Job`,
//! `update`), [`effect`] (what is to be done), [`action`] and [`keymap`] (the one registry behind keys, hints, help and
//! palette), [`layout`] (who stands where).
//!
//! How a pane is built: `app/pane/x.rs` has `State`, `Msg` (what its jobs and other panes tell it), `Job` (what it asks
//! the runtime to do; data only), `Action` with `ACTIONS` (its rows of the registry), and the functions of [`pane::Pane`].
//! `ui/pane/x.rs` draws it; `runtime/jobs/x.rs` runs its jobs and posts its messages back.

pub mod action;
pub mod editor;
pub mod effect;
pub mod facts;
pub mod job;
pub mod key;
pub mod keymap;
pub mod layout;
pub mod models;
pub mod msg;
pub mod overlay;
pub mod pane;
pub mod recorded;
pub mod rewind;
pub mod setup;
pub mod state;
pub mod update;

pub use action::Action;
pub use effect::Effect;
pub use msg::{Msg, PaneMsg};
pub use pane::{Ctx, PaneId};
pub use state::State;

/// Milliseconds since the program started: the only time that `app` knows.
pub type Millis = u64;
