//! The checkpoints of the architecture on the Hub: a list that fills while it is read, in groups of size and kind. The person
//! marks variants; Enter takes them, which brings their configs into the matrix and the twins.
//!
//! [`rows`] says what stands on which line, [`marks`] what is marked and taken. Nothing is fetched here: jobs are asked.

mod marks;
mod rows;

use std::collections::BTreeSet;

use super::super::{Ctx, Pane, Used};
use super::list::{self, Cursor, Extent, Go, Listed, Typed};
use crate::app::Millis;
use crate::app::action::{self, Binding, row};
use crate::app::effect::{self, Effect};
use crate::app::job::JobKind;
use crate::app::key::{Key, Mouse};
use crate::hub::data::Wait;
use crate::hub::data::discover::{Candidate, Finding, Found, Progress};
use crate::util::blame::Report;

pub use marks::{Mark, Taken};
pub use rows::Line;

/// Repositories that the listing is followed for at first, and how many more `m` asks for.
const LIMIT: usize = 300;

/// What its jobs and other panes tell it.
#[derive(Clone, Debug)]
pub enum Msg {
    /// Discover this, whose own config is among the variants already.
    Begin { model: String, taken: Option<Taken> },
    /// All that is known so far.
    Found(Box<Found>),
    /// A pause before the Hub is asked again.
    Wait(Wait),
    /// What exists already.
    Radar(Vec<Finding>),
    /// The config of a marked variant is in the cache, or why not.
    Looked { id: String, looked: Result<Taken, Report> },
    /// A name that was typed where files are added.
    Named(String),
}

/// What it asks the runtime to do.
#[derive(Clone, Debug)]
pub enum Job {
    Search {
        model: String,
        limit: usize,
    },
    /// Fetch the config.json of a repository; `id` is what the answer is called.
    Look {
        id: String,
    },
}

/// What its rows of the registry ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Discovers what is ported, or asks for a model.
    Begin,
    /// Asks for another model.
    Other,
    Go(Go),
    /// Opens or closes the group under the cursor.
    Fold(Folded),
    Mark,
    /// Marks the first of each size and kind by the makers.
    Canonical,
    /// Takes the marked variants.
    Take,
    Filter,
    /// Follows the Hub's list further.
    More,
}

/// Which way a group is folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folded {
    Open,
    Shut,
}

const fn own(
    id: &'static str,
    text: &'static str,
    keys: &'static [&'static str],
    hint: u8,
    act: Action,
) -> Binding {
    row(id, text, keys, ("discover", hint), action::Action::Configs(super::Action::Discover(act)))
}

/// Its rows of the registry.
pub const ACTIONS: &[Binding] = &[
    row(
        "discover.begin",
        "Discover checkpoints on the Hub",
        &["D"],
        ("layers", 6),
        action::Action::Configs(super::Action::Discover(Action::Begin)),
    ),
    own("discover.mark", "Mark the variant, or the group", &["space"], 1, Action::Mark),
    own("discover.take", "Take the marked variants", &["enter"], 2, Action::Take),
    own("discover.canonical", "Mark one of each by the makers", &["c"], 3, Action::Canonical),
    own("discover.filter", "Filter by name", &["/"], 4, Action::Filter),
    own("discover.open", "Open the group", &["l", "right"], 5, Action::Fold(Folded::Open)),
    own("discover.shut", "Close the group", &["h", "left"], 0, Action::Fold(Folded::Shut)),
    own("discover.more", "Read more of the Hub's list", &["m"], 7, Action::More),
    own("discover.other", "Discover another model", &["o"], 8, Action::Other),
    own("discover.down", "Down", &["j", "down"], 0, Action::Go(Go::Lines(1))),
    own("discover.up", "Up", &["k", "up"], 0, Action::Go(Go::Lines(-1))),
    own("discover.page-down", "Page down", &["pagedown", "ctrl-d"], 0, Action::Go(Go::Pages(1))),
    own("discover.page-up", "Page up", &["pageup", "ctrl-u"], 0, Action::Go(Go::Pages(-1))),
    own("discover.top", "First line", &["g", "home"], 0, Action::Go(Go::First)),
    own("discover.bottom", "Last line", &["G", "end"], 0, Action::Go(Go::Last)),
];

