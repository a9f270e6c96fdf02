//! Reference and port side by side: the reference on the left, the port on the right, paired class by class.
//!
//! Files come from a watching job that reads and parses them; this pane holds the parsed documents and where each side
//! looks. Reading order: `keys`, [`side`] (one half: cursor, scroll, search), `pairs` (what moves both halves), [`list`] (outline,
//! jump and file lists).

mod halves;
mod keys;
pub mod list;
mod pairs;
mod saved;
pub mod side;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Ctx, Pane, PaneMsg, Used, chat, configs, harness};
use crate::app::Millis;
use crate::app::effect::{self, Effect};
use crate::app::job::JobKind;
use crate::app::key::{Code, Key, Mouse, MouseKind};
use crate::source::data::{Inherited, LoadedSource, Near};
use crate::source::pure::Pairing;
use crate::util::blame::Report;

pub use halves::{Halves, code_height, halves};
pub use keys::{ACTIONS, Action};
pub use list::List;
pub use pairs::Divergence;
pub use side::{Search, Side};

/// How long a change on disk counts as the one that was announced.
const ANNOUNCED_MS: Millis = 3_000;

/// What jobs and other panes tell it.
#[derive(Clone, Debug)]
pub enum Msg {
    /// The workspace is there; `Facts::workspace` says where.
    WorkspaceReady,
    /// Go to the first divergent module on both sides; places are `file:line` where known.
    GoTo { module: String, reference: Option<String>, port: Option<String> },
    /// Mark the first divergent module, without moving: a check ended while somebody may be reading here.
    Diverges { module: String, reference: Option<String>, port: Option<String> },
    /// Nothing diverges any more: take the marks away.
    NoDivergence,
    /// The port file has changed on disk.
    PortChanged,
    /// Show where both sides read a config key.
    FindKey { key: String },
    /// Open a file at a line, as `file:line` in the chat asks for.
    Open { path: PathBuf, line: u32 },
    /// A file was read, for the first time or again.
    Loaded { path: PathBuf, source: LoadedSource },
    /// A file could not be read; a port that is not there yet is no error.
    Missing { path: PathBuf, report: Report },
    /// Where the classes of a modular file come from.
    Inherited { path: PathBuf, classes: Vec<Inherited> },
    /// The accepted ports, nearest first.
    Near(Vec<Near>),
}

/// What it asks the runtime to do.
#[derive(Clone, Debug)]
pub enum Job {
    /// Read these, then read each again when it changes, until cancelled.
    Watch { paths: Vec<PathBuf> },
    /// Read one file.
    Load { path: PathBuf },
    /// Rank the accepted ports of the folder against the reference.
    Nearest { references: Vec<PathBuf>, models: PathBuf },
}

/// Which half.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Half {
    #[default]
    Reference,
    Port,
}

impl Half {
    /// Gives the other half.
    pub fn other(self) -> Self {
        match self {
            Self::Reference => Self::Port,
            Self::Port => Self::Reference,
        }
    }
}

/// Whether the other half follows the pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Follow {
    #[default]
    On,
    Off,
}

/// Whether the gutter says who wrote each line of the port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Writers {
    #[default]
    Hidden,
    Shown,
}

/// The pane's state.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub docs: BTreeMap<PathBuf, LoadedSource>,
    pub missing: BTreeMap<PathBuf, Report>,
    pub inherited: BTreeMap<PathBuf, Vec<Inherited>>,
    pub near: Vec<Near>,
    pub reference: Side,
    pub port: Side,
    pub active: Half,
    pub follow: Follow,
    pub pairing: Pairing,
    pub writers: Writers,
    pub divergence: Option<Divergence>,
    pub list: Option<List>,
    /// What was said about the last jump, until the next one.
    pub note: Option<String>,
    /// The reference's files, for the list.
    pub references: Vec<PathBuf>,
    back: Vec<(Half, PathBuf, u32)>,
    /// What the last run kept, until the workspace is there.
    restored: Option<serde_json::Value>,
    wanted: Option<(PathBuf, u32)>,
    /// When the chat said that it wrote the port; it tells the harness itself.
    announced: Option<Millis>,
}

impl State {
    /// Gives one half.
    pub fn side(&self, half: Half) -> &Side {
        match half {
            Half::Reference => &self.reference,
            Half::Port => &self.port,
        }
    }

