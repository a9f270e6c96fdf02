//! A tool call while the model writes it: how much there is, and the last lines of the text it carries. Only the end of the
//! arguments is read again for each frame; lines are counted as they come.

use ratatui::text::{Line, Span};
use serde_json::Value;

use crate::app::pane::chat::{Partial, PartialCall};
use crate::theme::Theme;
use crate::ui::widget::code;
use crate::util::text::{bytes, neutralise, one_line, truncate};

/// Lines of the text that are shown.
const SHOWN: usize = 8;
/// Bytes of the arguments' end that are read for them.
const READ: usize = 4096;

/// What is known of the calls of a message from the frame before.
#[derive(Debug, Default)]
pub struct Growing {
    calls: Vec<Counted>,
}

/// How many line ends a text of JSON holds, up to where it was read.
#[derive(Debug, Default)]
struct Counted {
    read: usize,
    lines: usize,
    escaped: bool,
}

impl Counted {
    fn take(&mut self, arguments: &str) {
        for byte in arguments.as_bytes().iter().skip(self.read) {
            match (self.escaped, byte) {
                (true, b'n') => (self.lines, self.escaped) = (self.lines + 1, false),
                (true, _) => self.escaped = false,
                (false, b'\\') => self.escaped = true,
                (false, _) => {}
            }
        }
        self.read = self.read.max(arguments.len());
    }
}

impl Growing {
    /// Makes the rows of the calls that are being written.
    pub fn rows(&mut self, partial: &Partial, width: u16, theme: &Theme) -> Vec<Line<'static>> {
        self.calls.resize_with(partial.calls.len(), Counted::default);
        let mut rows = Vec::new();
        let last = partial.calls.len().saturating_sub(1);
        for (at, (call, counted)) in partial.calls.iter().zip(&mut self.calls).enumerate() {
            counted.take(&call.arguments);
            rows.push(head(call, counted.lines, width, theme));
            if at == last && counted.lines > 0 {
                rows.extend(end(call, width, theme));
            }
        }
        rows
    }
}

fn head(call: &PartialCall, lines: usize, width: u16, theme: &Theme) -> Line<'static> {
    let path = path(&call.arguments).map(|path| format!(" {path}")).unwrap_or_default();
    let size = bytes(call.arguments.len() as u64);
    let lines = match lines {
        0 => String::new(),
        1 => " · 1 line".into(),
        lines => format!(" · {lines} lines"),
    };
    let text = one_line(&format!("{}{path} … {size}{lines}", call.name));
    let text = truncate(&text, usize::from(width).saturating_sub(2));
    Line::from(vec![Span::styled("◌ ", theme.running), Span::styled(text, theme.dim)])
}

/// Gives the path where it is written first, as the tools ask for it.
fn path(arguments: &str) -> Option<String> {
    let after = arguments.trim_start().strip_prefix('{')?.trim_start().strip_prefix("\"path\"")?;
    let value = after.trim_start().strip_prefix(':')?.trim_start();
    let mut read = serde_json::Deserializer::from_str(value).into_iter::<Value>();
    match value.starts_with('"').then(|| read.next())? {
        Some(Ok(Value::String(path))) => Some(path),
        _ => None,
    }
}

fn end(call: &PartialCall, width: u16, theme: &Theme) -> Vec<Line<'static>> {
    let room = usize::from(width).saturating_sub(4);
    let text = tail(&call.arguments);
    let lines: Vec<&str> = text.split('\n').collect();
    let shown = lines.len().saturating_sub(SHOWN);
    let python = call.name.starts_with("write_") || call.name.starts_with("edit_");
    let line = |line: &&str| {
        let cut = truncate(&neutralise(&line.replace('\t', "    ")), room);
        let mut spans = vec![Span::styled("  │ ", theme.border)];
        match python {
            true => spans.extend(code::line(&cut, "python", &mut None, theme)),
            false => spans.push(Span::styled(cut, theme.dim)),
        }
        Line::from(spans)
    };
    lines[shown..].iter().map(line).collect()
}

