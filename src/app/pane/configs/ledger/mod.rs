//! The ledger: for each key who reads it, what moves when it changes, and what the port ignores. Alarms come first; the
//! person rejects one with a reason, and can take that back.

mod evidence;
mod keys;

use std::path::PathBuf;
use std::sync::Arc;

use super::super::{Ctx, Pane, PaneId, PaneMsg, Used, harness, source};
use super::list::{self, Cursor, Extent, Listed, Typed, Way};
use super::matrix;
use crate::app::effect;
use crate::app::job::JobKind;
use crate::app::key::{Key, Mouse};
use crate::harness::data::CheckId;
use crate::hub::data::{Entry, Keys, Ledger, Matrix};
use crate::util::blame::Report;

pub use evidence::{Kind, Line, evidence};
pub use keys::{ACTIONS, Action};

/// What its jobs tell it.
#[derive(Clone, Debug)]
pub enum Msg {
    Loaded(Arc<Ledger>),
}

/// Asks the runtime for the ledger, after an act of the person.
#[derive(Clone, Debug)]
pub struct Job {
    pub model_type: String,
    pub references: Vec<PathBuf>,
    pub port: Option<PathBuf>,
    pub matrix: Arc<Matrix>,
    pub class: Arc<Keys>,
    pub act: Act,
}

/// What the person decided about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    Show,
    Reject { key: String, reason: String },
    Restore { key: String },
}

/// Which keys are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Only {
    #[default]
    All,
    /// Alarms, the rejected ones too.
    Alarms,
}

/// What a line is typed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typing {
    Search,
    /// Why the alarm of this key is rejected.
    Reason(String),
}

/// The layer's state.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub ledger: Arc<Ledger>,
    /// Entries that are shown, by index.
    pub rows: Vec<usize>,
    pub cursor: Cursor,
    pub only: Only,
    pub query: String,
    pub typing: Option<Typed<Typing>>,
    /// Where one is in the evidence, while it is open.
    pub open: Option<Cursor>,
    pub failed: Option<Report>,
    /// What the ledger is made from, as the matrix gave it last.
    matrix: Arc<Matrix>,
    class: Arc<Keys>,
    wanted: Option<String>,
}

impl State {
    /// Does what a bound key, the palette or a slash command asked for.
    pub fn act(&mut self, action: Action, ctx: &mut Ctx<'_>) {
        match action {
            Action::Go(to) => list::go(self, to, ctx),
            Action::Enter => self.enter(ctx),
            Action::Reject => self.reject(ctx),
            Action::Alarms => {
                let key = self.entry().map(|entry| entry.path.clone());
                self.only = if self.only == Only::All { Only::Alarms } else { Only::All };
                self.filter(key.as_deref());
                if self.rows.is_empty() {
                    ctx.toast("No alarms. d shows all keys");
                }
            }
            Action::Check => {
                let checks = ["exact", "config"].into_iter().filter_map(CheckId::named).collect();
                ctx.post(PaneMsg::Harness(harness::Msg::Run(checks)));
                ctx.toast("Every key is changed, nulled and removed; the ledger follows");
            }
            Action::Search => self.typing = Some(Typed::new(Typing::Search, "")),
            Action::Next => list::seek(self, &self.matches(), Way::Down, ctx),
            Action::Previous => list::seek(self, &self.matches(), Way::Up, ctx),
            Action::Reload => self.start(Act::Show, ctx),
        }
    }

    /// Takes what a job says.
    pub fn on(&mut self, msg: Msg, _ctx: &mut Ctx<'_>) {
        match msg {
            Msg::Loaded(ledger) => {
                let key = self.wanted.take().or_else(|| self.entry().map(|entry| entry.path.clone()));
                (self.ledger, self.failed) = (ledger, None);
                self.filter(key.as_deref());
                if self.rows.is_empty() {
                    self.wanted = key;
                    self.open = None;
                }
            }
        }
    }

    /// Makes the ledger again from what the matrix has now.
    pub(super) fn refresh(&mut self, matrix: &matrix::State, ctx: &mut Ctx<'_>) {
        (self.matrix, self.class) = (Arc::clone(&matrix.matrix), Arc::clone(&matrix.class));
        self.start(Act::Show, ctx);
    }

    /// Tells whether there is one.
    pub(super) fn is_made(&self) -> bool {
        !self.ledger.entries.is_empty()
    }

    /// Counts the alarms that the person has not rejected.
    pub fn alarms(&self) -> usize {
        self.ledger.alarms()
    }

    /// Gives the entry under the cursor.
    pub fn entry(&self) -> Option<&Entry> {
        self.rows.get(self.cursor.at).and_then(|index| self.ledger.entries.get(*index))
    }

    /// Gives the lines of the open evidence.
    pub fn evidence(&self) -> Vec<Line> {
        self.entry().map(|entry| evidence(entry, &self.ledger)).unwrap_or_default()
    }

    /// Gives the first shown row of the screen, so that the cursor is in view.
    pub fn top(&self, height: usize) -> usize {
        self.cursor.top(Extent { lines: self.rows.len(), height })
    }

    fn start(&mut self, act: Act, ctx: &mut Ctx<'_>) {
        let typed = || self.matrix.variants.iter().find_map(|variant| variant.model_type.clone());
        let Some(model_type) = ctx.facts.model_type.clone().or_else(typed) else { return };
        let workspace = ctx.facts.workspace.clone().unwrap_or_default();
        let (matrix, class) = (Arc::clone(&self.matrix), Arc::clone(&self.class));
        let job =
            Job { model_type, references: workspace.references, port: workspace.port, matrix, class, act };
        ctx.start(JobKind::Ledger, "making the ledger", effect::Job::Configs(super::Job::Ledger(job)));
    }