    fn side_mut(&mut self, half: Half) -> &mut Side {
        match half {
            Half::Reference => &mut self.reference,
            Half::Port => &mut self.port,
        }
    }

    /// Does what a bound key, the palette or a slash command asked for.
    pub fn act(&mut self, action: Action, ctx: &mut Ctx<'_>) {
        if self.list.is_some() {
            return self.act_on_list(action, ctx);
        }
        if self.side(self.active).search.typing() && action == Action::Enter {
            return self.side_mut(self.active).search.accept();
        }
        let height = code_height(ctx.size);
        match action {
            Action::Move(by) => self.moved(by, height),
            Action::HalfPage(by) => self.moved(by * i32::from(height / 2).max(1), height),
            Action::Page(by) => self.moved(by * i32::from(height.saturating_sub(2)).max(1), height),
            Action::Top => self.moved(i32::MIN / 2, height),
            Action::Bottom => self.moved(i32::MAX / 2, height),
            Action::Sideways(by) => self.side_mut(self.active).sideways(by),
            Action::Switch(half) => self.active = half,
            Action::Pair => self.go_to_pair(ctx),
            Action::Outline => self.open_list(list::Kind::Outline, ctx),
            Action::Jump => self.open_list(list::Kind::Jump, ctx),
            Action::Files => self.open_list(list::Kind::Files, ctx),
            Action::Search => self.side_mut(self.active).search_start(),
            Action::Next => self.next_match(1, ctx),
            Action::Previous => self.next_match(-1, ctx),
            Action::Follow => self.toggle_follow(ctx),
            Action::Divergence => self.go_to_divergence(ctx),
            Action::Writers => {
                self.writers = if self.writers == Writers::Shown { Writers::Hidden } else { Writers::Shown };
            }
            Action::Edit => self.edit(ctx),
            Action::Back => self.go_back(ctx),
            Action::Enter => self.follow_line(ctx),
        }
    }

    /// Takes what a job or another pane says.
    pub fn on(&mut self, msg: Msg, ctx: &mut Ctx<'_>) {
        match msg {
            Msg::WorkspaceReady => self.start(ctx),
            Msg::GoTo { module, reference, port } => {
                self.divergence = Some(Divergence::new(module, reference, port));
                self.go_to_divergence(ctx);
            }
            Msg::Diverges { module, reference, port } => {
                self.divergence = Some(Divergence::new(module, reference, port));
                self.refresh(ctx);
            }
            Msg::NoDivergence => {
                self.divergence = None;
                self.note = self.note.take().filter(|note| !note.starts_with("first divergence"));
            }
            Msg::PortChanged => {
                self.announced = Some(ctx.now);
                self.reload_port(ctx);
            }
            Msg::FindKey { key } => self.find_key(&key, code_height(ctx.size)),
            Msg::Open { path, line } => self.open(path, line, ctx),
            Msg::Loaded { path, source } => self.loaded(path, source, ctx),
            Msg::Missing { path, report } => {
                let first = self.references.first().filter(|_| self.reference.path.as_ref() == Some(&path));
                // A file that was looked at in an earlier run and is gone gives way to the reference.
                if let Some(first) = first.filter(|first| **first != path && !self.references.contains(&path))
                {
                    let first = first.clone();
                    self.show_reference(&first, ctx);
                }
                if self.port.path.as_ref() == Some(&path) {
                    port_now(&path, None, ctx);
                }
                self.missing.insert(path, report);
            }
            Msg::Inherited { path, classes } => {
                self.inherited.insert(path, classes);
            }
            Msg::Near(near) => {
                self.near = near;
                self.fill_list();
            }
        }
    }

    fn reload_port(&mut self, ctx: &mut Ctx<'_>) {
        if let Some(path) = self.port.path.clone() {
            let job = effect::Job::Source(Job::Load { path });
            ctx.start(JobKind::LoadSource, "reading the port", job);
        }
    }

    fn start(&mut self, ctx: &mut Ctx<'_>) {
        let Some(workspace) = ctx.facts.workspace.clone() else { return };
        self.references.clone_from(&workspace.references);
        self.reference.path = workspace.references.first().cloned();
        self.port.path.clone_from(&workspace.port);
        if let Some(saved) = self.restored.take() {
            self.take_back(saved, ctx);
        }
        let mut paths = workspace.references.clone();
        paths.extend(workspace.port.clone());
        if paths.is_empty() {
            return;
        }
        ctx.start(JobKind::Watch, "watching the sources", effect::Job::Source(Job::Watch { paths }));
        let models = workspace.checkout.join("mlx_lm/models");
        let job = Job::Nearest { references: workspace.references, models };
        ctx.start(JobKind::Search, "ranking accepted ports", effect::Job::Source(job));
    }

