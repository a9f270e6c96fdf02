//! What a frame costs: ratatui's changed cells become the fewest bytes that show them, held back until the frame is
//! whole, put inside DEC 2026 brackets and written once. Nothing changed means nothing written.

use std::collections::HashMap;
use std::io::{self, Write};

use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use ratatui::style::{Color, Modifier};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::theme::Depth;

const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";

/// A terminal of known size behind a writer; colours are brought down to `depth`.
#[derive(Debug)]
pub struct FrameBackend<W: Write> {
    out: W,
    frame: Vec<u8>,
    size: Size,
    depth: Depth,
    pen: Pen,
    /// Where the terminal's cursor is, if known.
    at: Option<Position>,
    cursor: Cursor,
    quantised: HashMap<Color, Color>,
    frames: u64,
    bytes: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Pen {
    fg: Color,
    bg: Color,
    modifier: Modifier,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cursor {
    Hidden,
    Shown,
}

impl<W: Write> FrameBackend<W> {
    /// Takes a writer to a cleared terminal whose cursor is hidden.
    pub fn new(out: W, size: (u16, u16), depth: Depth) -> Self {
        Self {
            out,
            frame: Vec::with_capacity(32 * 1024),
            size: Size::new(size.0, size.1),
            depth,
            pen: Pen::default(),
            at: None,
            cursor: Cursor::Hidden,
            quantised: HashMap::new(),
            frames: 0,
            bytes: 0,
        }
    }

    /// Says that the terminal has another size now.
    pub fn resize(&mut self, size: (u16, u16)) {
        self.size = Size::new(size.0, size.1);
    }

    /// Frames and bytes written so far, brackets included.
    pub fn written(&self) -> (u64, u64) {
        (self.frames, self.bytes)
    }

    /// Adds a sequence to the next frame: title, clipboard, progress.
    pub fn sequence(&mut self, bytes: &[u8]) {
        self.frame.extend_from_slice(bytes);
    }

    /// Gives the writer, for what must go out at once and is no frame.
    pub fn writer(&mut self) -> &mut W {
        &mut self.out
    }

    fn move_to(&mut self, x: u16, y: u16) {
        if self.at == Some(Position::new(x, y)) {
            return;
        }
        let _ = match (self.at, x, y) {
            (Some(at), x, y) if at.y == y && x > at.x => write!(self.frame, "\x1b[{}C", x - at.x),
            (_, 0, 0) => write!(self.frame, "\x1b[H"),
            (_, 0, y) => write!(self.frame, "\x1b[{}H", y + 1),
            (_, x, y) => write!(self.frame, "\x1b[{};{}H", y + 1, x + 1),
        };
        self.at = Some(Position::new(x, y));
    }

    fn colour(&mut self, colour: Color) -> Color {
        let depth = self.depth;
        *self.quantised.entry(colour).or_insert_with(|| depth.quantise(colour))
    }

    fn set_pen(&mut self, cell: &Cell) {
        let pen = Pen { fg: self.colour(cell.fg), bg: self.colour(cell.bg), modifier: cell.modifier };
        if pen == self.pen {
            return;
        }
        let mut codes: Vec<u8> = Vec::with_capacity(32);
        let gone = self.pen.modifier - pen.modifier;
        let reset = !gone.is_empty();
        if reset {
            codes.extend_from_slice(b"0;");
        }
        let added = if reset { pen.modifier } else { pen.modifier - self.pen.modifier };
        for (flag, code) in MODIFIERS {
            if added.contains(flag) {
                codes.extend_from_slice(code);
                codes.push(b';');
            }
        }
        let before = if reset { Pen::default() } else { self.pen };
        if pen.fg != before.fg {
            push_colour(&mut codes, pen.fg, 30);
        }
        if pen.bg != before.bg {
            push_colour(&mut codes, pen.bg, 40);
        }
        codes.pop();
        self.frame.extend_from_slice(b"\x1b[");
        // `ESC [ m` is the short form of a reset.
        self.frame.extend_from_slice(if codes == b"0" { b"" } else { &codes });
        self.frame.push(b'm');
        self.pen = pen;
    }
}

const MODIFIERS: [(Modifier, &[u8]); 6] = [
    (Modifier::BOLD, b"1"),
    (Modifier::DIM, b"2"),
    (Modifier::ITALIC, b"3"),
    (Modifier::UNDERLINED, b"4"),
    (Modifier::REVERSED, b"7"),
    (Modifier::CROSSED_OUT, b"9"),
];

fn push_colour(codes: &mut Vec<u8>, colour: Color, base: u8) {
    let _ = match colour {
        Color::Indexed(n @ 0..=7) => write!(codes, "{};", base + n),
        Color::Indexed(n @ 8..=15) => write!(codes, "{};", base + 60 + n - 8),
        Color::Indexed(n) => write!(codes, "{};5;{n};", base + 8),
        Color::Rgb(r, g, b) => write!(codes, "{};2;{r};{g};{b};", base + 8),
        // The theme makes only the colours above; anything else is the terminal's own.
        _ => write!(codes, "{};", base + 9),
    };
}

impl<W: Write> Backend for FrameBackend<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        for (x, y, cell) in content {
            self.move_to(x, y);
            self.set_pen(cell);
            let symbol = cell.symbol();
            self.frame.extend_from_slice(symbol.as_bytes());
            let after = x + u16::try_from(symbol.width()).unwrap_or(1);
            // At the right edge terminals differ in where the cursor is; wide symbols and signs with an emoji form are
            // measured differently. Frames, blocks, arrows and letters below those are one cell everywhere.
            let known =
                after < self.size.width && symbol.chars().all(|c| c < '\u{2600}' && c.width() == Some(1));
            self.at = known.then_some(Position::new(after, y));
        }
        Ok(())
    }

