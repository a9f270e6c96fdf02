//! The matrix over config files: keys down, variants across, what differs and what ports get wrong first.

use std::path::PathBuf;
use std::sync::Arc;

use unicode_width::UnicodeWidthStr;

use super::super::{Ctx, Pane, PaneId, PaneMsg, Used, source};
use super::list::{self, Cursor, Extent, Go, Listed, Typed, Way};
use super::{Readers, Reads};
use crate::app::action::{self, Binding, row};
use crate::app::effect;
use crate::app::job::JobKind;
use crate::app::key::{Key, Mouse};
use crate::hub::data::{Cell, DERIVED, Keys, Matrix, Row};
use crate::util::blame::Report;
use crate::util::text::one_line;

/// What its jobs tell it.
#[derive(Clone, Debug)]
pub enum Msg {
    /// The files were read; those that could not be are told one by one.
    /// They come twice: with what the class's source says, and with what the class itself says.
    Loaded { matrix: Arc<Matrix>, class: Arc<Keys>, problems: Vec<Report> },
}

/// Asks the runtime to read files and folders, and what their config class makes of them.
#[derive(Clone, Debug)]
pub struct Job {
    pub paths: Vec<PathBuf>,
    /// The file of the config class.
    pub configuration: Option<PathBuf>,
    pub model_type: Option<String>,
}

/// What its rows of the registry ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Go(Go),
    /// Scrolls by variants.
    Sideways(i32),
    /// Shows only the keys that differ, or all.
    Differing,
    /// Shows the normalised RoPE beside the keys as written, or those alone.
    Raw,
    Search,
    Next,
    Previous,
    /// Adds a file or folder.
    Add,
    Reload,
    /// Takes what is typed, or shows where the key is read.
    Enter,
}

const fn own(
    id: &'static str,
    text: &'static str,
    keys: &'static [&'static str],
    hint: u8,
    act: Action,
) -> Binding {
    row(id, text, keys, ("matrix", hint), action::Action::Configs(super::Action::Matrix(act)))
}

/// Its rows of the registry.
pub const ACTIONS: &[Binding] = &[
    own("configs.enter", "Show who reads the key", &["enter"], 1, Action::Enter),
    own("configs.differing", "Only what differs, or all", &["d"], 2, Action::Differing),
    own("configs.raw", "Keys as written, or RoPE normalised too", &["w"], 6, Action::Raw),
    own("configs.add", "Add a config file", &["a"], 3, Action::Add),
    own("configs.search", "Search keys", &["/"], 4, Action::Search),
    own("configs.down", "Key down", &["j", "down"], 0, Action::Go(Go::Lines(1))),
    own("configs.up", "Key up", &["k", "up"], 0, Action::Go(Go::Lines(-1))),
    own("configs.page-down", "Page down", &["pagedown", "ctrl-d", "space"], 0, Action::Go(Go::Pages(1))),
    own("configs.page-up", "Page up", &["pageup", "ctrl-u"], 0, Action::Go(Go::Pages(-1))),
    own("configs.top", "First key", &["g", "home"], 0, Action::Go(Go::First)),
    own("configs.bottom", "Last key", &["G", "end"], 0, Action::Go(Go::Last)),
    own("configs.right", "Next variants", &["l", "right"], 0, Action::Sideways(1)),
    own("configs.left", "Previous variants", &["h", "left"], 0, Action::Sideways(-1)),
    own("configs.next", "Next match", &["n"], 0, Action::Next),
    own("configs.previous", "Previous match", &["N"], 0, Action::Previous),
    own("configs.reload", "Read the files again", &["r"], 5, Action::Reload),
];

/// Which keys are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shown {
    #[default]
    All,
    Differing,
}

/// Whether RoPE in one spelling stands beside the keys as written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spelling {
    #[default]
    Both,
    Raw,
}

/// A cell's words and how wide they are, made once: a frame must not write every value again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    pub text: String,
    pub width: usize,
}

/// What a line is typed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typing {
    Search,
    Path,
}

/// The layer's state.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub matrix: Arc<Matrix>,
    /// What the config class gives with no file at all.
    pub class: Arc<Keys>,
    /// The words of each cell, by row of the matrix.
    pub shapes: Vec<Vec<Shape>>,
    /// The widest shown cell of each variant, and the longest shown key.
    pub widest: Vec<usize>,
    pub longest: usize,
    pub spelling: Spelling,
    pub problems: Vec<Report>,
    /// Rows of the matrix that are shown, by index.
    pub rows: Vec<usize>,
    /// The shown row under the cursor.
    pub cursor: Cursor,
    /// The first variant shown.
    pub column: usize,
    pub shown: Shown,
    pub query: String,
    pub typing: Option<Typed<Typing>>,
    pub reads: Reads,
    /// The key of the last run's cursor, until a file that has it is read or the person moves.
    wanted: Option<String>,
}

/// Gives the words of a row's key: of a derived one with a sign instead of its lead.
pub fn key_text(row: &Row) -> String {
    match row.path.strip_prefix(DERIVED) {
        Some(field) => format!("rope≈ {field}"),
        None => one_line(&row.path),
    }
}

