//! Everything the program knows.

use super::facts::Facts;
use super::job::Jobs;
use super::keymap::Keymap;
use super::layout::{self, Choice, Layout};
use super::overlay::Overlay;
use super::pane::{PaneId, Panes};
use super::{Millis, models, rewind, setup};

/// The whole state. Changes only inside `update`.
#[derive(Debug, Default)]
pub struct State {
    /// Columns and rows of the screen.
    pub size: (u16, u16),
    pub focus: PaneId,
    pub choice: Choice,
    /// `None` where the screen is too small.
    pub layout: Option<Layout>,
    pub keymap: Keymap,
    pub overlay: Option<Overlay>,
    pub facts: Facts,
    pub jobs: Jobs,
    pub setup: setup::State,
    pub rewind: rewind::State,
    pub models: models::State,
    pub panes: Panes,
    /// When Ctrl-C was pressed last; a second one soon after quits.
    pub last_interrupt: Option<Millis>,
    pub quitting: bool,
}

impl State {
    /// Lays out again after size, focus or choice changed.
    pub fn relayout(&mut self) {
        self.layout = layout::layout(self.size, self.focus, self.choice);
    }

    /// Gives the size inside a pane's border; zero where it is not shown.
    pub fn inner_size(&self, pane: PaneId) -> (u16, u16) {
        self.layout
            .as_ref()
            .and_then(|layout| layout.inner(pane))
            .map_or((0, 0), |area| (area.width, area.height))
    }

    /// Names of the contexts in force in a pane.
    pub fn contexts(&self, pane: PaneId) -> Vec<&'static str> {
        let mut contexts = self.panes.get(pane).contexts().to_vec();
        if self.facts.demo.is_some() {
            contexts.push("demo");
        }
        contexts
    }

    /// Whether plain characters are typed text in the focused pane.
    pub fn typing(&self) -> bool {
        self.panes.get(self.focus).typing()
    }

    /// Gives what must survive kill -9, one part a pane and `app` for the rest.
    pub fn save(&self) -> serde_json::Map<String, serde_json::Value> {
        let own = serde_json::json!({
            "focus": self.focus,
            "layout": self.choice,
            "model_type": self.facts.model_type,
            "configs": self.facts.configs,
            "models": self.models.save(),
            "played": self.facts.demo.as_ref().map(|demo| demo.played),
        });
        let panes = PaneId::ALL.map(|pane| (pane.title().to_lowercase(), self.panes.get(pane).save()));
        std::iter::once(("app".to_string(), own)).chain(panes).collect()
    }
}
