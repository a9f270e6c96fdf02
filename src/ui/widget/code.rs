//! Colour for fenced code in the chat: one line at a time, with a small lexer for Python and plain words for everything
//! else. Colour of whole files is the source room's work; here a line may be half written, and must cost nothing.

use ratatui::style::Style;
use ratatui::text::Span;

use crate::theme::Theme;
use crate::util::text::neutralise;

const KEYWORDS: [&str; 31] = [
    "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else",
    "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not",
    "or", "pass", "raise", "return", "try", "while", "with",
];
const CONSTANTS: [&str; 5] = ["None", "True", "False", "self", "cls"];

/// Whether a line is inside a triple-quoted string, and of which quote.
pub type Open = Option<char>;

/// Colours one line; `open` carries a triple-quoted string from line to line.
pub fn line(text: &str, language: &str, open: &mut Open, theme: &Theme) -> Vec<Span<'static>> {
    let text = neutralise(text.trim_end_matches(['\n', '\r']));
    match language {
        "python" | "py" | "python3" => python(&text, open, theme),
        "diff" | "patch" => vec![Span::styled(text.clone(), diff(&text, theme))],
        _ => vec![Span::styled(text, theme.text)],
    }
}

fn diff(text: &str, theme: &Theme) -> Style {
    match text.chars().next() {
        Some('+') => theme.add,
        Some('-') => theme.del,
        Some('@') => theme.hunk,
        _ => theme.text,
    }
}

fn python(text: &str, open: &mut Open, theme: &Theme) -> Vec<Span<'static>> {
    let mut spans: Vec<Span<'static>> = Vec::new();
    let mut rest = text;
    let mut before = "";
    while let Some(first) = rest.chars().next() {
        let (length, style) = token(rest, first, open, (before, theme));
        let (word, tail) = rest.split_at(length.max(first.len_utf8()).min(rest.len()));
        match spans.last_mut() {
            Some(last) if last.style == style => last.content.to_mut().push_str(word),
            _ => spans.push(Span::styled(word.to_string(), style)),
        }
        if !word.trim().is_empty() {
            before = word;
        }
        rest = tail;
    }
    spans
}

fn token(rest: &str, first: char, open: &mut Open, (before, theme): (&str, &Theme)) -> (usize, Style) {
    if let Some(quote) = *open {
        let triple = quote.to_string().repeat(3);
        return match rest.find(&triple) {
            Some(at) => {
                *open = None;
                (at + 3, theme.code_string)
            }
            None => (rest.len(), theme.code_string),
        };
    }
    match first {
        '#' => (rest.len(), theme.code_comment),
        '"' | '\'' => (string(rest, first, open), theme.code_string),
        '@' if before.is_empty() => (1 + word(&rest[1..]), theme.code_decorator),
        c if c.is_ascii_digit() => {
            let number = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '_';
            (rest.find(|c| !number(c)).unwrap_or(rest.len()), theme.code_number)
        }
        c if c.is_alphabetic() || c == '_' => {
            let length = word(rest);
            (length, name(&rest[..length], before, rest[length..].starts_with('('), theme))
        }
        _ => (first.len_utf8(), theme.text),
    }
}

fn word(text: &str) -> usize {
    text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len())
}

fn name(word: &str, before: &str, called: bool, theme: &Theme) -> Style {
    match before {
        "def" => theme.code_function,
        "class" => theme.code_type,
        _ if KEYWORDS.contains(&word) => theme.code_keyword,
        _ if CONSTANTS.contains(&word) => theme.code_constant,
        _ if called && word.starts_with(char::is_uppercase) => theme.code_type,
        _ if called => theme.code_function,
        _ => theme.text,
    }
}

fn string(rest: &str, quote: char, open: &mut Open) -> usize {
    let triple = quote.to_string().repeat(3);
    if rest.starts_with(&triple) {
        return match rest[3..].find(&triple) {
            Some(at) => at + 6,
            None => {
                *open = Some(quote);
                rest.len()
            }
        };
    }
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            c if c == quote && !escaped => return at + 1,
            c => escaped = c == '\\' && !escaped,
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_words_get_their_tokens_and_no_byte_is_lost() {
        let theme = Theme::named("dark").expect("a theme");
        let mut open = None;
        let text = "def f(x): return Foo(x, 1.5, \"a\\\"b\")  # é";
        let spans = line(text, "python", &mut open, &theme);
        let style = |word: &str| spans.iter().find(|span| span.content == word).map(|span| span.style);
        assert_eq!(spans.iter().map(|span| span.content.as_ref()).collect::<String>(), text);
        assert_eq!(style("def"), Some(theme.code_keyword));
        assert_eq!(style("Foo"), Some(theme.code_type));
        assert_eq!(style("\"a\\\"b\""), Some(theme.code_string));
        assert_eq!(style("# é"), Some(theme.code_comment));
    }

    #[test]
    fn a_long_string_goes_on_over_lines() {
        let theme = Theme::named("dark").expect("a theme");
        let mut open = None;
        line("x = \"\"\"a", "py", &mut open, &theme);
        assert_eq!(open, Some('"'));
        let spans = line("b\"\"\" if", "py", &mut open, &theme);
        assert_eq!((open, spans[0].content.as_ref()), (None, "b\"\"\""));
    }
}