    fn loaded(&mut self, path: PathBuf, source: LoadedSource, ctx: &mut Ctx<'_>) {
        let was_missing = self.missing.remove(&path).is_some();
        let before = self.docs.insert(path.clone(), source.clone());
        let changed = before.as_ref().is_some_and(|before| before.digest != source.digest);
        if before.is_some() && !changed {
            return;
        }
        let is_port =
            ctx.facts.workspace.as_ref().is_some_and(|workspace| workspace.port.as_ref() == Some(&path));
        if is_port {
            port_now(&path, Some(source.doc.text.to_string()), ctx);
        }
        // A port that was not there yet and now is has changed too.
        let announced = self.announced.take_if(|_| is_port).is_some_and(|at| ctx.now < at + ANNOUNCED_MS);
        if is_port && (changed || was_missing) && !announced {
            ctx.post(PaneMsg::Harness(harness::Msg::PortSaved { at: ctx.now }));
        }
        for half in [Half::Reference, Half::Port] {
            if self.side(half).path.as_ref() == Some(&path) {
                self.side_mut(half).set_doc(source.doc.clone());
            }
        }
        self.refresh(ctx);
        if before.is_none() && is_port && !self.port.is_placed() {
            self.sync(code_height(ctx.size));
        }
        if let Some((_, line)) = self.wanted.take_if(|(wanted, _)| *wanted == path) {
            let height = code_height(ctx.size);
            self.reference.go_to(line, height);
        }
    }

    /// Shows a file on the half it belongs to: the port's on the right, every other on the left.
    fn open(&mut self, path: PathBuf, line: u32, ctx: &mut Ctx<'_>) {
        self.remember();
        let is_port = self.port.path.as_deref().is_some_and(|port| same_file(port, &path));
        self.active = if is_port { Half::Port } else { Half::Reference };
        let known = self.docs.keys().find(|known| same_file(known, &path)).cloned();
        let height = code_height(ctx.size);
        if is_port {
            self.port.go_to(line, height);
        } else if let Some(known) = known {
            self.show_reference(&known, ctx);
            if line > 1 {
                self.reference.go_to(line, height);
            }
        } else {
            self.wanted = (line > 1).then(|| (path.clone(), line));
            self.reference = Side::of(path.clone());
            let title = format!("reading {}", path.display());
            ctx.start(JobKind::LoadSource, title, effect::Job::Source(Job::Load { path }));
        }
    }

    fn show_reference(&mut self, path: &Path, ctx: &mut Ctx<'_>) {
        if self.reference.path.as_deref() != Some(path) {
            self.reference = Side::of(path.to_path_buf());
            if let Some(source) = self.docs.get(path) {
                self.reference.set_doc(source.doc.clone());
            }
            self.refresh(ctx);
        }
    }

    fn edit(&mut self, ctx: &mut Ctx<'_>) {
        let side = self.side(self.active);
        let Some(path) = side.path.clone() else { return ctx.toast("No file is open here yet") };
        if self.active == Half::Reference {
            return ctx.toast("The reference is read, not written. l goes to the port, e opens that");
        }
        ctx.effects.push(Effect::Edit { path, line: side.cursor as usize });
    }

    fn remember(&mut self) {
        let half = self.active;
        let side = self.side(half);
        if let Some(path) = side.path.clone() {
            let place = (half, path, side.cursor);
            if self.back.last() != Some(&place) {
                self.back.push(place);
            }
        }
        if self.back.len() > 50 {
            self.back.remove(0);
        }
    }

    fn go_back(&mut self, ctx: &mut Ctx<'_>) {
        let Some((half, path, line)) = self.back.pop() else { return ctx.toast("Nothing to go back to") };
        self.active = half;
        if half == Half::Reference {
            self.show_reference(&path, ctx);
        }
        let height = code_height(ctx.size);
        self.side_mut(half).go_to(line, height);
    }

