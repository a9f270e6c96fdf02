//! A Python file as a tree of plain data, for the rules of `lint`: kinds as tree-sitter-python names them, text, places,
//! parents. Built once, in one pass without recursion, so that neither depth nor size of a hostile file matters beyond
//! its memory; a file that does not parse has a tree too, and [`Syntax::broken`] says where it stops being Python.
//!
//! [`view`] has what rules ask for most: classes, functions, parameters, calls, imports. [`names`] says which
//! identifiers read a name and which bind one.

mod names;
mod view;

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::{LazyLock, OnceLock};

use tree_sitter::{Language, Parser, TreeCursor};

pub use names::Use;
pub use view::{Call, Class, Function, Imported, Parameter};

/// Kept for the whole run: kinds and fields are its names.
static LANGUAGE: LazyLock<Language> = LazyLock::new(|| tree_sitter_python::LANGUAGE.into());

const NONE: u32 = u32::MAX;

/// The tree of one text.
#[derive(Debug)]
pub struct Syntax {
    text: String,
    /// In the order of the text, each before its children.
    nodes: Vec<Entry>,
    /// The nodes of each kind.
    kinds: HashMap<&'static str, Vec<u32>>,
    /// Where each line starts.
    starts: Vec<u32>,
    read_names: OnceLock<HashSet<String>>,
}

#[derive(Debug)]
struct Entry {
    kind: &'static str,
    field: Option<&'static str>,
    named: bool,
    error: bool,
    start: u32,
    end: u32,
    parent: u32,
    /// One past the last node below this one.
    next: u32,
}

/// A node of the tree.
#[derive(Clone, Copy, Debug)]
pub struct Node<'t> {
    tree: &'t Syntax,
    at: u32,
}

/// Line and column, from 1; columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    pub line: u32,
    pub column: u32,
}

/// Reads a text. Only a grammar of another ABI than the parser's gives a tree of nothing.
pub fn read(text: &str) -> Syntax {
    let mut parser = Parser::new();
    let ready = parser.set_language(&LANGUAGE).is_ok();
    let parsed = if ready { parser.parse(text.as_bytes(), None) } else { None };
    let nodes = parsed.map(|tree| entries(tree.walk())).unwrap_or_default();
    let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
    let starts = std::iter::once(0).chain(ends.map(|(at, _)| at as u32 + 1)).collect();
    let mut kinds: HashMap<&'static str, Vec<u32>> = HashMap::new();
    for (at, entry) in nodes.iter().enumerate() {
        kinds.entry(entry.kind).or_default().push(at as u32);
    }
    Syntax { kinds, text: text.into(), nodes, starts, read_names: OnceLock::new() }
}

fn entries(mut cursor: TreeCursor<'_>) -> Vec<Entry> {
    let mut nodes: Vec<Entry> = Vec::new();
    let mut open: Vec<u32> = Vec::new();
    loop {
        let node = cursor.node();
        let at = nodes.len() as u32;
        nodes.push(Entry {
            kind: kind_name(node.kind_id()),
            field: cursor.field_id().and_then(|id| field_name(id.get())),
            named: node.is_named(),
            error: node.is_error() || node.is_missing(),
            start: node.start_byte() as u32,
            end: node.end_byte() as u32,
            parent: open.last().copied().unwrap_or(NONE),
            next: at + 1,
        });
        if cursor.goto_first_child() {
            open.push(at);
            continue;
        }
        while !cursor.goto_next_sibling() {
            let Some(parent) = open.pop() else { return nodes };
            cursor.goto_parent();
            nodes[parent as usize].next = nodes.len() as u32;
        }
    }
}

/// The names of kinds and fields by number, looked up once.
struct Names {
    kinds: Vec<&'static str>,
    fields: Vec<&'static str>,
}

static NAMES: LazyLock<Names> = LazyLock::new(|| Names {
    kinds: (0..LANGUAGE.node_kind_count())
        .map(|id| LANGUAGE.node_kind_for_id(id as u16).unwrap_or_default())
        .collect(),
    fields: (0..=LANGUAGE.field_count())
        .map(|id| LANGUAGE.field_name_for_id(id as u16).unwrap_or_default())
        .collect(),
});

fn kind_name(id: u16) -> &'static str {
    // An error has a number of its own, past the grammar's.
    NAMES.kinds.get(usize::from(id)).copied().unwrap_or("ERROR")
}

fn field_name(id: u16) -> Option<&'static str> {
    NAMES.fields.get(usize::from(id)).copied()
}

impl Syntax {
    /// Gives the text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Counts the lines.
    pub fn line_count(&self) -> u32 {
        self.text.lines().count() as u32
    }

