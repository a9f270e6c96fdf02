//! Plays a step of a recording's person (demo only): the same paths that a key takes, entered where the key would.

use super::facts::Facts;
use super::msg::PaneMsg;
use super::pane::{Ctx, PaneId, chat, pr};
use super::update::Parts;
use crate::session::data::PersonStep;

/// Plays one step.
pub(super) fn play(_parts: &mut Parts<'_>, step: PersonStep, ctx: &mut Ctx<'_>) {
    if !is_demo(ctx.facts) {
        return;
    }
    if step.is_for_pr() {
        ctx.post(PaneMsg::Focus(PaneId::Pr));
        ctx.post(PaneMsg::Pr(pr::Msg::Recorded(Box::new(step))));
    } else {
        ctx.post(PaneMsg::Chat(chat::Msg::Recorded(Box::new(step))));
    }
}

fn is_demo(facts: &Facts) -> bool {
    facts.demo.is_some()
}