/// What a line is typed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typing {
    Filter,
    Model,
}

/// The layer's state.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// What is or was sought, as typed.
    pub model: Option<String>,
    limit: usize,
    pub found: Option<Box<Found>>,
    pub findings: Vec<Finding>,
    /// A pause, and when it ends.
    pub wait: Option<(Wait, Millis)>,
    /// When it was last told the time, for the countdown.
    pub now: Millis,
    pub problem: Option<Report>,
    pub filter: String,
    pub typing: Option<Typed<Typing>>,
    pub marks: marks::Marks,
    /// Groups that stand apart and are open, by title.
    pub open: BTreeSet<String>,
    pub rows: Vec<Line>,
    /// Characters of the longest name that is shown.
    pub longest: usize,
    pub cursor: Cursor,
    /// What the cursor stands on, so that it stays there while the list fills.
    on: Option<String>,
    asking: bool,
    looks: u32,
}

impl State {
    /// Does what a bound key, the palette or a slash command asked for.
    pub fn act(&mut self, action: Action, ctx: &mut Ctx<'_>) {
        match action {
            Action::Begin => self.show(ctx),
            Action::Other => self.typing = Some(Typed::new(Typing::Model, "")),
            Action::Go(to) => list::go(self, to, ctx),
            Action::Fold(folded) => self.fold(folded),
            Action::Mark => self.mark(ctx),
            Action::Canonical => self.mark_canonical(ctx),
            Action::Take => self.enter(ctx),
            Action::Filter => self.typing = Some(Typed::new(Typing::Filter, &self.filter)),
            Action::More => match &self.found {
                Some(found) if found.more => self.search(self.limit + LIMIT, ctx),
                Some(_) => ctx.toast("The Hub lists no more of it"),
                None => {}
            },
        }
    }

    /// Takes what a job or another pane says.
    pub fn on(&mut self, msg: Msg, ctx: &mut Ctx<'_>) {
        match msg {
            Msg::Begin { model, taken } => {
                if let Some(taken) = taken {
                    self.marks.taken(taken);
                }
                self.model = Some(model);
                self.search(LIMIT, ctx);
            }
            Msg::Found(found) => {
                self.wait = None;
                self.asking = matches!(found.progress, Progress::Asking { .. });
                if let Progress::Failed(report) = &found.progress {
                    self.problem = Some(report.clone());
                }
                self.found = Some(found);
                self.lay_out();
            }
            Msg::Wait(wait) => {
                let until = ctx.now + (wait.seconds.max(0.0) * 1000.0) as Millis;
                self.wait = Some((wait, until));
                self.tick(ctx);
            }
            Msg::Radar(findings) => {
                self.findings = findings;
                self.lay_out();
            }
            Msg::Looked { id, looked } => self.looked(&id, looked, ctx),
            Msg::Named(text) => self.add(text, ctx),
        }
    }

    /// Whether the Hub is being asked.
    pub fn is_asking(&self) -> bool {
        self.asking
    }

    /// Gives the candidate under the cursor.
    pub fn candidate(&self) -> Option<&Candidate> {
        self.candidate_at(*self.rows.get(self.cursor.at)?)
    }

    /// Gives the first line of the screen, so that the cursor is in view.
    pub fn top(&self, height: usize) -> usize {
        self.cursor.top(Extent { lines: self.rows.len(), height })
    }

    /// Is shown: begins with what is ported, or asks.
    pub(super) fn show(&mut self, ctx: &mut Ctx<'_>) {
        if self.found.is_some() || self.asking || self.typing.is_some() {
            return;
        }
        match self.model.clone().or_else(|| ctx.facts.model_type.clone()) {
            Some(model) => {
                self.model = Some(model);
                self.search(LIMIT, ctx);
            }
            None => self.typing = Some(Typed::new(Typing::Model, "")),
        }
    }

    fn search(&mut self, limit: usize, ctx: &mut Ctx<'_>) {
        let Some(model) = self.model.clone() else { return };
        let same = self.found.as_ref().is_some_and(|found| found.model_type.is_some()) && limit > LIMIT;
        if !same {
            (self.found, self.findings) = (None, Vec::new());
        }
        (self.limit, self.asking, self.problem, self.wait) = (limit, true, None, None);
        self.lay_out();
        let title = format!("discovering {model}");
        ctx.start(JobKind::Discover, title, effect::Job::Discover(Job::Search { model, limit }));
    }