fn key_width(row: &Row) -> usize {
    key_text(row).width()
}

impl State {
    /// Does what a bound key, the palette or a slash command asked for.
    pub fn act(&mut self, action: Action, ctx: &mut Ctx<'_>) {
        if !matches!(action, Action::Reload) {
            self.wanted = None;
        }
        match action {
            Action::Go(to) => list::go(self, to, ctx),
            Action::Sideways(by) => {
                let last = self.matrix.variants.len().saturating_sub(1);
                self.column = self.column.saturating_add_signed(by as isize).min(last);
            }
            Action::Differing => self.toggle(ctx),
            Action::Raw => self.turn(ctx),
            Action::Search => self.typing = Some(Typed::new(Typing::Search, "")),
            Action::Next => list::seek(self, &self.matches(), Way::Down, ctx),
            Action::Previous => list::seek(self, &self.matches(), Way::Up, ctx),
            Action::Add => self.typing = Some(Typed::new(Typing::Path, "")),
            Action::Reload => self.load(ctx),
            Action::Enter => self.show_readers(ctx),
        }
    }

    /// Takes what a job or another pane says.
    pub fn on(&mut self, msg: Msg, _ctx: &mut Ctx<'_>) {
        match msg {
            Msg::Loaded { matrix, class, problems } => {
                let path = self.row().map(|row| row.path.clone());
                (self.matrix, self.class, self.problems) = (matrix, class, problems);
                let shape = |cell: &Cell| {
                    let text = one_line(&cell.to_string());
                    Shape { width: text.width(), text }
                };
                let rows = self.matrix.rows.iter();
                self.shapes = rows.map(|row| row.cells.iter().map(shape).collect()).collect();
                self.filter();
                let wanted = self.wanted.as_ref().and_then(|wanted| self.position(wanted));
                self.wanted.take_if(|_| wanted.is_some());
                let at = wanted.or_else(|| path.and_then(|path| self.position(&path)));
                self.cursor.at = at.unwrap_or(0);
                // The column of the last run stays until there are variants.
                if let Some(last) = self.matrix.variants.len().checked_sub(1) {
                    self.column = self.column.min(last);
                }
            }
        }
    }

    /// Gives the row under the cursor.
    pub fn row(&self) -> Option<&Row> {
        self.rows.get(self.cursor.at).and_then(|index| self.matrix.rows.get(*index))
    }

    /// Gives the first shown row of the screen, so that the cursor is in view.
    pub fn top(&self, height: usize) -> usize {
        self.cursor.top(Extent { lines: self.rows.len(), height })
    }

    /// Says who reads a key.
    pub fn readers(&self, path: &str) -> Readers {
        self.reads.of(path)
    }

    fn toggle(&mut self, ctx: &mut Ctx<'_>) {
        let path = self.row().map(|row| row.path.clone());
        self.shown = match self.shown {
            Shown::All => Shown::Differing,
            Shown::Differing => Shown::All,
        };
        self.filter();
        self.cursor.at = path.and_then(|path| self.position(&path)).unwrap_or(0);
        ctx.toast(match (self.shown, self.rows.is_empty()) {
            (Shown::All, _) => "All keys",
            (Shown::Differing, false) => "Only the keys that differ. d shows all",
            (Shown::Differing, true) => "Nothing differs. d shows all",
        });
    }

    fn turn(&mut self, ctx: &mut Ctx<'_>) {
        let path = self.row().map(|row| row.path.clone());
        self.spelling = match self.spelling {
            Spelling::Both => Spelling::Raw,
            Spelling::Raw => Spelling::Both,
        };
        self.filter();
        self.cursor.at = path.and_then(|path| self.position(&path)).unwrap_or(0);
        ctx.toast(match self.spelling {
            Spelling::Both => "RoPE in one spelling beside the keys as written",
            Spelling::Raw => "Keys as written only. w shows RoPE in one spelling too",
        });
    }

    fn filter(&mut self) {
        let keep = |row: &Row| {
            (self.shown == Shown::All || row.differs)
                && (self.spelling == Spelling::Both || row.from.is_empty())
        };
        let rows = self.matrix.rows.iter().enumerate();
        self.rows = rows.filter(|(_, row)| keep(row)).map(|(index, _)| index).collect();
        let widest = |variant: usize| {
            self.rows.iter().map(|index| self.shapes[*index][variant].width).max().unwrap_or(0)
        };
        self.widest = (0..self.matrix.variants.len()).map(widest).collect();
        self.longest = self.rows.iter().map(|index| key_width(&self.matrix.rows[*index])).max().unwrap_or(3);
        self.cursor.at = self.cursor.at.min(self.rows.len().saturating_sub(1));
    }

    fn position(&self, path: &str) -> Option<usize> {
        self.rows.iter().position(|index| self.matrix.rows[*index].path == path)
    }

