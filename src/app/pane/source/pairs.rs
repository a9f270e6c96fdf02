//! What moves both halves: following the pair, the divergence, the readers of a config key, the line under the cursor.

use super::{Follow, Half, State, code_height, keys_read, same_file};
use crate::app::pane::{Ctx, PaneMsg};
use crate::source::data::{Hit, Inherited, SourceDoc};
use crate::source::pure::{Pair, Pairing, definition, enclosing, pair, place, reads_of};

/// The first module whose output differs, and where it is on each side.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Divergence {
    pub module: String,
    /// As the harness gave them: `file:line`.
    given: [Option<String>; 2],
    #[serde(skip)]
    pub reference: Option<Spot>,
    #[serde(skip)]
    pub port: Option<Spot>,
}

/// Lines of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    pub line: u32,
    pub first: u32,
    pub last: u32,
    pub reason: String,
}

impl Divergence {
    pub(super) fn new(module: String, reference: Option<String>, port: Option<String>) -> Self {
        Self { module, given: [reference, port], reference: None, port: None }
    }

    /// Finds both places again; the port changes under the marks.
    fn find(&mut self, reference: Option<&SourceDoc>, port: Option<&SourceDoc>) {
        let [left, right] = &self.given;
        self.reference = reference.and_then(|doc| spot(doc, &self.module, left.as_deref()));
        self.port = port.and_then(|doc| spot(doc, &self.module, right.as_deref()));
    }
}

/// The given line if it is of this file, else what the module path leads to.
fn spot(doc: &SourceDoc, module: &str, given: Option<&str>) -> Option<Spot> {
    let line = given.and_then(|given| {
        let (file, line) = given.rsplit_once(':')?;
        let line: u32 = line.parse().ok()?;
        (same_file(file.as_ref(), &doc.path) && line <= doc.line_count()).then_some(line)
    });
    let around = |line| enclosing(doc, line).map_or((line, line), |symbol| (symbol.first, symbol.last));
    if let Some(line) = line {
        let (first, last) = around(line);
        return Some(Spot { line, first, last, reason: "as the harness says".into() });
    }
    let found = place(doc, module)?;
    let (first, last) = around(found.line);
    Some(Spot { line: found.line, first, last, reason: found.reason })
}

impl State {
    /// Derives again what depends on both documents.
    pub(super) fn refresh(&mut self, ctx: &mut Ctx<'_>) {
        self.pairing = match (&self.reference.doc, &self.port.doc) {
            (Some(reference), Some(port)) => pair(reference, port),
            _ => Pairing::default(),
        };
        if let Some(divergence) = &mut self.divergence {
            divergence.find(self.reference.doc.as_deref(), self.port.doc.as_deref());
        }
        // A list that the last run left open is filled when there is something in it.
        self.fill_list();
        let keys = keys_read(self);
        ctx.post(PaneMsg::Configs(keys));
    }

    pub(super) fn moved(&mut self, by: i32, height: u16) {
        self.note = None;
        self.side_mut(self.active).move_by(by, height);
        self.sync(height);
    }

    /// Lets the other half follow the pair of the symbol under the cursor.
    pub(super) fn sync(&mut self, height: u16) {
        if self.follow == Follow::Off {
            return;
        }
        let Some(line) = self.counterpart(self.active) else { return };
        let side = self.side(self.active);
        let row = side.cursor.saturating_sub(side.top(height));
        self.side_mut(self.active.other()).align(line, row, height);
    }

    /// Gives the path of the symbol under a half's cursor.
    pub fn symbol_here(&self, half: Half) -> Option<&str> {
        let side = self.side(half);
        enclosing(side.doc.as_deref()?, side.cursor).map(|symbol| symbol.path.as_str())
    }

    /// Gives the pair of the symbol under a half's cursor.
    pub fn pair_here(&self, half: Half) -> Option<&Pair> {
        let side = self.side(half);
        let symbol = enclosing(side.doc.as_deref()?, side.cursor)?;
        match half {
            Half::Reference => self.pairing.port_of(&symbol.path),
            Half::Port => self.pairing.reference_of(&symbol.path),
        }
    }

    /// Gives the line of the other half that answers to a half's cursor.
    fn counterpart(&self, half: Half) -> Option<u32> {
        let pair = self.pair_here(half)?;
        let (side, other) = (self.side(half), self.side(half.other()));
        let (here, there) = match half {
            Half::Reference => (&pair.reference, &pair.port),
            Half::Port => (&pair.port, &pair.reference),
        };
        let (here, there) = (side.doc.as_ref()?.symbol(here)?, other.doc.as_ref()?.symbol(there)?);
        let into = side.cursor.saturating_sub(here.line).min(there.last.saturating_sub(there.line));
        Some(there.line + into)
    }

