//! The pull request: diff, staging, Voice, gates, commit, push.

use super::{Ctx, Pane};
use crate::app::action::Binding;

/// What jobs and other panes tell it.
#[derive(Clone, Debug)]
pub enum Msg {
    /// The workspace is there; `Facts::workspace` says where.
    WorkspaceReady,
    /// A step of the recording's person that belongs to the pull request is played.
    Recorded(Box<crate::session::data::PersonStep>),
}

/// What it asks the runtime to do.
#[derive(Clone, Debug)]
pub enum Job {}

/// An act that only the person may cause.
#[derive(Clone, Debug)]
pub enum PersonRequest {}

/// What its rows of the registry ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {}

/// Its rows of the registry.
pub const ACTIONS: &[Binding] = &[];

/// The pane's state.
#[derive(Clone, Debug, Default)]
pub struct State {}

impl State {
    /// Does what a bound key, the palette or a slash command asked for.
    pub fn act(&mut self, action: Action, _ctx: &mut Ctx<'_>) {
        match action {}
    }

    /// Whether a step of the recording may be played now: the diff is loaded and no act of the person runs.
    pub fn ready_for(&self, _step: &crate::session::data::PersonStep, _jobs: &crate::app::job::Jobs) -> bool {
        false
    }

    /// Gives the commit that the last push brought to the fork, short.
    pub fn pushed(&self) -> Option<&str> {
        None
    }

    /// Takes what a job or another pane says.
    pub fn on(&mut self, _msg: Msg, _ctx: &mut Ctx<'_>) {}
}

impl Pane for State {
    fn contexts(&self) -> &'static [&'static str] {
        &[]
    }
}