    /// Stops asking; what came stays.
    fn stop(&mut self, ctx: &mut Ctx<'_>) -> Used {
        if !std::mem::take(&mut self.asking) {
            return Used::No;
        }
        ctx.cancel(JobKind::Discover);
        self.wait = None;
        if let Some(found) = &mut self.found {
            found.progress = Progress::Stopped;
        }
        ctx.toast("Stopped; what came stays. o or m asks again");
        Used::Yes
    }
}

impl Listed for State {
    type What = Typing;

    fn typing(&mut self) -> &mut Option<Typed<Typing>> {
        &mut self.typing
    }

    fn cursor(&mut self) -> (&mut Cursor, usize) {
        (&mut self.cursor, self.rows.len())
    }

    fn moved(&mut self) {
        self.on = self.name_of(self.cursor.at);
    }

    fn edited(&mut self, _height: usize) {
        if let Some(Typed { what: Typing::Filter, editor }) = &self.typing {
            self.filter = editor.text().to_lowercase();
            self.lay_out();
        }
    }

    fn entered(&mut self, typed: Typed<Typing>, ctx: &mut Ctx<'_>) {
        let text = typed.text();
        if typed.what == Typing::Model && !text.is_empty() {
            self.model = Some(text);
            self.search(LIMIT, ctx);
        }
    }
}

impl Pane for State {
    fn contexts(&self) -> &'static [&'static str] {
        match self.typing.as_ref().map(|typed| typed.what) {
            Some(Typing::Filter) => &["search"],
            Some(Typing::Model) => &["path"],
            None => &["discover", "layers"],
        }
    }

    fn typing(&self) -> bool {
        self.typing.is_some()
    }

    fn key(&mut self, key: Key, ctx: &mut Ctx<'_>) -> Used {
        list::key(self, key, ctx)
    }

    fn paste(&mut self, text: &str, ctx: &mut Ctx<'_>) -> Used {
        list::paste(self, text, ctx)
    }

    fn mouse(&mut self, mouse: Mouse, ctx: &mut Ctx<'_>) -> Used {
        list::mouse(self, (mouse, 1), ctx)
    }

    fn ended(&mut self, kind: JobKind, result: Result<(), Report>, _ctx: &mut Ctx<'_>) {
        if kind == JobKind::Discover {
            (self.asking, self.wait) = (false, None);
        }
        if let Err(report) = result {
            self.problem = Some(report);
        }
    }

    fn escape(&mut self, ctx: &mut Ctx<'_>) -> Used {
        if self.typing.take().is_some() {
            return Used::Yes;
        }
        if !std::mem::take(&mut self.filter).is_empty() {
            self.lay_out();
            return Used::Yes;
        }
        if self.stop(ctx) == Used::Yes || self.problem.take().is_some() {
            return Used::Yes;
        }
        Used::No
    }

    fn interrupt(&mut self, ctx: &mut Ctx<'_>) -> Used {
        self.stop(ctx)
    }

    fn tick(&mut self, ctx: &mut Ctx<'_>) {
        self.now = ctx.now;
        match &self.wait {
            // The countdown shows whole seconds.
            Some((_, until)) if ctx.now < *until => {
                let left = (until - ctx.now) % 1000;
                ctx.effects.push(Effect::Wake(ctx.now + if left == 0 { 1000 } else { left }));
            }
            Some(_) => self.wait = None,
            None => {}
        }
    }

    fn save(&self) -> serde_json::Value {
        serde_json::json!({
            "model": self.model,
            "filter": self.filter,
            "on": self.on,
            "open": self.open,
            "marks": self.marks.save(),
        })
    }

    fn restore(&mut self, saved: &serde_json::Value, ctx: &mut Ctx<'_>) {
        let text = |name: &str| saved[name].as_str().map(str::to_string);
        (self.model, self.on) = (text("model"), text("on"));
        self.filter = text("filter").unwrap_or_default();
        self.open = serde_json::from_value(saved["open"].clone()).unwrap_or_default();
        self.marks.restore(&saved["marks"]);
        for id in self.marks.to_fetch() {
            self.look(id, ctx);
        }
    }
}
