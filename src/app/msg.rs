//! What can happen.

use super::Action;
use super::job::JobId;
use super::key::{Key, Mouse};
use super::pane::{PaneId, chat, configs, harness, pr, source};
use super::{models, rewind, setup};
use crate::session::data::{Live, PersonStep};
use crate::util::blame::Report;

/// Everything that can happen to the program.
#[derive(Clone, Debug)]
pub enum Msg {
    /// A key was pressed.
    Key(Key),
    /// Text was pasted (bracketed paste).
    Paste(String),
    Mouse(Mouse),
    /// The screen has this many columns and rows.
    Resize(u16, u16),
    /// The terminal got or lost the focus.
    Focus(Focused),
    /// Somebody asked for an action by name: the palette or a slash command.
    Act(Action),
    /// A step of the recording's person is to be played (demo only).
    Recorded(Box<PersonStep>),
    /// A running job says something.
    Job(JobId, PaneMsg),
    /// A job ended.
    Ended(JobId, Result<(), Report>),
    /// A pane tells a pane something.
    Post(PaneMsg),
    /// What an earlier run of this session kept.
    Restore(Box<Live>),
    /// Time has passed.
    Tick,
    /// The terminal is gone or a signal asks to end.
    Hangup,
}

/// Whether the terminal has the focus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focused {
    Yes,
    No,
}

/// A message to one pane, from its jobs or from another pane.
#[derive(Clone, Debug)]
pub enum PaneMsg {
    Setup(setup::Msg),
    Rewind(rewind::Msg),
    Models(models::Msg),
    Chat(chat::Msg),
    Source(source::Msg),
    Harness(harness::Msg),
    Configs(configs::Msg),
    Pr(pr::Msg),
    /// Go to a pane.
    Focus(PaneId),
    /// Do what a slash command asked for.
    Act(Action),
}