    fn append_lines(&mut self, _n: u16) -> io::Result<()> {
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if self.cursor == Cursor::Shown {
            self.frame.extend_from_slice(b"\x1b[?25l");
            self.cursor = Cursor::Hidden;
        }
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        if self.cursor == Cursor::Hidden {
            self.frame.extend_from_slice(b"\x1b[?25h");
            self.cursor = Cursor::Shown;
        }
        Ok(())
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.at.unwrap_or_default())
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let position = position.into();
        self.move_to(position.x, position.y);
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.frame.extend_from_slice(b"\x1b[m\x1b[2J");
        self.pen = Pen::default();
        self.at = None;
        Ok(())
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        match clear_type {
            ClearType::All => self.clear(),
            _ => Ok(()),
        }
    }

    fn scroll_region_up(&mut self, _region: std::ops::Range<u16>, _lines: u16) -> io::Result<()> {
        Ok(())
    }

    fn scroll_region_down(&mut self, _region: std::ops::Range<u16>, _lines: u16) -> io::Result<()> {
        Ok(())
    }

    fn size(&self) -> io::Result<Size> {
        Ok(self.size)
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize { columns_rows: self.size, pixels: Size::default() })
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.frame.is_empty() {
            return Ok(());
        }
        let mut whole = Vec::with_capacity(self.frame.len() + BEGIN.len() + END.len());
        whole.extend_from_slice(BEGIN);
        whole.append(&mut self.frame);
        whole.extend_from_slice(END);
        self.frames += 1;
        self.bytes += whole.len() as u64;
        self.out.write_all(&whole)?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::text::Line;

    use super::*;

    /// Counts writes, keeps bytes.
    #[derive(Default)]
    struct Counter {
        writes: usize,
        bytes: Vec<u8>,
    }

    impl Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.writes += 1;
            self.bytes.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_frame_is_one_bracketed_write_and_an_unchanged_frame_is_none() {
        let backend = FrameBackend::new(Counter::default(), (20, 3), Depth::True);
        let mut terminal = Terminal::new(backend).expect("terminal");
        for _ in 0..3 {
            terminal
                .draw(|frame| {
                    frame.render_widget(Line::raw("hello"), frame.area());
                    frame.set_cursor_position((5, 0));
                })
                .expect("draw");
        }
        let out = &terminal.backend().out;
        assert_eq!(out.writes, 1);
        let text = String::from_utf8_lossy(&out.bytes);
        assert_eq!(text, "\u{1b}[?2026h\u{1b}[Hhello\u{1b}[?25h\u{1b}[?2026l");
    }

    #[test]
    fn one_more_character_costs_few_bytes() {
        let backend = FrameBackend::new(Counter::default(), (80, 24), Depth::True);
        let mut terminal = Terminal::new(backend).expect("terminal");
        let mut draw = |text: &str| {
            let column = u16::try_from(text.len()).expect("short");
            terminal
                .draw(|frame| {
                    frame.render_widget(Line::raw(text.to_string()), frame.area());
                    frame.set_cursor_position((column, 0));
                })
                .expect("draw");
            terminal.backend().written().1
        };
        let before = draw("typ");
        assert!(draw("type") - before <= 24);
    }
}
