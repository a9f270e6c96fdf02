//! Going back: the list of what the files can be put back to, the preview of one, and the snapshots that the chat's turns
//! ask for. A layer of its own above the panes.

use super::effect;
use super::job::JobKind;
use super::key::{Code, Key};
use super::msg::PaneMsg;
use super::pane::chat::{DiffKind, DiffRow, plain_rows};
use super::pane::{Ctx, chat, harness, pr, source};
use crate::port::data::checkpoint::{Back, Preview, Rewound, Row};
use crate::session::data::Entry;
use crate::util::blame::Report;

/// Rows that PageUp and PageDown move.
const PAGE: usize = 10;

/// What its jobs and the chat say.
#[derive(Clone, Debug)]
pub enum Msg {
    /// The person's message begins a turn.
    Begin { turn: u32, words: String },
    /// The turn is over, however it ended.
    End,
    /// What can be gone back to.
    Rows(Vec<Row>),
    /// What going back would change.
    Preview(Box<Preview>),
    /// The files were put back.
    Done(Box<Rewound>),
}

/// What the runtime is asked to do.
#[derive(Clone, Debug)]
pub enum Job {
    /// Take a snapshot: a turn begins.
    Begin { turn: u32, words: String },
    /// Take a snapshot: the turn is over.
    End,
    /// List; answers with [`Msg::Rows`].
    List,
    /// Look; answers with [`Msg::Preview`].
    Look { number: u32 },
    /// Put back, if the files are still as they were shown; answers with [`Msg::Done`].
    Rewind { number: u32, now: String },
}

/// The layer.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub layer: Layer,
    pub rows: Vec<Row>,
    pub selected: usize,
    /// Why the last act did not work.
    pub failed: Option<Report>,
    /// What was told already of snapshots that could not be taken.
    told: Option<String>,
    snapshots: u32,
}

/// What is shown.
#[derive(Clone, Debug, Default)]
pub enum Layer {
    #[default]
    Closed,
    /// The list is being read.
    Reading,
    List,
    /// The preview is being made.
    Looking,
    Preview(Box<Shown>),
    /// The files are being put back: nothing can be asked for meanwhile.
    Working,
}

/// A preview as shown.
#[derive(Clone, Debug)]
pub struct Shown {
    pub preview: Preview,
    pub lines: Vec<Line>,
    pub scroll: usize,
}

/// A line of the preview.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A file: its path, what happens to it, lines added and removed.
    File {
        path: String,
        kind: Back,
        added: usize,
        removed: usize,
    },
    Diff(DiffRow),
    /// A word of warning.
    Note(String),
}

impl State {
    /// Whether it takes the keys.
    pub fn is_open(&self) -> bool {
        !matches!(self.layer, Layer::Closed)
    }

    /// Opens the list.
    pub fn open(&mut self, ctx: &mut Ctx<'_>) {
        if ctx.facts.workspace.is_none() {
            return ctx.toast("The workspace is not ready yet");
        }
        self.failed = None;
        self.list(ctx);
    }

    fn list(&mut self, ctx: &mut Ctx<'_>) {
        self.layer = Layer::Reading;
        ctx.start(JobKind::Rewind, "snapshots", effect::Job::Rewind(Job::List));
    }

    /// Takes what jobs and the chat say.
    pub fn on(&mut self, msg: Msg, ctx: &mut Ctx<'_>) {
        match msg {
            Msg::Begin { turn, words } => self.snapshot(Job::Begin { turn, words }, ctx),
            Msg::End => self.snapshot(Job::End, ctx),
            Msg::Rows(rows) => {
                self.selected = self.selected.min(rows.len().saturating_sub(1));
                self.rows = rows;
                self.layer = Layer::List;
            }
            Msg::Preview(preview) => {
                let lines = lines(&preview);
                self.layer = Layer::Preview(Box::new(Shown { preview: *preview, lines, scroll: 0 }));
            }
            Msg::Done(done) => self.done(&done, ctx),
        }
    }

    fn snapshot(&mut self, job: Job, ctx: &mut Ctx<'_>) {
        if ctx.facts.workspace.is_none() {
            return;
        }
        self.snapshots += 1;
        ctx.start(JobKind::Checkpoint(self.snapshots), "snapshot", effect::Job::Rewind(job));
    }

    fn done(&mut self, done: &Rewound, ctx: &mut Ctx<'_>) {
        self.layer = Layer::Closed;
        self.selected = 0;
        let count = done.written.len() + done.removed.len();
        let files = if count == 1 { "file" } else { "files" };
        let stay = match done.left_out.len() {
            0 => String::new(),
            stay => format!(" {stay} stayed as they were, since no snapshot holds them."),
        };
        let text = format!(
            "{count} {files} put back; the conversation is as it was.{stay} To undo: the first row of the list, or mlxport rewind {}",
            done.undo
        );
        ctx.record(Entry::Note { label: "rewind".into(), text: text.clone() });
        ctx.post(PaneMsg::Chat(chat::Msg::Note(text)));
        ctx.post(PaneMsg::Source(source::Msg::PortChanged));
        ctx.post(PaneMsg::Harness(harness::Msg::PortSaved { at: ctx.now }));
        ctx.post(PaneMsg::Pr(pr::Msg::FilesChanged));
    }

