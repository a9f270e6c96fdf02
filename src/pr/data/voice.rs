//! Text that goes to upstream's people: the PR's title and body, the commit message. A [`Voice`] has no setter. Letters
//! enter by [`Voice::type_key`], a paste by [`Voice::paste`] after the guard cleared it, program output by
//! [`Voice::insert_program_output`] as a block with its run id, and upstream's own template text at the start. Output
//! blocks are not editable, only removable, so that what is shown as program output is program output.

use serde::{Deserialize, Serialize};

use super::guard::Cleared;

mod motion;

/// One key of the editor, as `app` maps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoiceKey {
    Char(char),
    Newline,
    Backspace,
    Delete,
    DeleteWord,
    DeleteToStart,
    DeleteToEnd,
    Left,
    Right,
    WordLeft,
    WordRight,
    Up,
    Down,
    Home,
    End,
    Top,
    Bottom,
    Undo,
    Redo,
}

/// A text that only the person's keyboard and program output can enter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Saved")]
pub struct Voice {
    text: Pieces,
    cursor: Cursor,
    #[serde(skip)]
    undo: Vec<Past>,
    #[serde(skip)]
    redo: Vec<Past>,
    #[serde(skip)]
    step: Step,
}

/// A piece of a Voice text, in order of reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block<'a> {
    /// Typed, or upstream's template text as it was edited. `index` is what [`Cursor::prose`] counts.
    Prose { index: usize, text: &'a str },
    /// Program output with the run it came from.
    Output { run: &'a str, text: &'a str },
}

/// A place in a Voice: which piece of prose, and the byte in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cursor {
    pub prose: usize,
    pub at: usize,
}

// Prose first and after each output: the cursor always has a place on both sides of a block.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Pieces {
    first: String,
    rest: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Piece {
    run: String,
    output: String,
    then: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Past {
    text: Pieces,
    cursor: Cursor,
}

/// Letters typed one after the other are one step of undo.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    #[default]
    Whole,
    Letters,
}

#[derive(Deserialize)]
struct Saved {
    text: Pieces,
    cursor: Cursor,
}

const UNDO_LIMIT: usize = 200;

impl From<Saved> for Voice {
    // The cursor comes from a file: it is clamped, never trusted.
    fn from(saved: Saved) -> Self {
        let mut voice = Self { text: saved.text, ..Self::default() };
        let prose = saved.cursor.prose.min(voice.text.rest.len());
        let text = voice.prose_at(prose);
        let at =
            (0..=saved.cursor.at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        voice.cursor = Cursor { prose, at };
        voice
    }
}

impl Voice {
    /// Starts from upstream's own text, such as a link with blanks to fill.
    pub fn of_template(placeholder: &str) -> Self {
        let text = Pieces { first: placeholder.to_string(), rest: Vec::new() };
        Self { text, cursor: Cursor { prose: 0, at: placeholder.len() }, ..Self::default() }
    }

    /// Gives the pieces in order; the first and the last are prose.
    pub fn blocks(&self) -> impl Iterator<Item = Block<'_>> {
        let first = Block::Prose { index: 0, text: &self.text.first };
        let rest = self.text.rest.iter().enumerate().flat_map(|(at, piece)| {
            [
                Block::Output { run: &piece.run, text: &piece.output },
                Block::Prose { index: at + 1, text: &piece.then },
            ]
        });
        std::iter::once(first).chain(rest)
    }

    /// Gives the place of the cursor.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Gives the prose alone, for the guard: what the person answers for.
    pub fn prose(&self) -> String {
        let rest = self.text.rest.iter().map(|piece| piece.then.as_str());
        std::iter::once(self.text.first.as_str()).chain(rest).collect::<Vec<_>>().join("\n")
    }

    /// Says whether nothing was typed or inserted.
    pub fn is_empty(&self) -> bool {
        self.text.rest.is_empty() && self.text.first.trim().is_empty()
    }

    /// Says whether there is a block of program output.
    pub fn has_output(&self) -> bool {
        !self.text.rest.is_empty()
    }

