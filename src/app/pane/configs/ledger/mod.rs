//! The ledger: for each key who reads it, what moves when it changes, and what the port ignores. Alarms come first; the
//! person rejects one with a reason, and can take that back.

mod evidence;
mod keys;

use std::path::PathBuf;
use std::sync::Arc;

use super::super::{Ctx, Pane, PaneId, PaneMsg, Used, harness, source};
use super::matrix;
use crate::app::editor::Editor;
use crate::app::effect;
use crate::app::job::JobKind;
use crate::app::key::{Code, Key, Mouse, MouseKind};
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

/// What is being typed.
#[derive(Clone, Debug)]
pub enum Typing {
    Search(Editor),
    /// Why an alarm is rejected.
    Reason {
        key: String,
        editor: Editor,
    },
}

/// The layer's state.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub ledger: Arc<Ledger>,
    /// Entries that are shown, by index.
    pub rows: Vec<usize>,
    pub cursor: usize,
    top: usize,
    pub only: Only,
    pub query: String,
    pub typing: Option<Typing>,
    /// The line under the cursor of the evidence, while it is open.
    pub open: Option<usize>,
    pub failed: Option<Report>,
    /// What the ledger is made from, as the matrix gave it last.
    matrix: Arc<Matrix>,
    class: Arc<Keys>,
    wanted: Option<String>,
}

/// Rows of the table: without its header and the two lines below.
pub fn table_height((_, height): (u16, u16)) -> usize {
    usize::from(height.saturating_sub(3))
}

