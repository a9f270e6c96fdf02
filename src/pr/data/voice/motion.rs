//! Where the cursor goes. A step is a grapheme; stepping over an output block is one step; lines are the text's own,
//! not the screen's.

use unicode_segmentation::UnicodeSegmentation;

use super::{Cursor, Voice};

impl Voice {
    pub(super) fn left(&self) -> Cursor {
        let Cursor { prose, at } = self.cursor;
        match self.prose_at(prose)[..at].graphemes(true).next_back() {
            Some(grapheme) => Cursor { prose, at: at - grapheme.len() },
            None if prose > 0 => Cursor { prose: prose - 1, at: self.prose_at(prose - 1).len() },
            None => self.cursor,
        }
    }

    pub(super) fn right(&self) -> Cursor {
        let Cursor { prose, at } = self.cursor;
        match self.prose_at(prose)[at..].graphemes(true).next() {
            Some(grapheme) => Cursor { prose, at: at + grapheme.len() },
            None if prose < self.text.rest.len() => Cursor { prose: prose + 1, at: 0 },
            None => self.cursor,
        }
    }

    pub(super) fn word_left(&self) -> Cursor {
        let Cursor { prose, at } = self.cursor;
        let before = self.prose_at(prose)[..at].trim_end_matches(|c: char| !c.is_alphanumeric());
        let start = before.trim_end_matches(char::is_alphanumeric).len();
        if at == 0 { self.left() } else { Cursor { prose, at: start } }
    }

    pub(super) fn word_right(&self) -> Cursor {
        let Cursor { prose, at } = self.cursor;
        let text = self.prose_at(prose);
        let after = text[at..].trim_start_matches(|c: char| !c.is_alphanumeric());
        let end = after.trim_start_matches(char::is_alphanumeric);
        if at == text.len() { self.right() } else { Cursor { prose, at: text.len() - end.len() } }
    }

    pub(super) fn line_start(&self) -> Cursor {
        let Cursor { prose, at } = self.cursor;
        let at = self.prose_at(prose)[..at].rfind('\n').map_or(0, |newline| newline + 1);
        Cursor { prose, at }
    }

    pub(super) fn line_end(&self) -> Cursor {
        let Cursor { prose, at } = self.cursor;
        let text = self.prose_at(prose);
        let at = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
        Cursor { prose, at }
    }

    pub(super) fn line_above(&self) -> Cursor {
        let start = self.line_start();
        let column = self.column(start);
        match (start.at, start.prose) {
            (0, 0) => self.cursor,
            (0, prose) => Cursor { prose: prose - 1, at: self.prose_at(prose - 1).len() },
            (at, prose) => {
                let text = &self.prose_at(prose)[..at - 1];
                let from = text.rfind('\n').map_or(0, |newline| newline + 1);
                Cursor { prose, at: from + step(&text[from..], column) }
            }
        }
    }

    pub(super) fn line_below(&self) -> Cursor {
        let column = self.column(self.line_start());
        let end = self.line_end();
        let text = self.prose_at(end.prose);
        if end.at == text.len() {
            return match end.prose < self.text.rest.len() {
                true => Cursor { prose: end.prose + 1, at: 0 },
                false => self.cursor,
            };
        }
        let from = end.at + 1;
        let line = text[from..].split('\n').next().unwrap_or_default();
        Cursor { prose: end.prose, at: from + step(line, column) }
    }

    pub(super) fn bottom(&self) -> Cursor {
        let prose = self.text.rest.len();
        Cursor { prose, at: self.prose_at(prose).len() }
    }

    fn column(&self, start: Cursor) -> usize {
        self.prose_at(start.prose)[start.at..self.cursor.at].graphemes(true).count()
    }
}

/// Gives the byte after `column` graphemes of a line, or its end.
fn step(line: &str, column: usize) -> usize {
    line.graphemes(true).take(column).map(str::len).sum()
}
