//! Plays a step of a recording's person (demo only): the same paths that a key takes, entered where the key would.

use super::msg::PaneMsg;
use super::pane::{Ctx, PaneId, chat, pr};
use super::state::State;
use super::update::Parts;
use crate::app::job::JobKind;
use crate::session::data::PersonStep;

/// Whether a step may be played now: the workspace is there, and the pane that it belongs to waits for the person.
pub fn ready(state: &State, step: &PersonStep) -> bool {
    if !state.setup.ready || state.jobs.of(JobKind::Check).is_some() {
        return false;
    }
    match step.is_for_pr() {
        true => state.panes.pr.ready_for(step, &state.jobs) && state.panes.chat.ready_for(step, &state.jobs),
        false => state.panes.chat.ready_for(step, &state.jobs),
    }
}

/// Whether nothing runs and nothing waits: an automatic demo is over.
pub fn at_rest(state: &State) -> bool {
    let anything = PersonStep::Say { text: String::new() };
    state.setup.ready
        && state.jobs.running().all(|(_, job)| job.kind == JobKind::Watch)
        && ready(state, &anything)
}

/// Whether nobody but a person could go on: the set-up failed.
pub fn stuck(state: &State) -> bool {
    state.setup.failed.is_some() && state.jobs.of(JobKind::Setup).is_none()
}

/// Plays one step.
pub(super) fn play(_parts: &mut Parts<'_>, step: PersonStep, ctx: &mut Ctx<'_>) {
    if ctx.facts.demo.is_none() {
        return;
    }
    if step.is_for_pr() {
        ctx.post(PaneMsg::Focus(PaneId::Pr));
        ctx.post(PaneMsg::Pr(pr::Msg::Recorded(Box::new(step))));
    } else {
        ctx.post(PaneMsg::Chat(chat::Msg::Recorded(Box::new(step))));
    }
}