    /// Is told that one of its jobs ended.
    pub fn ended(&mut self, kind: JobKind, result: Result<(), Report>, ctx: &mut Ctx<'_>) {
        let Err(report) = result else { return };
        if kind == JobKind::Rewind {
            self.failed = Some(report);
            // What was shown may no longer be so: the list is read anew where one can go on from.
            match self.layer {
                Layer::Working | Layer::Looking => self.list(ctx),
                Layer::Reading => self.layer = Layer::List,
                Layer::Closed | Layer::List | Layer::Preview(_) => {}
            }
            return;
        }
        let text = format!("no snapshot could be taken: {}", report.text);
        if self.told.as_ref() != Some(&text) {
            let hint = report.hint.map_or(String::new(), |hint| format!(". {hint}"));
            ctx.post(PaneMsg::Chat(chat::Msg::Note(format!("{text}{hint}"))));
            self.told = Some(text);
        }
    }

    /// Takes a key while it is open. `busy` says that the model is at work.
    pub fn key(&mut self, key: Key, busy: bool, ctx: &mut Ctx<'_>) {
        let leaves = key.code == Code::Esc || (key.code == Code::Char('c') && key.ctrl);
        match &mut self.layer {
            Layer::Working => {}
            Layer::Preview(_) if leaves => self.layer = Layer::List,
            _ if leaves => self.layer = Layer::Closed,
            Layer::List => self.list_key(key, ctx),
            Layer::Preview(shown) if key.code == Code::Enter && busy => {
                let _ = shown;
                ctx.toast("The model is at work: interrupt it first, then go back");
            }
            Layer::Preview(shown) if key.code == Code::Enter => {
                let (number, now) = (shown.preview.number, shown.preview.now.clone());
                self.failed = None;
                self.layer = Layer::Working;
                ctx.start(JobKind::Rewind, "going back", effect::Job::Rewind(Job::Rewind { number, now }));
            }
            Layer::Preview(shown) => {
                let last = shown.lines.len().saturating_sub(1);
                shown.scroll = moved(key, shown.scroll, last);
            }
            Layer::Closed | Layer::Reading | Layer::Looking => {}
        }
    }

    fn list_key(&mut self, key: Key, ctx: &mut Ctx<'_>) {
        if key.code != Code::Enter {
            self.selected = moved(key, self.selected, self.rows.len().saturating_sub(1));
            return;
        }
        if let Some(row) = self.rows.get(self.selected) {
            self.failed = None;
            self.layer = Layer::Looking;
            let job = Job::Look { number: row.number };
            ctx.start(JobKind::Rewind, "what would change", effect::Job::Rewind(job));
        }
    }
}

fn moved(key: Key, at: usize, last: usize) -> usize {
    let to = match key.code {
        Code::Up | Code::Char('k') => at.saturating_sub(1),
        Code::Down | Code::Char('j') => at + 1,
        Code::PageUp => at.saturating_sub(PAGE),
        Code::PageDown => at + PAGE,
        Code::Home => 0,
        Code::End => last,
        _ => at,
    };
    to.min(last)
}

fn lines(preview: &Preview) -> Vec<Line> {
    let mut lines = Vec::new();
    if preview.files.is_empty() {
        lines.push(Line::Note("nothing would change: the files are as they were then".into()));
    }
    if !preview.outside.is_empty() {
        let names = preview.outside.join(", ");
        lines
            .push(Line::Note(format!("changed since the last snapshot, by you or another program: {names}")));
    }
    let stays =
        preview.left_out.iter().map(|file| Line::Note(format!("{} stays as it is: {}", file.path, file.why)));
    lines.extend(stays);
    for file in &preview.files {
        let rows = match (&file.before, &file.after) {
            (Some(before), Some(after)) => plain_rows(before, after),
            _ => Vec::new(),
        };
        let count = |kind| rows.iter().filter(|row| row.kind == kind).count();
        let (added, removed) = (count(DiffKind::Added), count(DiffKind::Removed));
        lines.push(Line::File { path: file.path.clone(), kind: file.kind, added, removed });
        if file.before.is_none() || file.after.is_none() {
            lines.push(Line::Note("not text, or too large to be shown".into()));
        }
        lines.extend(rows.into_iter().filter(|row| row.kind != DiffKind::Head).map(Line::Diff));
    }
    lines
}

#[cfg(test)]
pub(crate) mod tests;
