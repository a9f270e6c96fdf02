//! Tree to colour, by one walk without recursion. The grammar's own query gives the same picture several times slower,
//! because it matches regular expressions on every name.

use std::ops::Range;

use tree_sitter::Node;

use super::data::{Span, Token};

/// Gives the coloured parts of every line, and where each line's parts begin.
pub(super) fn highlight(root: Node<'_>, text: &str, lines: &[Range<u32>]) -> (Vec<Span>, Vec<u32>) {
    let mut painter = Painter { lines, line: 0, spans: Vec::new(), first: vec![0] };
    let mut above: Vec<Above<'_>> = Vec::new();
    let mut cursor = root.walk();
    'tree: loop {
        let node = cursor.node();
        let kind = node.kind();
        if node.child_count() > 0 && !matches!(kind, "string_content" | "comment") {
            above.push(Above { kind, field: cursor.field_name() });
            cursor.goto_first_child();
            continue;
        }
        if let Some(token) = token(&Leaf { node, kind, field: cursor.field_name(), above: &above, text }) {
            painter.paint(node.start_byte() as u32, node.end_byte() as u32, token);
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                break 'tree;
            }
            above.pop();
        }
    }
    painter.finish()
}

/// A node over the one being coloured, and which field of its own parent it is.
struct Above<'a> {
    kind: &'a str,
    field: Option<&'a str>,
}

struct Leaf<'a> {
    node: Node<'a>,
    kind: &'a str,
    field: Option<&'a str>,
    above: &'a [Above<'a>],
    text: &'a str,
}

fn token(leaf: &Leaf<'_>) -> Option<Token> {
    let parent = leaf.above.last().map_or("", |above| above.kind);
    match leaf.kind {
        "identifier" => name(leaf),
        "comment" => Some(Token::Comment),
        "string_start" | "string_content" | "string_end" => Some(Token::Text),
        "integer" | "float" => Some(Token::Number),
        "true" | "false" | "none" | "ellipsis" => Some(Token::Constant),
        "@" if parent == "decorator" => Some(Token::Decorator),
        "and" | "or" | "not" | "in" | "is" | "is not" | "not in" => Some(Token::Keyword),
        kind if leaf.node.is_named() || kind.is_empty() => None,
        kind if kind.as_bytes()[0].is_ascii_alphabetic() => Some(Token::Keyword),
        "(" | ")" | "[" | "]" | "{" | "}" | "," | ":" | "." | ";" => None,
        _ => Some(Token::Operator),
    }
}

fn name(leaf: &Leaf<'_>) -> Option<Token> {
    let text = &leaf.text[leaf.node.byte_range()];
    if matches!(text, "self" | "cls") {
        return Some(Token::SelfName);
    }
    let parent = leaf.above.last()?;
    if in_decorator(leaf.above) {
        return Some(Token::Decorator);
    }
    match (parent.kind, leaf.field) {
        ("class_definition", Some("name")) => return Some(Token::Class),
        ("function_definition", Some("name")) => return Some(Token::Function),
        ("keyword_argument" | "default_parameter" | "typed_default_parameter", Some("name"))
        | ("parameters" | "lambda_parameters" | "typed_parameter", _) => return Some(Token::Parameter),
        ("attribute", Some("attribute")) => {
            let called = parent.field == Some("function")
                && leaf.above.len() > 1
                && leaf.above[leaf.above.len() - 2].kind == "call";
            return Some(if called { callee(text) } else { Token::Property });
        }
        ("call", Some("function")) => {
            return Some(if is_builtin(text) { Token::Builtin } else { callee(text) });
        }
        ("type", _) => return Some(if is_builtin(text) { Token::Builtin } else { Token::Class }),
        _ => {}
    }
    capital(text)
}

fn callee(text: &str) -> Token {
    if text.starts_with(|c: char| c.is_ascii_uppercase()) { Token::Class } else { Token::Function }
}

fn capital(text: &str) -> Option<Token> {
    if !text.starts_with(|c: char| c.is_ascii_uppercase()) {
        return None;
    }
    let constant =
        text.len() > 1 && text.chars().all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit());
    match (constant, text.len()) {
        (true, _) => Some(Token::Constant),
        (false, 1) => None,
        (false, _) => Some(Token::Class),
    }
}

fn in_decorator(above: &[Above<'_>]) -> bool {
    for above in above.iter().rev() {
        match above.kind {
            "decorator" => return true,
            "attribute" | "call" => {}
            _ => return false,
        }
    }
    false
}

fn is_builtin(text: &str) -> bool {
    const NAMES: &str = " abs all any bool bytes callable dict dir divmod enumerate filter float format frozenset getattr \
        globals hasattr hash id int isinstance issubclass iter len list locals map max min next object open ord \
        pow print property range repr reversed round set setattr slice sorted staticmethod str sum super tuple \
        type vars zip ";
    NAMES.contains(&format!(" {text} "))
}

/// Cuts the parts at line ends; they come in the order of the text.
struct Painter<'a> {
    lines: &'a [Range<u32>],
    line: usize,
    spans: Vec<Span>,
    first: Vec<u32>,
}

impl Painter<'_> {
    fn paint(&mut self, start: u32, end: u32, token: Token) {
        while self.lines.get(self.line).is_some_and(|line| line.end <= start) {
            self.next_line();
        }
        let mut line = self.line;
        while let Some(range) = self.lines.get(line).filter(|range| range.start < end) {
            let (from, to) = (start.max(range.start), end.min(range.end));
            if line > self.line {
                self.next_line();
            }
            if from < to {
                self.spans.push(Span { start: from - range.start, end: to - range.start, token });
            }
            line += 1;
        }
    }

    fn next_line(&mut self) {
        self.line += 1;
        self.first.push(self.spans.len() as u32);
    }

    fn finish(mut self) -> (Vec<Span>, Vec<u32>) {
        self.first.resize(self.lines.len() + 1, self.spans.len() as u32);
        (self.spans, self.first)
    }
}