    pub(super) fn go_to_pair(&mut self, ctx: &mut Ctx<'_>) {
        let Some(line) = self.counterpart(self.active) else {
            return ctx.toast("Nothing on the other side answers to this");
        };
        self.remember();
        self.active = self.active.other();
        let height = code_height(ctx.size);
        self.side_mut(self.active).go_to(line, height);
    }

    pub(super) fn toggle_follow(&mut self, ctx: &mut Ctx<'_>) {
        self.follow = match self.follow {
            Follow::On => Follow::Off,
            Follow::Off => Follow::On,
        };
        ctx.toast(match self.follow {
            Follow::On => "The other side follows the pair. f stops it",
            Follow::Off => "Each side scrolls by itself. f follows the pair",
        });
        self.sync(code_height(ctx.size));
    }

    pub(super) fn go_to_divergence(&mut self, ctx: &mut Ctx<'_>) {
        let first = self.references.first().cloned();
        let Some(divergence) = &mut self.divergence else {
            return ctx.toast("No divergence is known. The harness finds it: r in Harness");
        };
        // The harness names the file that runs, which is the first; a modular or nearest file may be open.
        let wanted = divergence.given[0].as_ref().and_then(|given| given.rsplit_once(':'));
        let path =
            wanted.and_then(|(file, _)| self.docs.keys().find(|known| same_file(known, file.as_ref())));
        let path = path.cloned().or(first);
        self.remember();
        if let Some(path) = path {
            self.show_reference(&path, ctx);
        }
        let height = code_height(ctx.size);
        let Some(divergence) = &mut self.divergence else { return };
        divergence.find(self.reference.doc.as_deref(), self.port.doc.as_deref());
        if let Some(spot) = &divergence.reference {
            self.reference.go_to(spot.line, height);
        }
        if let Some(spot) = &divergence.port {
            self.port.go_to(spot.line, height);
            self.active = Half::Port;
        }
        let found = (divergence.reference.is_some(), divergence.port.is_some());
        let module = &divergence.module;
        self.note = match found {
            (true, true) => Some(format!("first divergence: {module}")),
            (true, false) => {
                Some(format!("first divergence: {module}; the port has no such module by that path"))
            }
            (false, true) => Some(format!("first divergence: {module}; not found in the reference")),
            (false, false) => Some(format!("first divergence: {module}; found in neither file")),
        };
    }

    /// Marks where both sides read a config key and goes to the first.
    pub(super) fn find_key(&mut self, key: &str, height: u16) {
        let mut words = Vec::new();
        for half in [Half::Reference, Half::Port] {
            let side = self.side_mut(half);
            let Some(doc) = side.doc.clone() else { continue };
            let reads = reads_of(&doc, key);
            let name = key.rsplit('.').next().unwrap_or(key);
            side.search.query = name.to_string();
            side.search.hits = reads.iter().map(|read| hit(&doc, read.line, name)).collect();
            side.search.accept();
            if let Some(first) = reads.first() {
                side.go_to(first.line, height);
            }
            words.push(match reads.len() {
                0 => format!("not read by {}", doc.name()),
                count => format!("{count} × in {}", doc.name()),
            });
        }
        self.note = Some(match words.is_empty() {
            true => format!("{key}: no source is open yet"),
            false => format!("{key}: {}. n goes to the next", words.join(", ")),
        });
    }

    /// Gives what a line of the reference's modular file inherits.
    pub fn inherits(&self, line: u32) -> Option<&Inherited> {
        let classes = self.inherited.get(self.reference.path.as_ref()?)?;
        classes.iter().find(|class| class.line == line)
    }

    /// Follows what the line names: the base class of a modular class, else the counterpart.
    pub(super) fn follow_line(&mut self, ctx: &mut Ctx<'_>) {
        let base = self.inherits(self.reference.cursor).filter(|_| self.active == Half::Reference);
        if let Some((file, line)) = base.map(|base| (base.file.clone(), base.base_line)) {
            return self.open(file, line, ctx);
        }
        let side = self.side(self.active);
        let Some(doc) = side.doc.clone() else { return };
        // `self.mlp = ArceeMLP(config)` leads to ArceeMLP.
        let text = doc.line(side.cursor);
        let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        let named = words.filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase()));
        let target = named.filter_map(|word| definition(&doc, word)).find(|line| *line != side.cursor);
        match target {
            Some(line) => {
                self.remember();
                let height = code_height(ctx.size);
                self.side_mut(self.active).go_to(line, height);
                self.sync(height);
            }
            None => self.go_to_pair(ctx),
        }
    }
}

fn hit(doc: &SourceDoc, line: u32, name: &str) -> Hit {
    let start = doc.line(line).find(name).unwrap_or(0) as u32;
    Hit { line, start, end: start + if doc.line(line).contains(name) { name.len() as u32 } else { 0 } }
}
