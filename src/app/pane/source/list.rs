//! The lists over the code: outline, jump to a symbol, files.

use std::path::PathBuf;

use super::{Action, Half, State, code_height};
use crate::app::key::{Code, Key};
use crate::app::pane::{Ctx, Used};
use crate::source::data::{SourceDoc, SymbolKind};
use crate::source::pure::{enclosing, fuzzy};

/// What a list offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Symbols in the order of the text.
    Outline,
    /// Symbols, the best match first.
    Jump,
    Files,
}

/// An open list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    pub kind: Kind,
    pub query: String,
    pub rows: Vec<Row>,
    pub selected: usize,
}

/// One row of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub text: String,
    pub detail: String,
    pub target: Target,
}

/// Where a row leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Line(u32),
    File(PathBuf),
}

impl List {
    /// Takes a key that edits the query.
    pub(super) fn key(&mut self, key: Key) -> Used {
        match (key.code, key.typed()) {
            (Code::Backspace, _) => {
                self.query.pop();
            }
            (_, Some(c)) => self.query.push(c),
            _ => return Used::No,
        }
        self.selected = 0;
        Used::Yes
    }
}

impl State {
    pub(super) fn open_list(&mut self, kind: Kind, ctx: &mut Ctx<'_>) {
        let side = self.side(self.active);
        if kind != Kind::Files && side.doc.is_none() {
            return ctx.toast("No file is open here yet");
        }
        let cursor = side.cursor;
        self.list = Some(List { kind, query: String::new(), rows: Vec::new(), selected: 0 });
        self.fill_list();
        let here = self.side(self.active).doc.as_deref().and_then(|doc| enclosing(doc, cursor));
        let here = here.map(|symbol| symbol.line);
        if let (Some(list), true) = (&mut self.list, kind == Kind::Outline) {
            let at = list.rows.iter().position(|row| Some(&row.target) == here.map(Target::Line).as_ref());
            list.selected = at.unwrap_or(0);
        }
    }

    pub(super) fn fill_list(&mut self) {
        let Some(list) = &self.list else { return };
        let doc = self.side(self.active).doc.as_deref();
        let rows = match (list.kind, doc) {
            (Kind::Files, _) => self.file_rows(&list.query),
            (Kind::Outline, Some(doc)) => outline_rows(doc, &list.query),
            (Kind::Jump, Some(doc)) => jump_rows(doc, &list.query),
            (_, None) => Vec::new(),
        };
        if let Some(list) = &mut self.list {
            // The place of an earlier run stays until there are rows to choose from.
            if !rows.is_empty() {
                list.selected = list.selected.min(rows.len() - 1);
            }
            list.rows = rows;
        }
    }

    fn file_rows(&self, query: &str) -> Vec<Row> {
        let references = self.references.iter().map(|path| Row {
            text: path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            detail: "reference".into(),
            target: Target::File(path.clone()),
        });
        let near = self.near.iter().take(12).map(|near| Row {
            text: format!("{}.py", near.name),
            detail: format!("{:.2}  {}", near.score, near.reasons.join("; ")),
            target: Target::File(near.path.clone()),
        });
        let query = query.to_lowercase();
        references.chain(near).filter(|row| row.text.to_lowercase().contains(&query)).collect()
    }

    pub(super) fn act_on_list(&mut self, action: Action, ctx: &mut Ctx<'_>) {
        let Some(list) = &mut self.list else { return };
        let last = list.rows.len().saturating_sub(1);
        match action {
            Action::Move(by) => list.selected = list.selected.saturating_add_signed(by as isize).min(last),
            Action::Page(by) | Action::HalfPage(by) => {
                list.selected = list.selected.saturating_add_signed(by as isize * 10).min(last);
            }
            Action::Top => list.selected = 0,
            Action::Bottom => list.selected = last,
            Action::Enter => self.take_row(ctx),
            _ => {}
        }
    }

    fn take_row(&mut self, ctx: &mut Ctx<'_>) {
        let Some(list) = self.list.take() else { return };
        let Some(row) = list.rows.into_iter().nth(list.selected) else { return };
        match row.target {
            Target::Line(line) => {
                self.remember();
                let height = code_height(ctx.size);
                self.side_mut(self.active).go_to(line, height);
                self.sync(height);
            }
            Target::File(path) => {
                self.open(path, 1, ctx);
                self.active = Half::Reference;
            }
        }
    }
}

fn outline_rows(doc: &SourceDoc, query: &str) -> Vec<Row> {
    let query = query.to_lowercase();
    let shown = doc.symbols.iter().filter(|symbol| symbol.path.to_lowercase().contains(&query));
    shown
        .map(|symbol| {
            let indent = "  ".repeat(usize::from(symbol.depth.min(8)));
            let word = match symbol.kind {
                SymbolKind::Class => "class ",
                SymbolKind::Method | SymbolKind::Function => "def ",
                SymbolKind::Name => "",
            };
            let bases = match symbol.bases.is_empty() {
                true => String::new(),
                false => format!("({})", symbol.bases.join(", ")),
            };
            Row {
                text: format!("{indent}{word}{}{bases}", symbol.name),
                detail: symbol.line.to_string(),
                target: Target::Line(symbol.line),
            }
        })
        .collect()
}

fn jump_rows(doc: &SourceDoc, query: &str) -> Vec<Row> {
    let found = fuzzy(doc, query).into_iter();
    found
        .map(|symbol| Row {
            text: symbol.path.clone(),
            detail: symbol.line.to_string(),
            target: Target::Line(symbol.line),
        })
        .collect()
}
