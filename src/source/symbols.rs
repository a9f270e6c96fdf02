//! Symbols by name: lookup, the symbol around a line, where a name is defined, a fuzzy list for jumping.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::data::{SourceDoc, Symbol, SymbolKind};

/// Finds `Class`, `Class.method`, or a method whose class inherits it within the file.
pub fn lookup<'a>(doc: &'a SourceDoc, path: &str) -> Option<&'a Symbol> {
    if let Some(found) = doc.symbol(path) {
        return Some(found);
    }
    let (class, method) = path.rsplit_once('.')?;
    let class = doc.symbol(class)?;
    bases(doc, class).into_iter().find_map(|base| doc.symbol(&format!("{}.{method}", base.path)))
}

/// Gives the innermost class or function around a line.
pub fn enclosing(doc: &SourceDoc, line: u32) -> Option<&Symbol> {
    let around = doc.symbols.iter().filter(|symbol| symbol.first <= line && line <= symbol.last);
    around.filter(|symbol| symbol.kind != SymbolKind::Name).max_by_key(|symbol| symbol.depth)
}

/// Gives the line that defines a name: a symbol, a child of a class (`self.mlp`), an import.
pub fn definition(doc: &SourceDoc, name: &str) -> Option<u32> {
    let plain = name.strip_prefix("self.").unwrap_or(name);
    let symbol = doc.symbol(plain).or_else(|| doc.symbols.iter().find(|symbol| symbol.name == plain));
    let child = || doc.classes().find_map(|class| class.child(plain).map(|child| child.line));
    let import = || doc.imports.iter().find(|import| import.alias == plain).map(|import| import.line);
    symbol.map(|symbol| symbol.line).or_else(child).or_else(import)
}

/// Ranks symbols by a fuzzy pattern over their paths, best first; all of them for an empty pattern.
pub fn fuzzy<'a>(doc: &'a SourceDoc, pattern: &str) -> Vec<&'a Symbol> {
    let parsed = Pattern::parse(pattern, CaseMatching::Smart, Normalization::Smart);
    let mut matcher = Matcher::new(Config::DEFAULT.match_paths());
    let mut buffer = Vec::new();
    let mut ranked: Vec<(u32, usize)> = Vec::new();
    for (index, symbol) in doc.symbols.iter().enumerate() {
        if let Some(score) = parsed.score(Utf32Str::new(&symbol.path, &mut buffer), &mut matcher) {
            ranked.push((score, index));
        }
    }
    ranked.sort_by_key(|(score, index)| (std::cmp::Reverse(*score), *index));
    ranked.into_iter().map(|(_, index)| &doc.symbols[index]).collect()
}

/// Gives the class that is the whole model: `Model` of a port, `*ForCausalLM` of a reference.
pub fn top_class(doc: &SourceDoc) -> Option<&Symbol> {
    let by = |test: &dyn Fn(&Symbol) -> bool| doc.classes().find(|class| class.depth == 0 && test(class));
    by(&|class| class.name == "Model")
        .or_else(|| by(&|class| class.name.ends_with("ForCausalLM")))
        .or_else(|| by(&|class| class.name.ends_with("LMHeadModel")))
        .or_else(|| by(&|class| class.name.ends_with("ForConditionalGeneration")))
        .or_else(|| by(&|class| class.child("lm_head").is_some()))
        .or_else(|| by(&|class| class.child("layers").is_some()))
}

/// Gives the base classes that are in the same file, nearest first; a loop of bases ends.
pub(super) fn bases<'a>(doc: &'a SourceDoc, class: &'a Symbol) -> Vec<&'a Symbol> {
    let mut found: Vec<&Symbol> = Vec::new();
    let mut todo = vec![class];
    while let Some(next) = todo.pop() {
        for base in next.bases.iter().rev().filter_map(|base| doc.symbol(base)) {
            if base.path != class.path && !found.iter().any(|known| known.path == base.path) {
                todo.push(base);
            }
        }
        if next.path != class.path {
            found.push(next);
        }
    }
    found
}

/// One name for what different authors call differently.
pub(super) fn alias(name: &str) -> &str {
    match name {
        "h" | "blocks" | "block" => "layers",
        "attn" | "attention" | "self_attention" => "self_attn",
        "feed_forward" | "ffn" | "block_sparse_moe" => "mlp",
        "transformer" | "language_model" | "backbone" => "model",
        "wte" | "embed_in" | "tok_embeddings" => "embed_tokens",
        "rotary_emb" => "rope",
        "switch_mlp" => "experts",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    const TEXT: &str = "\
from .base import Thing
class Base(nn.Module):
    def forward(self, x):
        return x
class ArceeMLP(Base):
    def __init__(self):
        self.up = nn.Linear(1, 1)
class Loop(Other):
    pass
class Other(Loop):
    pass
class Model(nn.Module):
    pass
";

    #[test]
    fn an_inherited_method_is_found_and_a_loop_of_bases_ends() {
        let doc = parse("a.py", TEXT);
        assert_eq!(lookup(&doc, "ArceeMLP.forward").map(|symbol| symbol.line), Some(3));
        assert_eq!(lookup(&doc, "ArceeMLP").map(|symbol| symbol.line), Some(5));
        assert_eq!(lookup(&doc, "Loop.forward").map(|symbol| symbol.line), None);
        assert_eq!(enclosing(&doc, 7).map(|symbol| symbol.path.as_str()), Some("ArceeMLP.__init__"));
        assert_eq!(enclosing(&doc, 1), None);
    }

    #[test]
    fn names_are_defined_somewhere() {
        let doc = parse("a.py", TEXT);
        let lines = ["self.up", "Thing", "forward", "nothing"].map(|name| definition(&doc, name));
        assert_eq!(lines, [Some(7), Some(1), Some(3), None]);
        assert_eq!(top_class(&doc).map(|class| class.name.as_str()), Some("Model"));
    }

    #[test]
    fn a_fuzzy_jump_ranks_the_near_ones_first() {
        let doc = parse("a.py", TEXT);
        assert_eq!(
            fuzzy(&doc, "mlpin").first().map(|symbol| symbol.path.as_str()),
            Some("ArceeMLP.__init__")
        );
        assert_eq!(fuzzy(&doc, "").len(), doc.symbols.len());
        assert_eq!(fuzzy(&doc, "zzz").len(), 0);
    }
}