impl State {
    /// Does what a bound key, the palette or a slash command asked for.
    pub fn act(&mut self, action: Action, ctx: &mut Ctx<'_>) {
        let height = table_height(ctx.size);
        let page = i32::try_from(height.max(2) - 1).unwrap_or(1);
        match action {
            Action::Move(by) => self.go(by, height),
            Action::Page(by) => self.go(by * page, height),
            Action::Top => self.go(i32::MIN / 2, height),
            Action::Bottom => self.go(i32::MAX / 2, height),
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
            Action::Search => self.typing = Some(Typing::Search(Editor::default())),
            Action::Next => self.next_match(1, ctx),
            Action::Previous => self.next_match(-1, ctx),
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
        self.rows.get(self.cursor).and_then(|index| self.ledger.entries.get(*index))
    }

    /// Gives the lines of the open evidence.
    pub fn evidence(&self) -> Vec<Line> {
        self.entry().map(|entry| evidence(entry, &self.ledger)).unwrap_or_default()
    }

    /// Gives the first shown row of the screen, so that the cursor is in view.
    pub fn top(&self, height: usize) -> usize {
        let lowest = (self.cursor + 1).saturating_sub(height.max(1));
        let last = self.rows.len().saturating_sub(height);
        self.top.clamp(lowest, self.cursor.max(lowest)).min(last.max(lowest))
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

    fn go(&mut self, by: i32, height: usize) {
        if let Some(at) = self.open {
            let last = self.evidence().len().saturating_sub(1);
            self.open = Some(at.saturating_add_signed(by as isize).min(last));
            return;
        }
        let last = self.rows.len().saturating_sub(1);
        self.cursor = self.cursor.saturating_add_signed(by as isize).min(last);
        self.top = self.top(height);
    }

    fn enter(&mut self, ctx: &mut Ctx<'_>) {
        let Some(at) = self.open else {
            let lines = self.evidence();
            // The first place is what Enter again goes to.
            let first = lines.iter().position(|line| line.place.is_some());
            self.open = (!lines.is_empty()).then(|| first.unwrap_or(0));
            return;
        };
        let Some(place) = self.evidence().into_iter().nth(at).and_then(|line| line.place) else {
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
            (None, Some(_)) => self.typing = Some(Typing::Reason { key, editor: Editor::default() }),
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
        self.cursor = at.unwrap_or(0);
    }

    fn take(&mut self, typing: Typing, ctx: &mut Ctx<'_>) {
        match typing {
            Typing::Search(_) => {}
            Typing::Reason { key, editor } => {
                let reason = editor.text().trim().to_string();
                match reason.is_empty() {
                    true => ctx.toast("A rejection needs a reason; nothing was rejected"),
                    false => self.start(Act::Reject { key, reason }, ctx),
                }
            }
        }
    }

    fn searched(&mut self, height: usize) {
        let Some(Typing::Search(editor)) = &self.typing else { return };
        self.query = editor.text().to_lowercase();
        let found = self.matches();
        if let Some(at) = found.iter().find(|at| **at >= self.cursor).or(found.first()) {
            self.cursor = *at;
        }
        self.top = self.top(height);
    }

    fn matches(&self) -> Vec<usize> {
        let has = |index: &usize| self.ledger.entries[*index].path.to_lowercase().contains(&self.query);
        let rows = self.rows.iter().enumerate().filter(|(_, index)| !self.query.is_empty() && has(index));
        rows.map(|(at, _)| at).collect()
    }

    fn next_match(&mut self, by: i32, ctx: &mut Ctx<'_>) {
        let found = self.matches();
        let next = match by > 0 {
            true => found.iter().find(|at| **at > self.cursor).or(found.first()),
            false => found.iter().rev().find(|at| **at < self.cursor).or(found.last()),
        };
        match next {
            Some(at) => self.cursor = *at,
            None => ctx.toast("No match. / searches"),
        }
        self.top = self.top(table_height(ctx.size));
    }

    fn editor(&mut self) -> Option<&mut Editor> {
        self.typing.as_mut().map(|typing| match typing {
            Typing::Search(editor) | Typing::Reason { editor, .. } => editor,
        })
    }
}

impl Pane for State {
    fn contexts(&self) -> &'static [&'static str] {
        match (&self.typing, self.open) {
            (Some(Typing::Search(_)), _) => &["search"],
            (Some(Typing::Reason { .. }), _) => &["reason"],
            (None, _) => &["ledger", "layers"],
        }
    }

    fn typing(&self) -> bool {
        self.typing.is_some()
    }

    fn key(&mut self, key: Key, ctx: &mut Ctx<'_>) -> Used {
        if let Some(typing) = self.typing.take_if(|_| key.code == Code::Enter) {
            self.take(typing, ctx);
            return Used::Yes;
        }
        let Some(editor) = self.editor() else { return Used::No };
        let used = editor.key(key);
        self.searched(table_height(ctx.size));
        used
    }

    fn paste(&mut self, text: &str, ctx: &mut Ctx<'_>) -> Used {
        let Some(editor) = self.editor() else { return Used::No };
        editor.insert(&text.chars().filter(|c| !c.is_control()).collect::<String>());
        self.searched(table_height(ctx.size));
        Used::Yes
    }

    fn mouse(&mut self, mouse: Mouse, ctx: &mut Ctx<'_>) -> Used {
        let height = table_height(ctx.size);
        match mouse.kind {
            MouseKind::ScrollUp => self.go(-3, height),
            MouseKind::ScrollDown => self.go(3, height),
            MouseKind::Press if self.open.is_none() && mouse.row > 0 && usize::from(mouse.row) <= height => {
                self.cursor = self.top(height) + usize::from(mouse.row) - 1;
                self.go(0, height);
            }
            _ => return Used::No,
        }
        Used::Yes
    }

    fn ended(&mut self, _kind: JobKind, result: Result<(), Report>, _ctx: &mut Ctx<'_>) {
        self.failed = result.err();
    }

    fn escape(&mut self, _ctx: &mut Ctx<'_>) -> Used {
        let closed = self.typing.take().is_some() || self.open.take().is_some();
        if closed || !std::mem::take(&mut self.query).is_empty() { Used::Yes } else { Used::No }
    }

    fn save(&self) -> serde_json::Value {
        let typing = self.typing.as_ref().map(|typing| match typing {
            Typing::Search(editor) => ("search", editor.text(), String::new()),
            Typing::Reason { key, editor } => ("reason", editor.text(), key.clone()),
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
            (Some("search"), Some(text), _) => Some(Typing::Search(Editor::new(&text))),
            (Some("reason"), Some(text), Some(key)) => {
                Some(Typing::Reason { key, editor: Editor::new(&text) })
            }
            _ => None,
        };
    }
}