    fn enter(&mut self, ctx: &mut Ctx<'_>) {
        let Some(at) = self.open else {
            let lines = self.evidence();
            // The first place is what Enter again goes to.
            let first = lines.iter().position(|line| line.place.is_some());
            self.open = (!lines.is_empty()).then(|| Cursor::kept(first.unwrap_or(0), 0));
            return;
        };
        let Some(place) = self.evidence().into_iter().nth(at.at).and_then(|line| line.place) else {
            return ctx.toast("This line names no place. j and k go to one that does");
        };
        ctx.post(PaneMsg::Source(source::Msg::Open { path: place.file, line: place.line }));
        ctx.post(PaneMsg::Focus(PaneId::Source));
    }

    fn reject(&mut self, ctx: &mut Ctx<'_>) {
        let Some(entry) = self.entry() else { return };
        let key = entry.path.clone();
        match (&entry.rejected, entry.alarm) {
            (Some(_), _) => {
                self.start(Act::Restore { key }, ctx);
                ctx.toast("The rejection is taken back. x rejects again");
            }
            (None, Some(_)) => self.typing = Some(Typed::new(Typing::Reason(key), "")),
            (None, None) => ctx.toast("This key is no alarm: there is nothing to reject"),
        }
    }

    fn filter(&mut self, key: Option<&str>) {
        let entries = self.ledger.entries.iter().enumerate();
        let keep = |entry: &Entry| self.only == Only::All || entry.alarm.is_some();
        self.rows = entries.filter(|(_, entry)| keep(entry)).map(|(index, _)| index).collect();
        let at =
            key.and_then(|key| self.rows.iter().position(|index| self.ledger.entries[*index].path == key));
        // Where the key is gone, what it showed is gone too.
        if at.is_none() {
            self.open = None;
        }
        self.cursor.at = at.unwrap_or(0);
    }

    fn matches(&self) -> Vec<usize> {
        let has = |index: &usize| self.ledger.entries[*index].path.to_lowercase().contains(&self.query);
        let rows = self.rows.iter().enumerate().filter(|(_, index)| !self.query.is_empty() && has(index));
        rows.map(|(at, _)| at).collect()
    }
}

impl Listed for State {
    type What = Typing;

    fn typing(&mut self) -> &mut Option<Typed<Typing>> {
        &mut self.typing
    }

    fn cursor(&mut self) -> (&mut Cursor, usize) {
        let lines = self.open.map(|_| self.evidence().len());
        match (&mut self.open, lines) {
            (Some(open), Some(lines)) => (open, lines),
            _ => (&mut self.cursor, self.rows.len()),
        }
    }

    fn edited(&mut self, height: usize) {
        let Some(Typed { what: Typing::Search, editor }) = &self.typing else { return };
        self.query = editor.text().to_lowercase();
        let matches = self.matches();
        self.cursor.seek(&matches, Way::Here, Extent { lines: self.rows.len(), height });
    }

    fn entered(&mut self, typed: Typed<Typing>, ctx: &mut Ctx<'_>) {
        let reason = typed.text();
        match typed.what {
            Typing::Search => {}
            Typing::Reason(_) if reason.is_empty() => {
                ctx.toast("A rejection needs a reason; nothing was rejected");
            }
            Typing::Reason(key) => self.start(Act::Reject { key, reason }, ctx),
        }
    }
}

impl Pane for State {
    fn contexts(&self) -> &'static [&'static str] {
        match self.typing.as_ref().map(|typed| &typed.what) {
            Some(Typing::Search) => &["search"],
            Some(Typing::Reason(_)) => &["reason"],
            None => &["ledger", "layers"],
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
        // The evidence has no header.
        list::mouse(self, (mouse, u16::from(self.open.is_none())), ctx)
    }

    fn ended(&mut self, _kind: JobKind, result: Result<(), Report>, _ctx: &mut Ctx<'_>) {
        self.failed = result.err();
    }

    fn escape(&mut self, _ctx: &mut Ctx<'_>) -> Used {
        let closed = self.typing.take().is_some() || self.open.take().is_some();
        if closed || !std::mem::take(&mut self.query).is_empty() { Used::Yes } else { Used::No }
    }

    fn save(&self) -> serde_json::Value {
        let typing = self.typing.as_ref().map(|typed| match &typed.what {
            Typing::Search => ("search", typed.editor.text(), String::new()),
            Typing::Reason(key) => ("reason", typed.editor.text(), key.clone()),
        });
        serde_json::json!({
            "key": self.wanted.as_ref().or_else(|| self.entry().map(|entry| &entry.path)),
            "alarms": self.only == Only::Alarms,
            "query": self.query,
            "typing": typing,
        })
    }

    fn restore(&mut self, saved: &serde_json::Value, _ctx: &mut Ctx<'_>) {
        self.only = if saved["alarms"] == true { Only::Alarms } else { Only::All };
        self.wanted = saved["key"].as_str().map(str::to_string);
        self.query = saved["query"].as_str().unwrap_or_default().to_string();
        let part = |at: usize| saved["typing"][at].as_str().map(str::to_string);
        self.typing = match (part(0).as_deref(), part(1), part(2)) {
            (Some("search"), Some(text), _) => Some(Typed::new(Typing::Search, &text)),
            (Some("reason"), Some(text), Some(key)) => Some(Typed::new(Typing::Reason(key), &text)),
            _ => None,
        };
    }
}
