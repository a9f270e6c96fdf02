//! Text fields: ratatui-textarea behind the program's own keys, with readline's and undo. Pure data; drawn by `ui`.

use ratatui_textarea::{CursorMove, Input, Key as AreaKey, TextArea};

use super::key::{Code, Key};
use super::pane::Used;

/// A text being written: one or many lines.
#[derive(Clone, Debug)]
pub struct Editor {
    area: TextArea<'static>,
}

impl Default for Editor {
    fn default() -> Self {
        Self::new("")
    }
}

impl Editor {
    /// Starts with a text, the cursor at its end.
    pub fn new(text: &str) -> Self {
        let mut area = TextArea::new(text.split('\n').map(str::to_string).collect());
        area.move_cursor(CursorMove::Bottom);
        area.move_cursor(CursorMove::End);
        Self { area }
    }

    /// Gives the whole text.
    pub fn text(&self) -> String {
        self.area.lines().join("\n")
    }

    /// Gives the lines.
    pub fn lines(&self) -> &[String] {
        self.area.lines()
    }

    /// Says whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.area.lines().iter().all(String::is_empty)
    }

    /// Gives the cursor as line and column, in characters.
    pub fn cursor(&self) -> (usize, usize) {
        let at = self.area.cursor();
        (at.0, at.1)
    }

    /// Puts the cursor at a line and column, in characters.
    pub fn set_cursor(&mut self, line: usize, column: usize) {
        let clamp = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        self.area.move_cursor(CursorMove::Jump(clamp(line), clamp(column)));
    }

    /// Inserts text at the cursor, newlines included.
    pub fn insert(&mut self, text: &str) {
        self.area.insert_str(text);
    }

    /// Takes the text out and leaves nothing.
    pub fn take(&mut self) -> String {
        let text = self.text();
        *self = Self::default();
        text
    }

    /// Takes a key that types or edits; others are left to the caller. Enter is left to the caller, who knows whether it
    /// sends; [`Editor::insert`] makes the new line.
    pub fn key(&mut self, key: Key) -> Used {
        let area_key = match key.code {
            Code::Char(c) => AreaKey::Char(c),
            Code::Backspace => AreaKey::Backspace,
            Code::Delete => AreaKey::Delete,
            Code::Left => AreaKey::Left,
            Code::Right => AreaKey::Right,
            Code::Up => AreaKey::Up,
            Code::Down => AreaKey::Down,
            Code::Home => AreaKey::Home,
            Code::End => AreaKey::End,
            Code::PageUp => AreaKey::PageUp,
            Code::PageDown => AreaKey::PageDown,
            Code::Enter | Code::Esc | Code::Tab | Code::Insert | Code::F(_) => return Used::No,
        };
        let known = "abdefhkmnpuwy".contains(|c| key.code == Code::Char(c));
        if key.ctrl && matches!(key.code, Code::Char(_)) && !known {
            return Used::No;
        }
        match (key.ctrl, key.code) {
            // Readline and every shell: Ctrl-U clears to the start of the line, Ctrl-Y puts back; textarea undoes there.
            (true, Code::Char('u')) => {
                self.area.delete_line_by_head();
            }
            (true, Code::Char('y')) => {
                self.area.paste();
            }
            _ => {
                self.area.input(Input { key: area_key, ctrl: key.ctrl, alt: key.alt, shift: key.shift });
            }
        }
        Used::Yes
    }

    /// Undoes the last change.
    pub fn undo(&mut self) {
        self.area.undo();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_readline_and_undo() {
        let mut editor = Editor::default();
        for c in "hello world".chars() {
            assert_eq!(editor.key(Key::char(c)), Used::Yes);
        }
        editor.key(Key::ctrl('w'));
        assert_eq!(editor.text(), "hello ");
        editor.key(Key::ctrl('a'));
        editor.key(Key::char('>'));
        assert_eq!((editor.text(), editor.cursor()), (">hello ".into(), (0, 1)));
        editor.insert("a\nb");
        assert_eq!(editor.take(), ">a\nbhello ");
        assert!(editor.is_empty());
    }
}