    /// Gives the text as it goes to upstream: output as fenced blocks that name their run.
    pub fn text(&self) -> String {
        let mut out = self.text.first.clone();
        for piece in &self.text.rest {
            if !out.is_empty() && !out.ends_with('\n') {
                out.push('\n');
            }
            out.push_str(&fence(&piece.run, &piece.output));
            out.push_str(piece.then.strip_prefix('\n').unwrap_or(&piece.then));
        }
        out
    }

    /// Does one key of the person.
    pub fn type_key(&mut self, key: VoiceKey) {
        if !matches!(key, VoiceKey::Char(_)) {
            self.step = Step::Whole;
        }
        match key {
            VoiceKey::Char(c) => self.type_char(c),
            VoiceKey::Newline => self.insert("\n"),
            VoiceKey::Backspace => self.remove(self.left()),
            VoiceKey::Delete => self.remove(self.right()),
            VoiceKey::DeleteWord => self.remove(self.word_left()),
            VoiceKey::DeleteToStart => self.remove(self.line_start()),
            VoiceKey::DeleteToEnd => self.remove(self.line_end()),
            VoiceKey::Left => self.cursor = self.left(),
            VoiceKey::Right => self.cursor = self.right(),
            VoiceKey::WordLeft => self.cursor = self.word_left(),
            VoiceKey::WordRight => self.cursor = self.word_right(),
            VoiceKey::Up => self.cursor = self.line_above(),
            VoiceKey::Down => self.cursor = self.line_below(),
            VoiceKey::Home => self.cursor = self.line_start(),
            VoiceKey::End => self.cursor = self.line_end(),
            VoiceKey::Top => self.cursor = Cursor::default(),
            VoiceKey::Bottom => self.cursor = self.bottom(),
            VoiceKey::Undo => self.travel(Way::Back),
            VoiceKey::Redo => self.travel(Way::Forth),
        }
    }

    /// Pastes what the guard cleared. A paste is one step of undo.
    pub fn paste(&mut self, text: Cleared) {
        self.step = Step::Whole;
        let text = text.into_text().replace("\r\n", "\n").replace('\r', "\n");
        self.insert(&text);
    }

    /// Inserts output of a run at the cursor, as a block that cannot be edited.
    pub fn insert_program_output(&mut self, run_id: &str, text: &str) {
        self.step = Step::Whole;
        self.remember();
        let at = self.cursor;
        let then = self.prose_mut(at.prose).split_off(at.at);
        let piece = Piece { run: run_id.to_string(), output: text.trim_end().to_string(), then };
        self.text.rest.insert(at.prose, piece);
        self.cursor = Cursor { prose: at.prose + 1, at: 0 };
    }

    fn type_char(&mut self, c: char) {
        let mut buffer = [0; 4];
        let text: &str = c.encode_utf8(&mut buffer);
        let continues = self.step == Step::Letters && !c.is_whitespace();
        if !continues {
            self.remember();
        }
        self.step = if c.is_whitespace() { Step::Whole } else { Step::Letters };
        self.put(text);
    }

    fn insert(&mut self, text: &str) {
        self.remember();
        self.put(text);
    }

    fn put(&mut self, text: &str) {
        let at = self.cursor;
        self.prose_mut(at.prose).insert_str(at.at, text);
        self.cursor.at += text.len();
    }

    /// Removes between the cursor and `other`; across an output block, the block goes as a whole and nothing else.
    fn remove(&mut self, other: Cursor) {
        if other == self.cursor {
            return;
        }
        self.remember();
        let (from, to) = if other < self.cursor { (other, self.cursor) } else { (self.cursor, other) };
        if from.prose == to.prose {
            self.prose_mut(from.prose).drain(from.at..to.at);
            self.cursor = from;
            return;
        }
        let piece = self.text.rest.remove(from.prose);
        let head = self.prose_mut(from.prose);
        let at = head.len();
        head.push_str(&piece.then);
        self.cursor = Cursor { prose: from.prose, at };
    }

    fn remember(&mut self) {
        self.redo.clear();
        if self.undo.len() == UNDO_LIMIT {
            self.undo.remove(0);
        }
        self.undo.push(Past { text: self.text.clone(), cursor: self.cursor });
    }

