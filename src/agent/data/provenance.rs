//! Who wrote each line that is kept: the model, the person, the person on the model's line, an accepted port it was copied
//! from. Worked out from what was written by edits and from what the file read afterwards; nothing is guessed. Pure.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};
use similar::{DiffOp, TextDiff};

/// States of a file that are remembered, so that a text that comes back has its writers back.
const REMEMBERED: usize = 60;
/// How alike a changed line must be to count as the same line, changed.
const ALIKE: f32 = 0.6;
/// How far from its place a changed line is looked for, in lines.
const NEAR: usize = 6;

/// Where a line comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// It stood there when the session first saw the file.
    Before,
    /// The draft took it over from the nearest accepted port.
    Upstream,
    Model,
    /// The model wrote it and the person changed it.
    Changed,
    Person,
}

impl Origin {
    /// The origins that have a mark, in the order of the legend.
    pub const MARKED: [Self; 4] = [Self::Model, Self::Changed, Self::Person, Self::Upstream];

    /// Gives the mark in the gutter; a blank for lines that stood there before.
    pub fn mark(self) -> &'static str {
        match self {
            Self::Before => " ",
            Self::Upstream => "=",
            Self::Model => "m",
            Self::Changed => "~",
            Self::Person => "y",
        }
    }
}

/// A file with the writers of its lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileLines {
    /// Relative to its checkout, as in proposals.
    pub path: String,
    pub text: String,
    /// Origins of the lines in runs.
    runs: Vec<(Origin, usize)>,
    /// The accepted port that lines were taken over from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// Lines of a diff by where they come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub model: usize,
    pub changed: usize,
    pub person: usize,
    pub upstream: usize,
    /// Not known: they stood there before this session saw the file, or it never did.
    pub before: usize,
}

impl Tally {
    fn add(&mut self, origin: Origin) {
        match origin {
            Origin::Before => self.before += 1,
            Origin::Upstream => self.upstream += 1,
            Origin::Model => self.model += 1,
            Origin::Changed => self.changed += 1,
            Origin::Person => self.person += 1,
        }
    }

    /// Counts all lines.
    pub fn all(&self) -> usize {
        self.model + self.changed + self.person + self.upstream + self.before
    }

    /// Counts the lines of an origin.
    pub fn of(&self, origin: Origin) -> usize {
        match origin {
            Origin::Before => self.before,
            Origin::Upstream => self.upstream,
            Origin::Model => self.model,
            Origin::Changed => self.changed,
            Origin::Person => self.person,
        }
    }
}

impl std::ops::Add for Tally {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            model: self.model + other.model,
            changed: self.changed + other.changed,
            person: self.person + other.person,
            upstream: self.upstream + other.upstream,
            before: self.before + other.before,
        }
    }
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

impl FileLines {
    fn new(path: &str, text: &str, origins: &[Origin]) -> Self {
        let mut runs: Vec<(Origin, usize)> = Vec::new();
        for origin in origins {
            match runs.last_mut() {
                Some((last, count)) if last == origin => *count += 1,
                _ => runs.push((*origin, 1)),
            }
        }
        Self { path: path.into(), text: text.into(), runs, from: None }
    }

    /// Gives the origin of each line.
    pub fn origins(&self) -> Vec<Origin> {
        self.runs.iter().flat_map(|(origin, count)| std::iter::repeat_n(*origin, *count)).collect()
    }

    /// Counts the lines that are not blank.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        let said =
            lines(&self.text).into_iter().zip(self.origins()).filter(|(line, _)| !line.trim().is_empty());
        said.for_each(|(_, origin)| tally.add(origin));
        tally
    }

    /// Counts added lines of a diff, given with their numbers in the new text: each line of the file answers once.
    fn count<'a>(&self, added: impl Iterator<Item = (Option<u32>, &'a str)>) -> Tally {
        let (known, origins) = (lines(&self.text), self.origins());
        let mut pool: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, line) in known.iter().enumerate().rev() {
            pool.entry(line.trim_end()).or_default().push(at);
        }
        let mut tally = Tally::default();
        for (number, text) in added.filter(|(_, text)| !text.trim().is_empty()) {
            let text = text.trim_end();
            let places = pool.get_mut(text);
            let wanted = number.and_then(|number| (number as usize).checked_sub(1));
            let place = places.and_then(|places| {
                let at = places.iter().position(|place| Some(*place) == wanted);
                let at = at.or_else(|| places.len().checked_sub(1))?;
                Some(places.remove(at))
            });
            // A line that the ledger's text lacks was written since it was read last: by hand.
            tally.add(place.and_then(|place| origins.get(place)).copied().unwrap_or(Origin::Person));
        }
        tally
    }
}

