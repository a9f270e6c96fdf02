//! Bytes of the terminal to keys, pastes, mouse and focus. Our own parser, because the usual one takes a read that ends
//! in ESC for the Esc key, which SSH splits produce; here a lone ESC waits for [`ESC_WAIT_MS`]. Splitting the bytes
//! anywhere gives the same events.

use crate::app::key::{Code, Key, Mouse, MouseKind};
use crate::app::msg::Focused;

/// How long a lone ESC waits for the rest of a sequence.
pub const ESC_WAIT_MS: u64 = 25;
const PASTE_END: &[u8] = b"\x1b[201~";
const LONGEST_SEQUENCE: usize = 64;

/// What the terminal said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    Key(Key),
    Paste(String),
    Mouse(Mouse),
    Focus(Focused),
}

/// The parser; keeps what is not whole yet.
#[derive(Debug, Default)]
pub struct Parser {
    held: Vec<u8>,
    paste: Option<Vec<u8>>,
}

enum Step {
    /// This many bytes were used.
    Take(usize, Option<Input>),
    /// A paste begins after this many bytes.
    Paste(usize),
    /// More bytes are needed.
    Wait,
}

impl Parser {
    /// Takes bytes; gives every event that is whole.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Input> {
        self.held.extend_from_slice(bytes);
        self.drain(At::More)
    }

    /// Says that [`ESC_WAIT_MS`] passed without more bytes: a held ESC is the Esc key.
    pub fn timeout(&mut self) -> Vec<Input> {
        self.drain(At::End)
    }

    /// Whether bytes are held that a timeout would settle.
    pub fn is_waiting(&self) -> bool {
        self.paste.is_none() && !self.held.is_empty()
    }

    fn drain(&mut self, at: At) -> Vec<Input> {
        let mut events = Vec::new();
        let mut start = 0;
        while start < self.held.len() {
            if let Some(paste) = &mut self.paste {
                let rest = &self.held[start..];
                let Some(end) = find(rest, PASTE_END) else {
                    // Keep back what may be the beginning of the end mark.
                    let keep = rest.len().min(PASTE_END.len() - 1);
                    paste.extend_from_slice(&rest[..rest.len() - keep]);
                    start = self.held.len() - keep;
                    break;
                };
                paste.extend_from_slice(&rest[..end]);
                start += end + PASTE_END.len();
                let text = String::from_utf8_lossy(paste).replace("\r\n", "\n").replace('\r', "\n");
                self.paste = None;
                events.push(Input::Paste(text));
                continue;
            }
            match step(&self.held[start..], at) {
                Step::Take(used, event) => {
                    start += used;
                    events.extend(event);
                }
                Step::Paste(used) => {
                    start += used;
                    self.paste = Some(Vec::new());
                }
                Step::Wait => break,
            }
        }
        self.held.drain(..start);
        events
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    More,
    End,
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn key(code: Code) -> Option<Input> {
    Some(Input::Key(Key::plain(code)))
}

fn step(bytes: &[u8], at: At) -> Step {
    match bytes[0] {
        0x1b => escape(bytes, at),
        b'\r' => Step::Take(1, key(Code::Enter)),
        b'\t' => Step::Take(1, key(Code::Tab)),
        0x7f | 0x08 => Step::Take(1, key(Code::Backspace)),
        0 => Step::Take(1, Some(Input::Key(Key::ctrl(' ')))),
        c @ 1..=26 => Step::Take(1, Some(Input::Key(Key::ctrl(char::from(c - 1 + b'a'))))),
        c @ 28..=31 => Step::Take(1, Some(Input::Key(Key::ctrl(char::from(c - 28 + b'4'))))),
        _ => character(bytes, at),
    }
}

fn character(bytes: &[u8], at: At) -> Step {
    let length = match bytes[0] {
        0..=0x7f => 1,
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Step::Take(1, None),
    };
    if bytes.len() < length {
        let broken = at == At::End || bytes[1..].iter().any(|byte| byte & 0xc0 != 0x80);
        return if broken { Step::Take(1, None) } else { Step::Wait };
    }
    match std::str::from_utf8(&bytes[..length]).ok().and_then(|text| text.chars().next()) {
        Some(c) => Step::Take(length, key(Code::Char(c))),
        None => Step::Take(1, None),
    }
}

fn escape(bytes: &[u8], at: At) -> Step {
    match bytes.get(1) {
        None if at == At::End => Step::Take(1, key(Code::Esc)),
        None => Step::Wait,
        Some(b'[') => csi(bytes, at),
        Some(b'O') => match bytes.get(2) {
            Some(c) => Step::Take(3, ss3(*c).and_then(key)),
            None if at == At::End => Step::Take(2, alt(Key::char('O'))),
            None => Step::Wait,
        },
        // Strings of the terminal's own (OSC, DCS, APC, PM, SOS): late replies, swallowed to their end.
        Some(b']' | b'P' | b'_' | b'^' | b'X') => string(bytes, at),
        Some(0x1b) => Step::Take(1, key(Code::Esc)),
        Some(_) => match step(&bytes[1..], at) {
            Step::Take(used, Some(Input::Key(inner))) => Step::Take(used + 1, alt(inner)),
            Step::Take(used, other) => Step::Take(used + 1, other),
            Step::Paste(used) => Step::Paste(used + 1),
            Step::Wait => Step::Wait,
        },
    }
}

fn alt(key: Key) -> Option<Input> {
    Some(Input::Key(Key { alt: true, ..key }))
}

fn ss3(c: u8) -> Option<Code> {
    Some(match c {
        b'A' => Code::Up,
        b'B' => Code::Down,
        b'C' => Code::Right,
        b'D' => Code::Left,
        b'H' => Code::Home,
        b'F' => Code::End,
        b'M' => Code::Enter,
        b'P'..=b'S' => Code::F(c - b'P' + 1),
        _ => return None,
    })
}

fn string(bytes: &[u8], at: At) -> Step {
    let bel = bytes.iter().position(|byte| *byte == 7).map(|end| end + 1);
    let st = find(&bytes[2..], b"\x1b\\").map(|end| end + 4);
    match (bel, st) {
        (Some(bel), Some(st)) => Step::Take(bel.min(st), None),
        (Some(end), None) | (None, Some(end)) => Step::Take(end, None),
        (None, None) if at == At::End && bytes.len() == 2 => {
            Step::Take(2, alt(Key::char(char::from(bytes[1]))))
        }
        (None, None) if bytes.len() > 4096 => Step::Take(bytes.len(), None),
        (None, None) => Step::Wait,
    }
}

fn csi(bytes: &[u8], at: At) -> Step {
    let body = &bytes[2..];
    let Some(end) = body.iter().position(|byte| (0x40..=0x7e).contains(byte)) else {
        if at == At::End && body.is_empty() {
            return Step::Take(2, alt(Key::char('[')));
        }
        let hopeless = at == At::End || body.len() > LONGEST_SEQUENCE;
        return if hopeless { Step::Take(bytes.len(), None) } else { Step::Wait };
    };
    let (parameters, last, used) = (&body[..end], body[end], end + 3);
    if parameters == b"200" && last == b'~' {
        return Step::Paste(used);
    }
    Step::Take(used, csi_event(parameters, last))
}

fn csi_event(parameters: &[u8], last: u8) -> Option<Input> {
    let text = std::str::from_utf8(parameters).ok()?;
    if let Some(mouse) = text.strip_prefix('<') {
        return mouse_event(mouse, last);
    }
    if text.starts_with(['?', '>', '=']) {
        return None;
    }
    let numbers = text
        .split(';')
        .map(|part| part.split(':').next().unwrap_or("").parse::<u32>().unwrap_or(1))
        .collect::<Vec<_>>();
    let first = numbers.first().copied().unwrap_or(1);
    let code = match last {
        b'I' => return Some(Input::Focus(Focused::Yes)),
        b'O' => return Some(Input::Focus(Focused::No)),
        b'Z' => return Some(Input::Key(Key { shift: true, ..Key::plain(Code::Tab) })),
        b'~' => tilde(first)?,
        b'u' => return kitty(first, numbers.get(1).copied().unwrap_or(1)),
        c => ss3(c)?,
    };
    Some(Input::Key(modified(Key::plain(code), numbers.get(1).copied().unwrap_or(1))))
}

fn modified(key: Key, value: u32) -> Key {
    let bits = value.saturating_sub(1);
    Key { shift: bits & 1 != 0, alt: bits & 2 != 0, ctrl: bits & 4 != 0, ..key }
}

fn tilde(number: u32) -> Option<Code> {
    Some(match number {
        1 | 7 => Code::Home,
        2 => Code::Insert,
        3 => Code::Delete,
        4 | 8 => Code::End,
        5 => Code::PageUp,
        6 => Code::PageDown,
        n @ 11..=15 => Code::F(u8::try_from(n - 10).ok()?),
        n @ 17..=21 => Code::F(u8::try_from(n - 11).ok()?),
        n @ 23..=24 => Code::F(u8::try_from(n - 12).ok()?),
        _ => return None,
    })
}

fn kitty(number: u32, modifiers: u32) -> Option<Input> {
    let code = match number {
        9 => Code::Tab,
        13 => Code::Enter,
        27 => Code::Esc,
        127 => Code::Backspace,
        n => Code::Char(char::from_u32(n)?),
    };
    let mut key = modified(Key::plain(code), modifiers);
    if let Code::Char(c) = key.code {
        if key.shift && c.is_ascii_alphabetic() {
            key.code = Code::Char(c.to_ascii_uppercase());
        }
        key.shift = false;
    }
    Some(Input::Key(key))
}

fn mouse_event(text: &str, last: u8) -> Option<Input> {
    let mut numbers = text.split(';').map(|part| part.parse::<u16>().ok());
    let (button, column, row) = (numbers.next()??, numbers.next()??, numbers.next()??);
    let kind = match (button & !28, last) {
        (64, _) => MouseKind::ScrollUp,
        (65, _) => MouseKind::ScrollDown,
        (0..=2, b'm') => MouseKind::Release,
        (0, b'M') => MouseKind::Press,
        (32, _) => MouseKind::Drag,
        _ => return None,
    };
    Some(Input::Mouse(Mouse { kind, column: column.saturating_sub(1), row: row.saturating_sub(1) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(parts: &[&[u8]]) -> Vec<Input> {
        let mut parser = Parser::default();
        let mut events = parts.iter().flat_map(|part| parser.feed(part)).collect::<Vec<_>>();
        events.extend(parser.timeout());
        events
    }

    fn keys(bytes: &[u8]) -> Vec<String> {
        let shown = |event: Input| match event {
            Input::Key(key) => key.to_string(),
            other => format!("{other:?}"),
        };
        all(&[bytes]).into_iter().map(shown).collect()
    }

    #[test]
    fn keys_are_read() {
        assert_eq!(
            keys(b"a\r\t\x7f\x03\x1b[A\x1bOB\x1b[1;5C\x1b[Z\x1b[3~\x1b[15~\x1b1\x1b[13;3u"),
            [
                "a",
                "Enter",
                "Tab",
                "Backspace",
                "Ctrl-C",
                "↑",
                "↓",
                "Ctrl-→",
                "Shift-Tab",
                "Delete",
                "F5",
                "Alt-1",
                "Alt-Enter"
            ]
        );
        assert_eq!(keys("é日".as_bytes()), ["é", "日"]);
        assert_eq!(keys(b"\x1b"), ["Esc"]);
        assert_eq!(keys(b"\x1b\x1b"), ["Esc", "Esc"]);
        assert_eq!(keys(b"\x1b[27u\x1b[?62;4c\x1b]11;rgb:00/00/00\x07x"), ["Esc", "x"]);
        assert_eq!(keys(b"\xffa\xc3"), ["a"]);
    }

    #[test]
    fn a_paste_is_one_event_whatever_is_in_it() {
        let events = all(&[b"\x1b[200~one\r\ntwo\x1b[A\x03\x1b[201~x"]);
        assert_eq!(events, [Input::Paste("one\ntwo\x1b[A\x03".into()), Input::Key(Key::char('x'))]);
    }

    #[test]
    fn splitting_the_bytes_anywhere_gives_the_same_events() {
        let bytes = "q\x1b[A\x1bOP\x1b[1;5D\u{e9}\x1b[200~p\r\x1b[2\u{65e5}~q\x1b[201~\x1b[<0;12;7M\x1b[<0;12;7m\x1b[I\x1b[O\x1bx\x1b[19~\x1b[97;5u\x1b]0;t\x1b\\z"
            .as_bytes();
        let whole = all(&[bytes]);
        assert!(whole.len() > 12, "{whole:?}");
        for first in 0..=bytes.len() {
            assert_eq!(all(&[&bytes[..first], &bytes[first..]]), whole, "split at {first}");
            for second in first..=bytes.len() {
                let parts = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                assert_eq!(all(&parts), whole, "split at {first} and {second}");
            }
        }
    }
}
