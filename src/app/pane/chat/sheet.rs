//! The layer that shows what takes the room in the model's context.

use super::State;
use crate::agent::context::{Meter, Part, parts};
use crate::agent::machine::Machine;
use crate::app::pane::{Ctx, Used};

/// What takes the room, as of when the layer was opened or the conversation moved.
#[derive(Clone, Debug)]
pub struct Sheet {
    pub meter: Meter,
    /// At which part of a hundred the conversation is condensed.
    pub threshold: u8,
    pub parts: Vec<Part>,
    pub scroll: usize,
    messages: usize,
}

impl Sheet {
    pub(super) fn of(machine: &Machine) -> Self {
        Self {
            meter: machine.meter(),
            threshold: machine.setup().limits.compact_percent,
            parts: parts(machine),
            scroll: 0,
            messages: machine.messages().len(),
        }
    }

    /// Counts its rows.
    pub fn rows(&self) -> usize {
        self.parts.iter().map(|part| 1 + part.inner.len()).sum()
    }

    pub(super) fn scroll(&mut self, by: isize) {
        self.scroll = self.scroll.saturating_add_signed(by).min(self.rows().saturating_sub(1));
    }
}

impl State {
    pub(super) fn toggle_sheet(&mut self, ctx: &mut Ctx<'_>) {
        self.sheet = match self.sheet.take() {
            Some(_) => None,
            None if self.ready => Some(Sheet::of(&self.machine)),
            None => {
                ctx.toast(super::NOT_READY);
                None
            }
        };
    }

    /// Counts again when messages came; with every piece of a stream it would cost what the session holds.
    pub(super) fn settle_sheet(&mut self) {
        if let Some(sheet) = &mut self.sheet {
            sheet.meter = self.machine.meter();
            if sheet.messages != self.machine.messages().len() {
                let scroll = sheet.scroll;
                *sheet = Sheet { scroll, ..Sheet::of(&self.machine) };
            }
        }
    }

    pub(super) fn close_sheet(&mut self) -> Used {
        if self.sheet.take().is_some() { Used::Yes } else { Used::No }
    }
}
