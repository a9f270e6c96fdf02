//! Draws code: line numbers, gutter marks, colour, matches, the cursor's line, words after the text. Costs what the
//! viewport costs, whatever the file's length; a line is read no further than the screen is wide.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthChar;

use crate::agent::data::provenance::Origin;
use crate::source::data::{Hit, SourceDoc, Token};
use crate::theme::Theme;

/// What to show of a document.
pub struct Code<'a> {
    pub doc: &'a SourceDoc,
    /// The first line shown, from 1.
    pub top: u32,
    pub cursor: u32,
    /// Columns scrolled away on the left.
    pub column: u16,
    /// Matches in the order of the text.
    pub hits: &'a [Hit],
    /// Gives the mark of a line.
    pub mark: &'a dyn Fn(u32) -> Mark,
    /// Gives words to stand after a line.
    pub after: &'a dyn Fn(u32) -> Option<String>,
    pub lit: Lit,
}

/// What stands in the gutter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    None,
    /// Part of the module whose output differs.
    Divergent,
    /// Where that module is computed.
    DivergentHere,
    /// Not Python.
    Broken,
    /// Who wrote the line.
    Writer(Origin),
}

/// Whether the cursor's line is lit: only in the half that has the focus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lit {
    Yes,
    No,
}

/// Columns of the gutter for a document: mark, line number, a space.
pub fn gutter(doc: &SourceDoc) -> u16 {
    let digits = doc.line_count().max(1).ilog10() as u16 + 1;
    digits.max(3) + 2
}

/// Draws the code.
pub fn draw(buffer: &mut Buffer, area: Rect, code: &Code<'_>, theme: &Theme) {
    let mut hits = code.hits.partition_point(|hit| hit.line < code.top);
    for row in 0..area.height {
        let line = code.top + u32::from(row);
        if line > code.doc.line_count() {
            break;
        }
        let from = hits;
        while code.hits.get(hits).is_some_and(|hit| hit.line == line) {
            hits += 1;
        }
        let row = Rect { y: area.y + row, height: 1, ..area };
        draw_line(buffer, row, (code, line), &code.hits[from..hits], theme);
    }
}

