//! What opens above the pane: the push confirmation, a written reason, the list of outputs, the hand-over.

use super::{Mode, State};
use crate::app::editor::Editor;
use crate::app::key::Key;
use crate::app::pane::{Ctx, Used};
use crate::pr::data::guard::Stopped;
use crate::pr::data::{GateId, Plan};

/// The top layer.
#[derive(Clone, Debug)]
pub enum Layer {
    Prompt(Box<Prompt>),
    /// Stored runs; the chosen one by its place.
    Outputs(usize),
    HandOver,
}

/// A question with a line to type.
#[derive(Clone, Debug)]
pub struct Prompt {
    pub ask: Ask,
    pub editor: Editor,
}

/// What is asked.
#[derive(Clone, Debug)]
pub enum Ask {
    /// The branch's name, to push.
    Push(Plan),
    /// Why a gate may stay as it is.
    Gate(GateId),
    /// Why a paste that repeats the model may enter.
    Overlap(Stopped),
}

impl Layer {
    pub(super) fn push(plan: Plan) -> Self {
        Self::ask(Ask::Push(plan))
    }

    pub(super) fn gate(id: GateId) -> Self {
        Self::ask(Ask::Gate(id))
    }

    pub(super) fn overlap(stopped: Stopped) -> Self {
        Self::ask(Ask::Overlap(stopped))
    }

    fn ask(ask: Ask) -> Self {
        Self::Prompt(Box::new(Prompt { ask, editor: Editor::default() }))
    }

    pub(super) fn typing(&self) -> bool {
        matches!(self, Self::Prompt(_))
    }

    pub(super) fn key(&mut self, key: Key) -> Used {
        match self {
            Self::Prompt(prompt) => prompt.editor.key(key),
            Self::Outputs(_) | Self::HandOver => Used::No,
        }
    }

    pub(super) fn paste(&mut self, text: &str) -> Used {
        match self {
            // The branch name is typed, not pasted: the confirmation is there to make one stop.
            Self::Prompt(prompt) if !matches!(prompt.ask, Ask::Push(_)) => {
                prompt.editor.insert(&text.replace(['\n', '\r'], " "));
                Used::Yes
            }
            _ => Used::No,
        }
    }
}

impl State {
    /// Closes the top layer, ends writing, drops a range; nothing written is lost.
    pub(super) fn close_top(&mut self, ctx: &mut Ctx<'_>) -> Used {
        if self.layer.take().is_some() {
            return Used::Yes;
        }
        if self.fields.mode == Mode::Typing {
            self.leave_field(ctx);
            return Used::Yes;
        }
        if self.cursor.anchor.take().is_some() || self.trouble.take().is_some() {
            return Used::Yes;
        }
        Used::No
    }
}