/// An edit that was written.
#[derive(Clone, Copy, Debug)]
pub struct Applied<'a> {
    pub path: &'a str,
    pub before: &'a str,
    /// What the model proposed.
    pub proposed: &'a str,
    /// What was written: the same, a part of it, or what the person made of it.
    pub written: &'a str,
}

/// The writers of all lines that the session knows of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    files: BTreeMap<String, FileLines>,
    past: BTreeMap<String, VecDeque<(u64, Vec<Origin>)>>,
}

impl Ledger {
    /// Gives a file.
    pub fn file(&self, path: &str) -> Option<&FileLines> {
        self.files.get(path)
    }

    /// Gives the file that an absolute path names.
    pub fn at(&self, place: &std::path::Path) -> Option<&FileLines> {
        self.files.values().find(|file| place.ends_with(&file.path))
    }

    /// Takes a file as an earlier run kept it.
    pub fn put(&mut self, file: FileLines) {
        self.remember(&file.path, &file.text, file.origins());
        self.files.insert(file.path.clone(), file);
    }

    /// Is told what a file reads, by nobody's edit: first what stood there, later what the person made of it. Gives the file
    /// if its writers changed.
    pub fn saved(&mut self, path: &str, text: &str) -> Option<FileLines> {
        let Some(known) = self.files.get(path) else {
            self.set(path, text, vec![Origin::Before; lines(text).len()]);
            return None;
        };
        if known.text == text {
            return None;
        }
        let origins = self.past_of(path, text).unwrap_or_else(|| by_hand(known, text));
        Some(self.set(path, text, origins))
    }

    /// Is told of a written edit.
    pub fn edited(&mut self, edit: &Applied<'_>) -> FileLines {
        self.saved(edit.path, edit.before);
        let known = &self.files[edit.path];
        let mut origins = by_model(edit.proposed, edit.written);
        keep(known, edit.written, &mut origins);
        self.set(edit.path, edit.written, origins)
    }

    /// Is told that an edit was taken back: lines that come again have the writers that they had.
    pub fn taken_back(&mut self, path: &str, text: &str, earlier: &str) -> FileLines {
        let known = self.files.entry(path.to_string()).or_default();
        let origins = self.past.get(path).and_then(|past| find(past, text));
        let origins = origins.unwrap_or_else(|| {
            let mut origins = by_hand(known, text);
            if let Some(had) = self.past.get(path).and_then(|past| find(past, earlier)) {
                let before = FileLines::new(path, earlier, &had);
                let mut restored = vec![None; origins.len()];
                equal(&before, text, |from, to| restored[to] = had.get(from).copied());
                let mut stood = vec![false; origins.len()];
                equal(known, text, |_, to| stood[to] = true);
                for (at, origin) in origins.iter_mut().enumerate().filter(|(at, _)| !stood[*at]) {
                    *origin = restored[at].unwrap_or(*origin);
                }
            }
            origins
        });
        self.set(path, text, origins)
    }

    /// Is told which lines of a draft the nearest accepted port has at the same place: these are not the model's.
    pub fn copied(&mut self, path: &str, draft: &str, copied: &[bool], from: &str) -> Option<FileLines> {
        let known = self.files.get(path)?;
        let mut origins = known.origins();
        let drafted = FileLines::new(path, draft, &[]);
        equal(&drafted, &known.text, |at, to| {
            if copied.get(at) == Some(&true) && origins.get(to) == Some(&Origin::Model) {
                origins[to] = Origin::Upstream;
            }
        });
        let text = known.text.clone();
        let mut file = self.set(path, &text, origins);
        file.from = Some(from.into());
        self.files.insert(path.into(), file.clone());
        Some(file)
    }

    /// Counts added lines of a file's diff by where they come from.
    pub fn count<'a>(&self, path: &str, added: impl Iterator<Item = (Option<u32>, &'a str)>) -> Tally {
        match self.files.get(path) {
            Some(file) => file.count(added),
            None => Tally {
                before: added.filter(|(_, text)| !text.trim().is_empty()).count(),
                ..Tally::default()
            },
        }
    }

    fn set(&mut self, path: &str, text: &str, origins: Vec<Origin>) -> FileLines {
        let from = self.files.get(path).and_then(|file| file.from.clone());
        let file = FileLines { from, ..FileLines::new(path, text, &origins) };
        self.remember(path, text, origins);
        self.files.insert(path.to_string(), file.clone());
        file
    }

    fn remember(&mut self, path: &str, text: &str, origins: Vec<Origin>) {
        let past = self.past.entry(path.to_string()).or_default();
        let key = key(text);
        past.retain(|(known, _)| *known != key);
        past.push_back((key, origins));
        if past.len() > REMEMBERED {
            past.pop_front();
        }
    }

    fn past_of(&self, path: &str, text: &str) -> Option<Vec<Origin>> {
        self.past.get(path).and_then(|past| find(past, text))
    }
}