fn draw_line(buffer: &mut Buffer, row: Rect, (code, line): (&Code<'_>, u32), hits: &[Hit], theme: &Theme) {
    let lit = line == code.cursor && code.lit == Lit::Yes;
    if lit {
        buffer.set_style(row, theme.selected);
    }
    let gutter = gutter(code.doc).min(row.width);
    let (mark, style) = match (code.mark)(line) {
        Mark::None => (" ", theme.gutter),
        Mark::Divergent => ("▌", theme.mark),
        Mark::DivergentHere => ("▶", theme.mark),
        Mark::Broken => ("!", theme.fail),
        Mark::Writer(origin) => (origin.mark(), writer(origin, theme)),
    };
    buffer.set_stringn(row.x, row.y, mark, 1, style);
    // The cursor's line is known without colour by its number's arrow.
    let number = format!("{line:>0$}", usize::from(gutter.saturating_sub(2)));
    let style = if line == code.cursor { theme.strong } else { theme.gutter };
    buffer.set_stringn(row.x + 1, row.y, number, usize::from(gutter.saturating_sub(1)), style);
    if line == code.cursor && gutter > 1 {
        buffer.set_stringn(row.x + gutter - 1, row.y, "›", 1, theme.accent);
    }
    let text = Rect { x: row.x + gutter, width: row.width - gutter, ..row };
    let end = draw_text(buffer, text, (code, line), hits, theme);
    if let Some(words) = (code.after)(line) {
        let room = text.right().saturating_sub(end + 2);
        buffer.set_stringn(end + 2, row.y, words, usize::from(room), theme.dim);
    }
}

/// Draws the text; gives the column after its end.
fn draw_text(
    buffer: &mut Buffer,
    area: Rect,
    (code, line): (&Code<'_>, u32),
    hits: &[Hit],
    theme: &Theme,
) -> u16 {
    let spans = code.doc.spans(line);
    let mut next = 0;
    let mut column = 0u32;
    let first = u32::from(code.column);
    let last = first + u32::from(area.width);
    for (at, c) in code.doc.line(line).char_indices() {
        let at = at as u32;
        while spans.get(next).is_some_and(|span| span.end <= at) {
            next += 1;
        }
        let span = spans.get(next).filter(|span| span.start <= at);
        let mut style = span.map_or(theme.text, |span| colour(span.token, theme));
        if hits.iter().any(|hit| hit.start <= at && at < hit.end) {
            style = theme.r#match;
        }
        let (shown, width) = safe(c);
        if column + width > last {
            break;
        }
        if column >= first && width > 0 {
            let x = area.x + (column - first) as u16;
            buffer.set_stringn(x, area.y, shown.encode_utf8(&mut [0; 4]), width.min(2) as usize, style);
        }
        column += width;
    }
    area.x + column.saturating_sub(first).min(u32::from(area.width)) as u16
}

/// A character that a cell may hold, and its columns. Controls, escapes and bidi marks never reach the terminal; marks
/// without a width are left out.
fn safe(c: char) -> (char, u32) {
    match c {
        '\t' => (' ', 4),
        c if c.is_control() => ('·', 1),
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => ('·', 1),
        c => (c, c.width().unwrap_or(0) as u32),
    }
}

/// The style of a writer's mark.
pub fn writer(origin: Origin, theme: &Theme) -> Style {
    match origin {
        Origin::Before | Origin::Upstream => theme.dim,
        Origin::Model => theme.model,
        Origin::Changed => theme.warn,
        Origin::Person => theme.user,
    }
}

fn colour(token: Token, theme: &Theme) -> Style {
    match token {
        Token::Keyword => theme.code_keyword,
        Token::Function | Token::Builtin => theme.code_function,
        Token::Class => theme.code_type,
        Token::Text => theme.code_string,
        Token::Number => theme.code_number,
        Token::Comment => theme.code_comment,
        Token::Decorator => theme.code_decorator,
        Token::Property => theme.text,
        Token::Parameter => theme.code_parameter,
        Token::Constant | Token::SelfName => theme.code_constant,
        Token::Operator => theme.code_operator,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::parse;

    fn shown(text: &str, top: u32, column: u16, width: u16) -> Vec<String> {
        let doc = parse("a.py", text);
        let area = Rect::new(0, 0, width, 3);
        let mut buffer = Buffer::empty(area);
        let hits = crate::source::pure::search(&doc, "odd");
        let code = Code {
            doc: &doc,
            top,
            cursor: 2,
            column,
            hits: &hits,
            mark: &|line| if line == 1 { Mark::Divergent } else { Mark::None },
            after: &|line| (line == 2).then(|| "↳ here".to_string()),
            lit: Lit::Yes,
        };
        draw(&mut buffer, area, &code, &Theme::named("dark").expect("a theme"));
        (0..3)
            .map(|y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_string())
            .collect()
    }

    #[test]
    fn numbers_marks_and_words_stand_beside_the_text() {
        let text = "class A:\n    x = 1\n\ny = 2\n";
        assert_eq!(shown(text, 1, 0, 24), ["▌  1 class A:", "   2›    x = 1  ↳ here", "   3"]);
        assert_eq!(shown(text, 3, 0, 24), ["   3", "   4 y = 2", ""]);
    }

    #[test]
    fn controls_wide_characters_and_long_lines_stay_in_their_cells() {
        let text = "a\u{1b}[31m\tb\u{202e}c\n日本語 = 1\n";
        assert_eq!(shown(text, 1, 0, 22), ["▌  1 a·[31m    b·c", "   2›日 本 語  = 1  ↳ her", ""]);
        assert_eq!(shown(text, 1, 6, 14), ["▌  1     b·c", "   2› = 1  ↳ h", ""]);
        let long = "x".repeat(1 << 20);
        assert_eq!(shown(&long, 1, 0, 10)[0], format!("▌  1 {}", "x".repeat(5)));
    }
}
