//! Which layer above the transcript takes keys: the sheet of the context, then a summary that waits. Everything that the two
//! share with the rest of the pane is decided here, so that the pane asks once.

use super::digest::Reading;
use super::{Action, State};
use crate::agent::machine::{Input, Verdict};
use crate::app::key::Key;
use crate::app::pane::{Ctx, Used};

impl State {
    /// Does what an action means for a layer that is open, or what only layers are for; says whether it did anything.
    pub(super) fn layer_act(&mut self, action: Action, ctx: &mut Ctx<'_>) -> bool {
        let page = isize::try_from(ctx.size.1.saturating_sub(8).max(3)).unwrap_or(10);
        match action {
            Action::Context => self.toggle_sheet(ctx),
            Action::Compact if ctx.facts.demo.is_some() => {
                ctx.toast("A recording is played as it was: nothing of it is condensed");
            }
            Action::Compact if !self.is_open() => ctx.toast(super::NOT_READY),
            Action::Compact => self.feed(Input::Compact, ctx),
            Action::Understood => ctx.toast("/understood and your words, in the composer"),
            Action::Waive => self.waive("", ctx),
            Action::SecondReader => self.start_reader(ctx),
            Action::Export => self.export("", ctx),
            Action::LayerDown | Action::LayerUp | Action::PageDown | Action::PageUp => {
                let by = match action {
                    Action::LayerDown => 1,
                    Action::LayerUp => -1,
                    Action::PageDown => page,
                    _ => -page,
                };
                match (&mut self.sheet, &mut self.digest) {
                    (Some(sheet), _) => sheet.scroll(by),
                    (None, Some(digest)) if digest.mode == Reading::Judging => digest.scroll(by),
                    _ => return false,
                }
            }
            Action::Accept if self.digest.is_some() => self.accept_summary(ctx),
            Action::Deny if self.digest.is_some() => self.judge_summary(Verdict::Deny, ctx),
            Action::EditProposal if self.digest.is_some() => self.edit_summary(),
            Action::Confirm if self.digest.is_some() => self.confirm_summary(ctx),
            Action::Swap if self.digest.is_some() => self.swap_summary(),
            _ => return false,
        }
        true
    }

    pub(super) fn layer_contexts(&self) -> Option<&'static [&'static str]> {
        match (&self.sheet, &self.digest) {
            (Some(_), _) => Some(&["sheet"]),
            (None, Some(digest)) => Some(digest.contexts()),
            (None, None) => None,
        }
    }

    /// Whether plain characters are text, as far as a layer decides it.
    pub(super) fn layer_typing(&self) -> Option<bool> {
        match (&self.sheet, &self.digest) {
            (Some(_), _) => Some(false),
            (None, Some(digest)) => Some(digest.mode != Reading::Judging),
            (None, None) => None,
        }
    }

    pub(super) fn layer_key(&mut self, key: Key) -> Option<Used> {
        match (&self.sheet, &mut self.digest) {
            (Some(_), _) => Some(Used::No),
            (None, Some(digest)) if digest.mode != Reading::Aside => Some(digest.key(key)),
            _ => None,
        }
    }

    /// Takes pasted text if a layer is open that the composer's text would not be for.
    pub(super) fn layer_paste(&mut self, text: &str) -> Option<Used> {
        match (&self.sheet, &mut self.digest) {
            (Some(_), _) => Some(Used::No),
            (None, Some(digest)) if digest.mode != Reading::Aside => {
                digest.paste(text);
                Some(Used::Yes)
            }
            _ => None,
        }
    }

    pub(super) fn layer_scroll(&mut self, by: isize) -> Option<Used> {
        match (&mut self.sheet, &mut self.digest) {
            (Some(sheet), _) => sheet.scroll(by),
            (None, Some(digest)) if digest.mode == Reading::Judging => digest.scroll(by),
            _ => return None,
        }
        Some(Used::Yes)
    }

    pub(super) fn layer_escape(&mut self) -> Option<Used> {
        if self.close_sheet() == Used::Yes {
            return Some(Used::Yes);
        }
        self.digest.as_mut().map(super::digest::Digest::escape).filter(|used| *used == Used::Yes)
    }
}

#[cfg(test)]
mod tests;
