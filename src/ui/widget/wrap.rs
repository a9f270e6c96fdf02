//! Soft wrapping of styled words by terminal columns, with hanging indents.

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// What stands before the first row and before the rows that follow.
#[derive(Clone, Debug, Default)]
pub struct Indent {
    pub first: Vec<Span<'static>>,
    pub rest: Vec<Span<'static>>,
}

impl Indent {
    /// The same before every row.
    pub fn all(text: &str, style: Style) -> Self {
        let span = vec![Span::styled(text.to_string(), style)];
        Self { first: span.clone(), rest: span }
    }

    /// A mark before the first row, and as much space before the others.
    pub fn mark(text: &str, style: Style) -> Self {
        let first = vec![Span::styled(text.to_string(), style)];
        Self { first, rest: vec![Span::raw(" ".repeat(text.width()))] }
    }
}

/// Wraps at spaces; a word longer than a row is cut between graphemes. A newline in a part starts a row.
pub fn wrap(parts: &[(String, Style)], width: u16, indent: &Indent) -> Vec<Line<'static>> {
    let mut rows = Rows::new(usize::from(width), indent);
    for (text, style) in parts {
        for (at, line) in text.split('\n').enumerate() {
            if at > 0 {
                rows.end_row();
            }
            for word in line.split_word_bounds() {
                rows.word(word, *style);
            }
        }
    }
    rows.finish()
}

struct Rows<'a> {
    width: usize,
    indent: &'a Indent,
    done: Vec<Line<'static>>,
    row: Vec<Span<'static>>,
    used: usize,
    /// What belongs together since the last space and moves to the next row as one.
    word: Vec<(String, Style)>,
    word_width: usize,
}

impl<'a> Rows<'a> {
    fn new(width: usize, indent: &'a Indent) -> Self {
        let mut rows = Self {
            width,
            indent,
            done: Vec::new(),
            row: Vec::new(),
            used: 0,
            word: Vec::new(),
            word_width: 0,
        };
        rows.start();
        rows
    }

    fn start(&mut self) {
        let indent = if self.done.is_empty() { &self.indent.first } else { &self.indent.rest };
        self.row.clone_from(indent);
        self.used = indent.iter().map(Span::width).sum();
    }

    fn indent_width(&self) -> usize {
        let indent = if self.done.is_empty() { &self.indent.first } else { &self.indent.rest };
        indent.iter().map(Span::width).sum()
    }

    fn word(&mut self, text: &str, style: Style) {
        if text.chars().all(|c| c == ' ') {
            self.place();
            let cells = text.len();
            if self.used + cells <= self.width && self.used > self.indent_width() {
                self.push(text, style);
            } else if self.used > self.indent_width() {
                self.end_row();
            }
            return;
        }
        self.word_width += text.width();
        self.word.push((text.to_string(), style));
    }

    fn place(&mut self) {
        if self.word.is_empty() {
            return;
        }
        if self.used + self.word_width > self.width && self.used > self.indent_width() {
            self.break_row();
        }
        let fits = self.used + self.word_width <= self.width;
        for (text, style) in std::mem::take(&mut self.word) {
            match fits {
                true => self.push(&text, style),
                false => self.cut(&text, style),
            }
        }
        self.word_width = 0;
    }

    fn cut(&mut self, text: &str, style: Style) {
        for grapheme in text.graphemes(true) {
            if self.used + grapheme.width() > self.width && self.used > self.indent_width() {
                self.break_row();
            }
            self.push(grapheme, style);
        }
    }

    fn push(&mut self, text: &str, style: Style) {
        self.used += text.width();
        match self.row.last_mut() {
            Some(last) if last.style == style && self.used > 0 => last.content.to_mut().push_str(text),
            _ => self.row.push(Span::styled(text.to_string(), style)),
        }
    }

    fn break_row(&mut self) {
        // Spaces at a row's end are not worth their cells.
        if let Some(last) = self.row.last_mut() {
            let kept = last.content.trim_end_matches(' ').len();
            if kept > 0 {
                last.content.to_mut().truncate(kept);
            }
        }
        self.done.push(Line::from(std::mem::take(&mut self.row)));
        self.start();
    }

    fn end_row(&mut self) {
        self.place();
        self.break_row();
    }

    fn finish(mut self) -> Vec<Line<'static>> {
        self.place();
        if self.used > self.indent_width() || self.done.is_empty() {
            self.done.push(Line::from(self.row));
        }
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str, width: u16, indent: &Indent) -> Vec<String> {
        let parts = vec![(text.to_string(), Style::default())];
        wrap(&parts, width, indent).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn words_move_whole_and_long_ones_are_cut() {
        let none = Indent::default();
        assert_eq!(rows("one two three", 8, &none), ["one two", "three"]);
        assert_eq!(rows("abcdefghij k", 4, &none), ["abcd", "efgh", "ij k"]);
        assert_eq!(rows("日本語 x", 4, &none), ["日本", "語 x"]);
        assert_eq!(rows("a\n\nb", 9, &none), ["a", "", "b"]);
        assert_eq!(rows("", 9, &none), [""]);
    }

    #[test]
    fn later_rows_hang_under_the_mark() {
        assert_eq!(rows("one two three", 9, &Indent::mark("• ", Style::default())), ["• one two", "  three"]);
    }
}