/// Gives the end of the last text in half-written JSON that has more than one line, as it will read.
fn tail(arguments: &str) -> String {
    let from = arguments.len().saturating_sub(READ);
    let from = (from..=arguments.len()).find(|at| arguments.is_char_boundary(*at)).unwrap_or(0);
    // Further in, an escaped line end says that what follows is inside a text.
    let (start, mut inside) = match (from, line_end(&arguments[from..])) {
        (0, _) => (0, false),
        (_, Some(at)) => (from + at, true),
        (_, None) => return String::new(),
    };
    let (mut text, mut last) = (String::new(), String::new());
    let mut rest = arguments[start..].chars();
    while let Some(c) = rest.next() {
        match (inside, c) {
            (true, '\\') => text.extend(escaped(&mut rest)),
            (true, '"') => {
                inside = false;
                if text.contains('\n') {
                    last = std::mem::take(&mut text);
                }
                text.clear();
            }
            (true, c) => text.push(c),
            (false, '"') => inside = true,
            (false, _) => {}
        }
    }
    if inside && (text.contains('\n') || last.is_empty()) { text } else { last }
}

/// Finds what follows the first `\n` that is no end of an escaped backslash.
fn line_end(text: &str) -> Option<usize> {
    text.match_indices("\\n").map(|(at, _)| at).find_map(|at| {
        let before = text[..at].bytes().rev().take_while(|byte| *byte == b'\\').count();
        // Where the piece begins among backslashes nobody can tell.
        (before % 2 == 0 && before < at.max(1)).then_some(at + 2)
    })
}

fn escaped(rest: &mut std::str::Chars<'_>) -> Option<char> {
    match rest.next()? {
        'n' => Some('\n'),
        't' => Some('\t'),
        'r' | 'b' | 'f' => None,
        'u' => {
            let digits: String = rest.by_ref().take(4).collect();
            u32::from_str_radix(&digits, 16).ok().map(|code| char::from_u32(code).unwrap_or('\u{fffd}'))
        }
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        serde_json::json!({"path": "mlx_lm/models/arcee.py", "text": text}).to_string()
    }

    #[test]
    fn at_every_byte_the_end_of_the_text_is_what_the_model_has_written_of_it() {
        let text = "import x\n\n\ndef f(s=\"a\\nb\", t='\\\\'):\n\treturn \"é 😀\"\n";
        let whole = written(text);
        let begin = whole.find("import").expect("there");
        let mut longest = 0;
        for at in (begin..whole.len()).filter(|at| whole.is_char_boundary(*at)) {
            let seen = tail(&whole[..at]);
            // Half an escape at the very end may be shown as what it begins.
            let seen: Vec<&str> = seen.split('\n').collect();
            let full = seen[..seen.len() - 1].join("\n");
            assert!(text.starts_with(&full), "{full:?}");
            longest = longest.max(full.len());
        }
        assert_eq!((tail(&whole), longest), (text.to_string(), text.len() - 1));
    }

    #[test]
    fn of_a_long_text_only_the_end_is_read_and_all_lines_are_counted() {
        let text: String = (0..2000).map(|n| format!("x{n} = \"{n}\\n\"\n")).collect();
        let whole = written(&text);
        let cut = &whole[..whole.len() - 2];
        let end = tail(cut);
        assert!(text.ends_with(&end) && end.len() > 1000 && end.len() <= READ, "{}", end.len());
        let mut counted = Counted::default();
        for at in (0..cut.len()).step_by(7).chain([cut.len()]) {
            counted.take(&cut[..at]);
        }
        assert_eq!(counted.lines, 2000);
    }

    #[test]
    fn the_last_text_with_lines_is_shown_and_not_a_key_after_it() {
        let edits = r#"{"path":"a.py","edits":[{"search":"a\nb","replace":"c\nd"},{"sea"#;
        assert_eq!(tail(edits), "c\nd");
        assert_eq!(tail(r#"{"edits":[{"search":"a\nb","replace":"c\n"#), "c\n");
        assert_eq!(path(edits).as_deref(), Some("a.py"));
        assert_eq!(path(r#"{"path":"a.p"#), None);
        assert_eq!(path(r#"{"text":"x","path":"a.py"}"#), None);
    }
}
