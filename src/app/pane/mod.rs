//! The five panes. Each file has a pane's `State`, the `Msg` that its jobs and other panes send it, the `Job` it asks
//! for, its `Action`s, and [`Pane`], the functions that `update` routes to.

pub mod chat;
pub mod configs;
pub mod harness;
pub mod pr;
pub mod source;

use serde::{Deserialize, Serialize};

use super::Millis;
use super::effect::{Effect, Job};
use super::facts::Facts;
use super::job::{JobId, JobKind, Jobs};
use super::key::{Key, Mouse};
use super::msg::PaneMsg;
use crate::util::blame::Report;

/// Which pane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaneId {
    #[default]
    Chat,
    Source,
    Harness,
    Configs,
    Pr,
}

impl PaneId {
    /// All panes, in the order of the tab bar.
    pub const ALL: [Self; 5] = [Self::Chat, Self::Source, Self::Harness, Self::Configs, Self::Pr];

    /// The title on border and tab.
    pub fn title(self) -> &'static str {
        match self {
            Self::Chat => "Chat",
            Self::Source => "Source",
            Self::Harness => "Harness",
            Self::Configs => "Configs",
            Self::Pr => "PR",
        }
    }
}

/// Whether a key or message was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Used {
    Yes,
    No,
}

/// What a pane may see and say while it updates: time, size, shared facts, and where effects and posts go.
#[derive(Debug)]
pub struct Ctx<'a> {
    pub now: Millis,
    /// Cells inside the pane's border; zero while it is not shown.
    pub size: (u16, u16),
    pub facts: &'a mut Facts,
    pub jobs: &'a mut Jobs,
    pub effects: &'a mut Vec<Effect>,
    /// Messages to other panes, delivered after this update, in order.
    pub posts: &'a mut Vec<PaneMsg>,
}

impl Ctx<'_> {
    /// Starts a job. One job of a kind at a time: an earlier one is cancelled and its late messages are dropped.
    pub fn start(&mut self, kind: JobKind, title: impl Into<String>, job: Job) -> JobId {
        let (id, replaced) = self.jobs.start(kind, title.into(), self.now);
        if let Some(old) = replaced {
            self.effects.push(Effect::Cancel(old));
        }
        self.effects.push(Effect::Start(id, job));
        id
    }

    /// Cancels the job of a kind, if one runs.
    pub fn cancel(&mut self, kind: JobKind) {
        if let Some(id) = self.jobs.end_kind(kind) {
            self.effects.push(Effect::Cancel(id));
        }
    }

    /// Adds an entry to the session log.
    pub fn record(&mut self, entry: crate::session::data::Entry) {
        self.effects.push(Effect::Record(Box::new(entry)));
    }

    /// Sends a message to another pane, after this update.
    pub fn post(&mut self, msg: PaneMsg) {
        self.posts.push(msg);
    }

    /// Shows a short message in the hint bar for some seconds.
    pub fn toast(&mut self, text: impl Into<String>) {
        self.facts.toast(self.now, text.into());
    }
}

/// What every pane's `State` can do, whatever its messages. All pure. Beside it each pane has two inherent functions:
/// `act(&mut self, Action, &mut Ctx)` for what a bound key, the palette or a slash command asked for, and
/// `on(&mut self, Msg, &mut Ctx)` for what its jobs and other panes say.
pub trait Pane {
    /// Names of the contexts in force, most special first ("approval", "composer" …); rows of the registry name them.
    fn contexts(&self) -> &'static [&'static str];

    /// Whether plain characters are typed text now, so that no binding outside the present contexts may take them.
    fn typing(&self) -> bool {
        false
    }

    /// Takes a key that no binding took.
    fn key(&mut self, _key: Key, _ctx: &mut Ctx<'_>) -> Used {
        Used::No
    }

    /// Takes pasted text. A paste never submits.
    fn paste(&mut self, _text: &str, _ctx: &mut Ctx<'_>) -> Used {
        Used::No
    }

    /// Takes a mouse event; cells count from the pane's inner top left.
    fn mouse(&mut self, _mouse: Mouse, _ctx: &mut Ctx<'_>) -> Used {
        Used::No
    }

    /// Is told that one of its jobs ended, and how.
    fn ended(&mut self, _kind: JobKind, _result: Result<(), Report>, _ctx: &mut Ctx<'_>) {}

    /// Closes its top layer, if one is open.
    fn escape(&mut self, _ctx: &mut Ctx<'_>) -> Used {
        Used::No
    }

    /// Stops what it runs (Ctrl-C), if anything runs.
    fn interrupt(&mut self, _ctx: &mut Ctx<'_>) -> Used {
        Used::No
    }

    /// Is told that time has passed; asks for the next moment by `Effect::Wake`.
    fn tick(&mut self, _ctx: &mut Ctx<'_>) {}

    /// Gives what must survive kill -9: drafts, queue, cursors, scroll. Small.
    fn save(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    /// Takes back what [`Pane::save`] gave in an earlier run.
    fn restore(&mut self, _saved: &serde_json::Value, _ctx: &mut Ctx<'_>) {}
}

/// The panes' states.
#[derive(Debug, Default)]
pub struct Panes {
    pub chat: chat::State,
    pub source: source::State,
    pub harness: harness::State,
    pub configs: configs::State,
    pub pr: pr::State,
}

impl Panes {
    /// Gives one pane.
    pub fn get(&self, pane: PaneId) -> &dyn Pane {
        match pane {
            PaneId::Chat => &self.chat,
            PaneId::Source => &self.source,
            PaneId::Harness => &self.harness,
            PaneId::Configs => &self.configs,
            PaneId::Pr => &self.pr,
        }
    }

    /// Gives one pane to change.
    pub fn get_mut(&mut self, pane: PaneId) -> &mut dyn Pane {
        match pane {
            PaneId::Chat => &mut self.chat,
            PaneId::Source => &mut self.source,
            PaneId::Harness => &mut self.harness,
            PaneId::Configs => &mut self.configs,
            PaneId::Pr => &mut self.pr,
        }
    }
}