    fn next_match(&mut self, by: i32, ctx: &mut Ctx<'_>) {
        let height = code_height(ctx.size);
        match self.side_mut(self.active).next_match(by, height) {
            Used::Yes => self.sync(height),
            Used::No => ctx.toast("No match. / searches"),
        }
    }
}

impl Pane for State {
    fn contexts(&self) -> &'static [&'static str] {
        match (&self.list, self.side(self.active).search.typing()) {
            (Some(_), _) => &["list"],
            (None, true) => &["search"],
            (None, false) => &[],
        }
    }

    fn typing(&self) -> bool {
        self.list.is_some() || self.side(self.active).search.typing()
    }

    fn key(&mut self, key: Key, ctx: &mut Ctx<'_>) -> Used {
        let height = code_height(ctx.size);
        if let Some(list) = &mut self.list {
            let used = list.key(key);
            self.fill_list();
            return used;
        }
        let side = self.side_mut(self.active);
        if !side.search.typing() {
            return Used::No;
        }
        match (key.code, key.typed()) {
            (Code::Backspace, _) => side.search_edit(None, height),
            (_, Some(c)) => side.search_edit(Some(c), height),
            _ => return Used::No,
        }
        self.sync(height);
        Used::Yes
    }

    fn paste(&mut self, text: &str, ctx: &mut Ctx<'_>) -> Used {
        let typed = text.chars().filter(|c| !c.is_control()).take(200);
        let used = if self.typing() { Used::Yes } else { Used::No };
        for c in typed.filter(|_| used == Used::Yes) {
            self.key(Key::char(c), ctx);
        }
        used
    }

    fn mouse(&mut self, mouse: Mouse, ctx: &mut Ctx<'_>) -> Used {
        let height = code_height(ctx.size);
        let Some(half) = halves(ctx.size, self.active).half_at(mouse.column) else { return Used::No };
        match mouse.kind {
            MouseKind::ScrollUp | MouseKind::ScrollDown if self.list.is_none() => {
                self.active = half;
                self.moved(if mouse.kind == MouseKind::ScrollUp { -3 } else { 3 }, height);
            }
            MouseKind::Press if self.list.is_none() && mouse.row > 0 => {
                self.active = half;
                let side = self.side_mut(half);
                let line = side.top(height) + u32::from(mouse.row) - 1;
                side.go_to(line, height);
                self.sync(height);
            }
            _ => return Used::No,
        }
        Used::Yes
    }

    fn ended(&mut self, kind: JobKind, result: Result<(), Report>, ctx: &mut Ctx<'_>) {
        if let (Err(report), true) = (result, kind != JobKind::Editor) {
            ctx.toast(report.to_string());
        }
        if kind == JobKind::Editor {
            self.reload_port(ctx);
        }
    }

    fn escape(&mut self, _ctx: &mut Ctx<'_>) -> Used {
        if self.list.take().is_some() || self.side_mut(self.active).search_cancel() == Used::Yes {
            return Used::Yes;
        }
        if self.note.take().is_some() { Used::Yes } else { Used::No }
    }

    fn save(&self) -> serde_json::Value {
        self.saved()
    }

    fn restore(&mut self, saved: &serde_json::Value, _ctx: &mut Ctx<'_>) {
        self.restored = Some(saved.clone());
    }
}

/// The harness and tracebacks name files in other ways than the list does.
pub(crate) fn same_file(a: &Path, b: &Path) -> bool {
    a == b || a.ends_with(b) || b.ends_with(a)
}

/// Tells the chat what the port reads, for who wrote its lines.
fn port_now(port: &Path, text: Option<String>, ctx: &mut Ctx<'_>) {
    let checkout =
        ctx.facts.workspace.as_ref().map(|workspace| workspace.checkout.clone()).unwrap_or_default();
    if let Ok(path) = port.strip_prefix(checkout) {
        let path = path.to_string_lossy().into_owned();
        ctx.post(PaneMsg::Chat(chat::Msg::PortNow { path, text }));
    }
}

/// Tells the configs pane which keys each side reads.
fn keys_read(docs: &State) -> configs::Msg {
    let keys =
        |side: &Side| side.doc.iter().flat_map(|doc| doc.reads.iter().map(|read| read.key.clone())).collect();
    configs::Msg::KeysRead(configs::Reads { reference: keys(&docs.reference), port: keys(&docs.port) })
}