fn find(past: &VecDeque<(u64, Vec<Origin>)>, text: &str) -> Option<Vec<Origin>> {
    let wanted = key(text);
    past.iter().rev().find(|(known, _)| *known == wanted).map(|(_, origins)| origins.clone())
}

fn key(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Calls with the numbers of each line that stands in both texts.
fn equal(known: &FileLines, text: &str, mut take: impl FnMut(usize, usize)) {
    for op in TextDiff::from_lines(known.text.as_str(), text).ops() {
        if let DiffOp::Equal { old_index, new_index, len } = *op {
            (0..len).for_each(|step| take(old_index + step, new_index + step));
        }
    }
}

/// Keeps the origins of lines that an edit left alone, or only laid out anew.
fn keep(known: &FileLines, text: &str, origins: &mut [Origin]) {
    let (old, new, had) = (lines(&known.text), lines(text), known.origins());
    for op in TextDiff::from_lines(known.text.as_str(), text).ops() {
        match *op {
            DiffOp::Equal { old_index, new_index, len } => {
                (0..len).for_each(|step| origins[new_index + step] = had[old_index + step]);
            }
            DiffOp::Replace { old_index, old_len, new_index, new_len } => {
                for at in new_index..new_index + new_len {
                    let same = (old_index..old_index + old_len)
                        .find(|from| !new[at].trim().is_empty() && old[*from].trim() == new[at].trim());
                    if let Some(from) = same {
                        origins[at] = had[from];
                    }
                }
            }
            DiffOp::Delete { .. } | DiffOp::Insert { .. } => {}
        }
    }
}

/// Gives the origins of a written text's lines, as far as the proposal goes: the model's, the person's, or one on the other.
fn by_model(proposed: &str, written: &str) -> Vec<Origin> {
    let all = vec![Origin::Model; lines(proposed).len()];
    let proposed = FileLines::new("", proposed, &all);
    if proposed.text == written { all } else { by_hand(&proposed, written) }
}

/// Gives the origins after the person changed a text: lines that stay keep theirs; of the others, those that are like a line of
/// the model that went are the model's, changed.
fn by_hand(known: &FileLines, text: &str) -> Vec<Origin> {
    let (old, new, had) = (lines(&known.text), lines(text), known.origins());
    let mut origins = vec![Origin::Person; new.len()];
    for op in TextDiff::from_lines(known.text.as_str(), text).ops() {
        if let DiffOp::Replace { old_index, old_len, new_index, new_len } = *op {
            let mut left: Vec<usize> = (old_index..old_index + old_len).collect();
            for at in new_index..new_index + new_len {
                // Only lines near the same place: a long rewrite must not compare every line with every other.
                let place = old_index + (at - new_index) * old_len / new_len.max(1);
                let near = left.iter().copied().filter(|from| from.abs_diff(place) <= NEAR);
                let best =
                    near.map(|from| (alike(old[from], new[at]), from)).max_by(|a, b| a.0.total_cmp(&b.0));
                let Some((_, from)) = best.filter(|(likeness, _)| *likeness >= ALIKE) else { continue };
                left.retain(|other| *other != from);
                if matches!(had[from], Origin::Model | Origin::Changed) {
                    origins[at] = Origin::Changed;
                }
            }
        }
    }
    keep(known, text, &mut origins);
    origins
}

fn alike(a: &str, b: &str) -> f32 {
    let (a, b) = (a.trim(), b.trim());
    if a.is_empty() || b.is_empty() { 0.0 } else { TextDiff::from_chars(a, b).ratio() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "mlx_lm/models/arcee.py";
    const DRAFT: &str =
        "import mlx.nn as nn\n\n\nclass MLP:\n    dim = 4\n    act = relu\n    bias = False\n";

    fn marks(ledger: &Ledger) -> String {
        let file = ledger.file(PATH).expect("a file");
        file.origins().into_iter().map(Origin::mark).collect()
    }

    fn drafted() -> Ledger {
        let mut ledger = Ledger::default();
        ledger.edited(&Applied { path: PATH, before: "", proposed: DRAFT, written: DRAFT });
        ledger
    }

    #[test]
    fn an_accepted_draft_is_the_models_but_for_what_the_nearest_port_has() {
        let mut ledger = drafted();
        assert_eq!(marks(&ledger), "mmmmmmm");
        ledger.copied(PATH, DRAFT, &[true, true, true, false, true, false, false], "llama.py");
        assert_eq!(marks(&ledger), "===m=mm");
        assert_eq!(
            ledger.file(PATH).map(FileLines::tally),
            Some(Tally { model: 3, upstream: 2, ..Tally::default() })
        );
    }

    #[test]
    fn lines_that_the_person_adds_are_theirs_and_changed_ones_are_both() {
        let mut ledger = drafted();
        let text = DRAFT
            .replace("act = relu", "act = relu_squared")
            .replace("bias = False\n", "bias = False\n    eps = 1\n");
        assert!(ledger.saved(PATH, &text).is_some());
        assert_eq!(marks(&ledger), "mmmmm~my");
        assert!(ledger.saved(PATH, &text).is_none(), "nothing changed");
        // Something else in its place is the person's own.
        let text = text.replace("    dim = 4\n", "    def __init__(self, args: ModelArgs):\n");
        ledger.saved(PATH, &text);
        assert_eq!(marks(&ledger), "mmmmy~my");
        // Laid out anew by hand: the same words.
        ledger.saved(PATH, &text.replace("    act", "  act"));
        assert_eq!(marks(&ledger), "mmmmy~my");
    }

    #[test]
    fn what_the_person_changes_in_the_approval_is_told_apart_line_by_line() {
        let mut ledger = Ledger::default();
        let written = DRAFT
            .replace("dim = 4", "dim = 4096")
            .replace("    bias = False\n", "    bias = False\n    mine = 1\n");
        ledger.edited(&Applied { path: PATH, before: "", proposed: DRAFT, written: &written });
        assert_eq!(marks(&ledger), "mmmm~mmy");
    }

    #[test]
    fn the_model_writes_over_the_persons_line_and_the_rest_stays_theirs() {
        let mut ledger = drafted();
        let mine = DRAFT.replace("    act = relu\n", "    a = 1\n    b = 2\n");
        ledger.saved(PATH, &mine);
        assert_eq!(marks(&ledger), "mmmmmyym");
        let after = mine.replace("a = 1", "zzz = compute(9)");
        ledger.edited(&Applied { path: PATH, before: &mine, proposed: &after, written: &after });
        assert_eq!(marks(&ledger), "mmmmmmym");
        // The person saved between proposal and edit, unseen by anyone: the edit's own text says so.
        let between = after.replace("b = 2\n", "b = 2\n    c = 3\n");
        let last = between.replace("bias = False", "bias = True");
        ledger.edited(&Applied { path: PATH, before: &between, proposed: &last, written: &last });
        assert_eq!(marks(&ledger), "mmmmmmyym");
    }

    #[test]
    fn a_text_that_comes_back_has_its_writers_back() {
        let mut ledger = drafted();
        let mine = DRAFT.replace("dim = 4", "width = 8");
        ledger.saved(PATH, &mine);
        let edited = mine.replace("bias = False\n", "bias = True\n");
        ledger.edited(&Applied { path: PATH, before: &mine, proposed: &edited, written: &edited });
        ledger.saved(PATH, DRAFT);
        assert_eq!(marks(&ledger), "mmmmmmm");
        // Taken back after the person went on: the model's line is the model's again, theirs are theirs.
        ledger.saved(PATH, &edited);
        let later = format!("{edited}    more = 1\n");
        ledger.saved(PATH, &later);
        ledger.taken_back(PATH, &later.replace("bias = True", "bias = False"), &mine);
        assert_eq!(marks(&ledger), "mmmmymmy");
    }

    #[test]
    fn a_diff_is_counted_by_line_and_what_is_not_known_is_said() {
        let mut ledger = drafted();
        ledger.saved(PATH, &DRAFT.replace("bias = False\n", "bias = False\n    bias = False\n"));
        let added = [
            (Some(7), "    bias = False"),
            (Some(8), "    bias = False"),
            (None, "    act = relu"),
            (Some(9), "  new"),
            (None, " "),
        ];
        assert_eq!(ledger.count(PATH, added.into_iter()), Tally { model: 2, person: 2, ..Tally::default() });
        assert_eq!(
            ledger.count("a.py", [(Some(1), "x")].into_iter()),
            Tally { before: 1, ..Tally::default() }
        );
        // A file that was there when the session began.
        assert!(ledger.saved("b.py", "old\n").is_none());
        ledger.saved("b.py", "old\nnew\n");
        assert_eq!(
            ledger.count("b.py", [(Some(1), "old"), (Some(2), "new")].into_iter()),
            Tally { before: 1, person: 1, ..Tally::default() }
        );
    }

    #[test]
    fn a_file_is_kept_and_put_back_whole() {
        let mut ledger = drafted();
        let file = ledger.saved(PATH, &format!("{DRAFT}mine = 1\n")).expect("changed");
        let text = serde_json::to_string(&file).expect("json");
        assert!(text.contains(r#"[["model",7],["person",1]]"#), "{text}");
        let mut again = Ledger::default();
        again.put(serde_json::from_str(&text).expect("back"));
        assert_eq!(again.file(PATH), ledger.file(PATH));
        again.saved(PATH, DRAFT);
        assert_eq!(marks(&again), "mmmmmmm");
    }
}
