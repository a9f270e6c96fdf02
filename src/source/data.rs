//! A parsed Python file as plain data: lines, colour, outline, imports, config keys read. Other rooms and the panes
//! hold these; only `source` makes them. Lines are counted from 1 everywhere, as people and tracebacks count.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// A parsed Python file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceDoc {
    /// Where it was read from; only a name for text that is in no file.
    pub path: PathBuf,
    pub text: Arc<str>,
    pub(super) lines: Vec<Range<u32>>,
    pub(super) spans: Vec<Span>,
    /// For each line, where its spans begin in `spans`; one entry more than lines.
    pub(super) first_span: Vec<u32>,
    /// Classes, functions and top-level names, in the order of the text.
    pub symbols: Vec<Symbol>,
    pub imports: Vec<Import>,
    pub reads: Vec<KeyRead>,
    /// The first line that is not Python.
    pub broken: Option<u32>,
}

impl SourceDoc {
    /// Counts the lines.
    pub fn line_count(&self) -> u32 {
        self.lines.len() as u32
    }

    /// Gives a line without its end; empty past the end. Untrusted: neutralise before drawing.
    pub fn line(&self, number: u32) -> &str {
        let range = number.checked_sub(1).and_then(|index| self.lines.get(index as usize));
        range.map_or("", |range| &self.text[range.start as usize..range.end as usize])
    }

    /// Gives the coloured parts of a line, in order, without overlaps; bytes within the line.
    pub fn spans(&self, number: u32) -> &[Span] {
        let index = number.wrapping_sub(1) as usize;
        match (self.first_span.get(index), self.first_span.get(index.wrapping_add(1))) {
            (Some(first), Some(end)) => &self.spans[*first as usize..*end as usize],
            _ => &[],
        }
    }

    /// Finds a symbol by its dotted path, such as `ArceeMLP.forward`. The last definition wins, as in Python.
    pub fn symbol(&self, path: &str) -> Option<&Symbol> {
        self.symbols.iter().rev().find(|symbol| symbol.path == path)
    }

    /// Gives the classes.
    pub fn classes(&self) -> impl Iterator<Item = &Symbol> {
        self.symbols.iter().filter(|symbol| symbol.kind == SymbolKind::Class)
    }

    /// Gives the file name, for titles.
    pub fn name(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

/// A coloured part of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub end: u32,
    pub token: Token,
}

/// What a part of a line is; the theme decides how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Token {
    Keyword,
    Function,
    Class,
    Builtin,
    Text,
    Number,
    Comment,
    Decorator,
    Property,
    Parameter,
    Constant,
    Operator,
    /// `self` and `cls`.
    SelfName,
}

/// What a symbol is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SymbolKind {
    Class,
    /// A function of a class.
    Method,
    Function,
    /// A name assigned at the top of the file.
    Name,
}

/// A class, a function or a top-level name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    pub kind: SymbolKind,
    pub name: String,
    /// Dotted: `ArceeMLP.forward`.
    pub path: String,
    /// How deep it is nested; 0 at the top.
    pub depth: u16,
    /// The first line, decorators included.
    pub first: u32,
    /// The line that names it.
    pub line: u32,
    pub last: u32,
    /// Base classes as written: `nn.Module`, `NemotronMLP`.
    pub bases: Vec<String>,
    /// For a class: `self.x = …` in its methods.
    pub children: Vec<Child>,
    /// For a class: `x: int = 1` and `x = 1` in its body.
    pub fields: Vec<Field>,
    /// Nothing in the body but `pass`, `...` or a docstring.
    pub empty: bool,
}

impl Symbol {
    /// Finds `self.name = …`.
    pub fn child(&self, name: &str) -> Option<&Child> {
        self.children.iter().find(|child| child.name == name)
    }
}

/// A name that a class gives itself: `self.mlp = ArceeMLP(config)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    pub name: String,
    pub line: u32,
    /// The classes it can be an instance of, as written; empty for numbers and the like.
    pub classes: Vec<String>,
    /// A list of such modules: `layers`.
    pub list: bool,
}

/// A field of a class body, as in a dataclass or a config class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub line: u32,
    /// The default as written.
    pub default: Option<String>,
}

/// One imported name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The module as written, dots included: `..nemotron.modeling_nemotron`.
    pub module: String,
    /// The name there; empty for `import module`.
    pub name: String,
    /// The name here.
    pub alias: String,
    pub line: u32,
}

/// A place that reads a key of the config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRead {
    /// Dotted when nested: `rope_parameters.rope_theta`.
    pub key: String,
    pub line: u32,
}

/// A port and how near it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Near {
    /// The model_type, which is the file's name.
    pub name: String,
    pub path: PathBuf,
    /// 0 to 1.
    pub score: f32,
    /// What speaks for it and against it, in words.
    pub reasons: Vec<String>,
}

/// A line of the tables by which mlx-lm sends a model type to another's module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remap {
    pub from: String,
    /// Only for this class of `architectures`.
    pub class: Option<String>,
    pub to: String,
    /// Of `mlx_lm/utils.py`.
    pub line: u32,
}

/// What stands in for a port already, or may.
#[derive(Clone, Debug, PartialEq)]
pub enum Standin {
    /// mlx-lm sends the type to another's module.
    Remapped(Remap),
    /// The reference takes every class that computes from one other model, unchanged.
    Unchanged {
        parent: String,
        classes: Vec<String>,
        /// mlx-lm has a module for the parent.
        ported: bool,
    },
    /// An accepted port of nearly the same modules and config keys.
    Alike(Near),
}

/// One base class followed to its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inherited {
    /// The class here.
    pub class: String,
    pub line: u32,
    /// The base there.
    pub base: String,
    /// The model it belongs to: `nemotron`.
    pub model: String,
    pub file: PathBuf,
    pub base_line: u32,
    /// What it brings: its `self.x`, as in the reader's `↳ inherits up_proj, down_proj, act_fn`.
    pub children: Vec<String>,
    /// The methods that the class here writes itself.
    pub overrides: Vec<String>,
    /// The class here adds nothing.
    pub empty: bool,
}

/// A file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedSource {
    pub doc: Arc<SourceDoc>,
    /// SHA-256 of the bytes, in hex: tells an external change.
    pub digest: String,
}

/// The files of a reference in transformers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceFiles {
    pub modeling: PathBuf,
    pub modular: Option<PathBuf>,
    pub configuration: Option<PathBuf>,
}

/// One match. Line from 1; start and end are bytes within the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    pub line: u32,
    pub start: u32,
    pub end: u32,
}

/// A new port cut into parts, each beside what it answers to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// The nearest accepted port, and why it is.
    pub near: Option<(String, Vec<String>)>,
    pub sections: Vec<Section>,
    /// For each line, whether the nearest port has it at the same place.
    pub copied: Vec<bool>,
}

/// Imports, a class or a function of a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its lines from 0, with the blank ones after it.
    pub lines: Range<usize>,
    pub name: String,
    /// The same part of the nearest accepted port.
    pub near: Option<Part>,
    /// Its class of the reference.
    pub reference: Option<Part>,
}

/// A part of a file, to stand beside another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// `llama.py: Attention`.
    pub name: String,
    /// The number of its first line.
    pub first: u32,
    pub text: String,
}