    /// Gives every node, in the order of the text.
    pub fn nodes(&self) -> impl Iterator<Item = Node<'_>> {
        (0..self.nodes.len() as u32).map(|at| Node { tree: self, at })
    }

    /// Gives every node of a kind.
    pub fn of_kind(&self, kind: &str) -> impl Iterator<Item = Node<'_>> {
        self.kinds.get(kind).into_iter().flatten().map(|at| Node { tree: self, at: *at })
    }

    /// Gives the whole file; none for a text that could not be read at all.
    pub fn root(&self) -> Option<Node<'_>> {
        (!self.nodes.is_empty()).then_some(Node { tree: self, at: 0 })
    }

    /// Gives the statements at the top of the file.
    pub fn statements(&self) -> impl Iterator<Item = Node<'_>> {
        self.root().into_iter().flat_map(Node::children)
    }

    /// Says where the text stops being Python.
    pub fn broken(&self) -> Option<Spot> {
        self.nodes.iter().find(|entry| entry.error).map(|entry| self.spot(entry.start))
    }

    /// Gives line and column of a byte.
    pub fn spot(&self, byte: u32) -> Spot {
        let line = self.starts.partition_point(|start| *start <= byte);
        let start = self.starts[line.saturating_sub(1)] as usize;
        let before = self.text.get(start..byte as usize).unwrap_or_default();
        Spot { line: line as u32, column: before.chars().count() as u32 + 1 }
    }
}

impl<'t> Node<'t> {
    fn entry(self) -> &'t Entry {
        &self.tree.nodes[self.at as usize]
    }

    /// Gives the kind, as the grammar names it: `call`, `function_definition`.
    pub fn kind(self) -> &'static str {
        self.entry().kind
    }

    /// Gives the field of the parent that this node fills: `function`, `arguments`.
    pub fn field(self) -> Option<&'static str> {
        self.entry().field
    }

    /// Gives the source text.
    pub fn text(self) -> &'t str {
        &self.tree.text[self.bytes()]
    }

    /// Gives the source text on one line, cut: to be quoted.
    pub fn quoted(self) -> String {
        let words: Vec<_> = self.text().split_whitespace().take(40).collect();
        crate::util::text::truncate(&words.join(" "), 70)
    }

    /// Gives the bytes that it covers.
    pub fn bytes(self) -> Range<usize> {
        self.entry().start as usize..self.entry().end as usize
    }

    /// Gives line and column of its first character.
    pub fn spot(self) -> Spot {
        self.tree.spot(self.entry().start)
    }

    /// Gives its first line.
    pub fn line(self) -> u32 {
        self.spot().line
    }

    /// Gives the line of its last character.
    pub fn last_line(self) -> u32 {
        self.tree.spot(self.entry().end.saturating_sub(1).max(self.entry().start)).line
    }

    /// Gives the parent.
    pub fn parent(self) -> Option<Self> {
        let at = self.entry().parent;
        (at != NONE).then_some(Self { at, ..self })
    }

    /// Gives parent, grandparent and so on.
    pub fn ancestors(self) -> impl Iterator<Item = Self> {
        std::iter::successors(self.parent(), |node| node.parent())
    }

    /// Gives the nearest node around this one of a kind.
    pub fn around(self, kind: &str) -> Option<Self> {
        self.ancestors().find(|node| node.kind() == kind)
    }

    /// Gives the named children.
    pub fn children(self) -> impl Iterator<Item = Self> {
        self.all_children().filter(|child| child.entry().named)
    }

    /// Gives the children, punctuation and keywords too.
    pub fn all_children(self) -> impl Iterator<Item = Self> {
        let end = self.entry().next;
        let first = (self.at + 1 < end).then_some(self.at + 1);
        let next = move |at: &u32| Some(self.tree.nodes[*at as usize].next).filter(|next| *next < end);
        std::iter::successors(first, next).map(move |at| Self { at, ..self })
    }

    /// Gives the child in a field.
    pub fn child(self, field: &str) -> Option<Self> {
        self.all_children().find(|child| child.field() == Some(field))
    }

    /// Gives all nodes below, in the order of the text.
    pub fn below(self) -> impl Iterator<Item = Self> {
        (self.at + 1..self.entry().next).map(move |at| Self { at, ..self })
    }

    /// Says whether this node is, or lies below, another.
    pub fn is_in(self, other: Self) -> bool {
        (other.at..other.entry().next).contains(&self.at)
    }
}

impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at && std::ptr::eq(self.tree, other.tree)
    }
}

impl Eq for Node<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_know_their_text_place_parent_and_fields() {
        let tree = read("x = 1\né = f(a, b=2)\n");
        assert_eq!(tree.broken(), None);
        let call = tree.of_kind("call").next().expect("a call");
        assert_eq!(call.text(), "f(a, b=2)");
        assert_eq!(call.spot(), Spot { line: 2, column: 5 });
        assert_eq!(call.child("function").map(Node::text), Some("f"));
        assert_eq!(call.parent().map(Node::kind), Some("assignment"));
        let arguments = call.child("arguments").expect("arguments");
        assert_eq!(
            arguments.children().map(Node::kind).collect::<Vec<_>>(),
            ["identifier", "keyword_argument"]
        );
        assert!(arguments.is_in(call) && !call.is_in(arguments));
        assert_eq!(tree.statements().count(), 2);
    }

    #[test]
    fn a_text_that_is_no_python_says_where() {
        assert_eq!(read("x = 1\ny = = 2\n").broken(), Some(Spot { line: 2, column: 5 }));
        assert!(read(&"(".repeat(100_000)).broken().is_some());
        assert_eq!(read("").broken(), None);
        assert_eq!(read("").statements().count(), 0);
    }
}