    pub(super) fn load(&mut self, ctx: &mut Ctx<'_>) {
        let paths = ctx.facts.configs.clone();
        let model_type = ctx.facts.model_type.clone();
        // Without a file the class alone speaks, to the ledger.
        if paths.is_empty() && (model_type.is_none() || ctx.facts.workspace.is_none()) {
            return;
        }
        let references = ctx.facts.workspace.iter().flat_map(|workspace| &workspace.references);
        let named = |path: &&PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("configuration_"))
        };
        let configuration = references.into_iter().find(named).cloned();
        let job = effect::Job::Configs(super::Job::Matrix(Job { paths, configuration, model_type }));
        ctx.start(JobKind::LoadConfigs, "reading configs", job);
    }

    fn matches(&self) -> Vec<usize> {
        let has = |index: &usize| self.matrix.rows[*index].path.to_lowercase().contains(&self.query);
        let rows = self.rows.iter().enumerate().filter(|(_, index)| !self.query.is_empty() && has(index));
        rows.map(|(at, _)| at).collect()
    }

    fn show_readers(&mut self, ctx: &mut Ctx<'_>) {
        let Some(row) = self.row() else { return };
        // A derived row is read where its first source is.
        let from = row.from.get(self.column).filter(|from| !from.is_empty());
        let key =
            from.map_or_else(|| row.path.clone(), |from| from.trim_start_matches("the class: ").to_string());
        ctx.post(PaneMsg::Source(source::Msg::FindKey { key }));
        ctx.post(PaneMsg::Focus(PaneId::Source));
    }
}

/// A link, or `owner/name` as no path is written; the job that reads it looks for a file of that name first.
fn is_repository(text: &str) -> bool {
    let is_path = text.starts_with(['.', '/', '~']) || text.ends_with(".json") || text.ends_with('/');
    text.contains("://") || (!is_path && text.matches('/').count() == 1)
}

impl Listed for State {
    type What = Typing;

    fn typing(&mut self) -> &mut Option<Typed<Typing>> {
        &mut self.typing
    }

    fn cursor(&mut self) -> (&mut Cursor, usize) {
        (&mut self.cursor, self.rows.len())
    }

    fn edited(&mut self, height: usize) {
        let Some(Typed { what: Typing::Search, editor }) = &self.typing else { return };
        self.query = editor.text().to_lowercase();
        let matches = self.matches();
        self.cursor.seek(&matches, Way::Here, Extent { lines: self.rows.len(), height });
    }

    fn entered(&mut self, typed: Typed<Typing>, ctx: &mut Ctx<'_>) {
        let text = typed.text();
        if typed.what == Typing::Search || text.is_empty() {
            return;
        }
        if is_repository(&text) {
            let msg = super::Msg::Discover(super::discover::Msg::Named(text));
            return ctx.post(PaneMsg::Configs(msg));
        }
        let path = PathBuf::from(text);
        if !ctx.facts.configs.contains(&path) {
            ctx.facts.configs.push(path);
        }
        self.load(ctx);
    }
}

impl Pane for State {
    fn contexts(&self) -> &'static [&'static str] {
        match self.typing.as_ref().map(|typed| typed.what) {
            Some(Typing::Search) => &["search"],
            Some(Typing::Path) => &["path"],
            None => &["matrix", "layers"],
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

    fn ended(&mut self, _kind: JobKind, result: Result<(), Report>, _ctx: &mut Ctx<'_>) {
        if let Err(report) = result {
            self.problems = vec![report];
        }
    }

    fn escape(&mut self, _ctx: &mut Ctx<'_>) -> Used {
        if self.typing.take().is_some() || !std::mem::take(&mut self.query).is_empty() {
            return Used::Yes;
        }
        Used::No
    }

    fn save(&self) -> serde_json::Value {
        let typing = self.typing.as_ref().map(|typed| match typed.what {
            Typing::Search => ("search", typed.editor.text()),
            Typing::Path => ("path", typed.editor.text()),
        });
        serde_json::json!({
            "key": self.wanted.as_ref().or_else(|| self.row().map(|row| &row.path)),
            "top": self.cursor.kept_top(),
            "column": self.column,
            "differing": self.shown == Shown::Differing,
            "raw": self.spelling == Spelling::Raw,
            "query": self.query,
            "typing": typing,
        })
    }

    fn restore(&mut self, saved: &serde_json::Value, ctx: &mut Ctx<'_>) {
        let number = |name: &str| saved[name].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        self.shown = if saved["differing"] == true { Shown::Differing } else { Shown::All };
        self.spelling = if saved["raw"] == true { Spelling::Raw } else { Spelling::Both };
        self.wanted = saved["key"].as_str().map(str::to_string);
        (self.cursor, self.column) = (Cursor::kept(0, number("top")), number("column"));
        self.query = saved["query"].as_str().unwrap_or_default().to_string();
        let what = match saved["typing"][0].as_str() {
            Some("search") => Some(Typing::Search),
            Some("path") => Some(Typing::Path),
            _ => None,
        };
        let typed = saved["typing"][1].as_str();
        self.typing = what.zip(typed).map(|(what, text)| Typed::new(what, text));
        self.load(ctx);
    }
}