    fn travel(&mut self, way: Way) {
        let (from, to) = match way {
            Way::Back => (&mut self.undo, &mut self.redo),
            Way::Forth => (&mut self.redo, &mut self.undo),
        };
        let Some(past) = from.pop() else { return };
        let text = std::mem::replace(&mut self.text, past.text);
        let cursor = std::mem::replace(&mut self.cursor, past.cursor);
        to.push(Past { text, cursor });
    }

    fn prose_at(&self, index: usize) -> &str {
        match index.checked_sub(1) {
            None => &self.text.first,
            Some(at) => &self.text.rest[at].then,
        }
    }

    fn prose_mut(&mut self, index: usize) -> &mut String {
        match index.checked_sub(1) {
            None => &mut self.text.first,
            Some(at) => &mut self.text.rest[at].then,
        }
    }
}

#[derive(Clone, Copy)]
enum Way {
    Back,
    Forth,
}

/// Writes output as a fenced block, longer than any fence inside it.
fn fence(run: &str, text: &str) -> String {
    let inner = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let ticks = "`".repeat(inner.max(2) + 1);
    format!("{ticks}text run {run}\n{text}\n{ticks}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn type_in(voice: &mut Voice, text: &str) {
        text.chars()
            .for_each(|c| voice.type_key(if c == '\n' { VoiceKey::Newline } else { VoiceKey::Char(c) }));
    }

    #[test]
    fn output_is_a_fenced_block_with_its_run_between_the_prose() {
        let mut voice = Voice::default();
        type_in(&mut voice, "before after");
        (0..6).for_each(|_| voice.type_key(VoiceKey::Left));
        voice.insert_program_output("3f2a", "a ``` b\n");
        assert_eq!(voice.text(), "before\n````text run 3f2a\na ``` b\n````\n after");
        assert_eq!(voice.prose(), "before\n after");
    }

    #[test]
    fn an_output_block_is_removed_whole_and_comes_back_with_undo() {
        let mut voice = Voice::default();
        type_in(&mut voice, "x");
        voice.insert_program_output("1", "out");
        type_in(&mut voice, "y");
        voice.type_key(VoiceKey::Left);
        let before = voice.text();
        voice.type_key(VoiceKey::Backspace);
        assert_eq!((voice.text(), voice.has_output()), ("xy".into(), false));
        voice.type_key(VoiceKey::Undo);
        assert_eq!(voice.text(), before);
        voice.type_key(VoiceKey::Redo);
        assert_eq!(voice.text(), "xy");
    }

    #[test]
    fn undo_takes_back_a_word_at_a_time() {
        let mut voice = Voice::default();
        type_in(&mut voice, "one two");
        voice.type_key(VoiceKey::Undo);
        assert_eq!(voice.text(), "one ");
        voice.type_key(VoiceKey::Undo);
        voice.type_key(VoiceKey::Undo);
        assert_eq!(voice.text(), "");
    }

    #[test]
    fn editing_keeps_to_whole_graphemes_and_lines() {
        let mut voice = Voice::default();
        type_in(&mut voice, "a👩‍🔬é\nlonger line\nz");
        voice.type_key(VoiceKey::Up);
        voice.type_key(VoiceKey::DeleteToEnd);
        voice.type_key(VoiceKey::Up);
        voice.type_key(VoiceKey::End);
        voice.type_key(VoiceKey::Backspace);
        voice.type_key(VoiceKey::Backspace);
        assert_eq!(voice.text(), "a\nl\nz");
        voice.type_key(VoiceKey::Bottom);
        voice.type_key(VoiceKey::DeleteWord);
        assert_eq!(voice.text(), "a\nl\n");
    }

    #[test]
    fn a_saved_voice_comes_back_and_a_damaged_cursor_is_clamped() {
        let mut voice = Voice::default();
        type_in(&mut voice, "é");
        voice.insert_program_output("1", "out");
        let saved = serde_json::to_string(&voice).expect("writes");
        let read: Voice = serde_json::from_str(&saved).expect("reads");
        assert_eq!((read.text(), read.cursor()), (voice.text(), voice.cursor()));
        let damaged = r#"{"text":{"first":"é","rest":[]},"cursor":{"prose":9,"at":1}}"#;
        let read: Voice = serde_json::from_str(damaged).expect("reads");
        assert_eq!(read.cursor(), Cursor { prose: 0, at: 0 });
    }
}
