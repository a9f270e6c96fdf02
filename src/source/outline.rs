//! Tree to outline: classes with what they give themselves, functions, top-level names, imports. Recursion is bounded,
//! because a model may write anything.

use std::collections::HashMap;

use tree_sitter::Node;

use super::data::{Child, Field, Import, Symbol, SymbolKind};
use super::expr::{self, Locals};

const DEEPEST: u16 = 40;

/// Gives the symbols and the imports in the order of the text.
pub(super) fn outline(root: Node<'_>, text: &str) -> (Vec<Symbol>, Vec<Import>) {
    let mut walk = Walk { text, symbols: Vec::new(), imports: Vec::new(), names: HashMap::new() };
    walk.names = expr::assignments(root, text);
    walk.block(root, &Scope::default(), 0);
    (walk.symbols, walk.imports)
}

struct Walk<'a> {
    text: &'a str,
    symbols: Vec<Symbol>,
    imports: Vec<Import>,
    /// Top-level assignments, for classes kept in a table.
    names: Locals<'a>,
}

#[derive(Clone, Default)]
struct Scope {
    path: String,
    class: Option<usize>,
    depth: u16,
}

impl<'a> Walk<'a> {
    fn block(&mut self, block: Node<'a>, scope: &Scope, nesting: u16) {
        if nesting > DEEPEST {
            return;
        }
        let mut cursor = block.walk();
        for node in block.named_children(&mut cursor) {
            match node.kind() {
                "class_definition" => self.class(node, node, scope, nesting),
                "function_definition" => self.function(node, node, scope, nesting),
                "decorated_definition" => match node.child_by_field_name("definition") {
                    Some(inner) if inner.kind() == "class_definition" => {
                        self.class(inner, node, scope, nesting)
                    }
                    Some(inner) => self.function(inner, node, scope, nesting),
                    None => {}
                },
                "expression_statement" => self.assignment(node, scope),
                "import_from_statement" => self.import_from(node),
                "import_statement" => self.import(node),
                "if_statement" | "try_statement" | "else_clause" | "elif_clause" | "except_clause"
                | "finally_clause" | "with_statement" | "block" | "ERROR" => {
                    self.block(node, scope, nesting + 1)
                }
                _ => {}
            }
        }
    }

    fn class(&mut self, node: Node<'a>, outer: Node<'a>, scope: &Scope, nesting: u16) {
        let Some(mut symbol) = self.symbol(SymbolKind::Class, node, outer, scope) else { return };
        if let Some(arguments) = node.child_by_field_name("superclasses") {
            let mut cursor = arguments.walk();
            let bases = arguments.named_children(&mut cursor);
            symbol.bases = bases
                .filter(|base| matches!(base.kind(), "identifier" | "attribute"))
                .map(|base| self.text[base.byte_range()].to_string())
                .collect();
        }
        let inner =
            Scope { path: symbol.path.clone(), class: Some(self.symbols.len()), depth: scope.depth + 1 };
        self.symbols.push(symbol);
        if let Some(body) = node.child_by_field_name("body") {
            self.block(body, &inner, nesting + 1);
        }
    }

    fn function(&mut self, node: Node<'a>, outer: Node<'a>, scope: &Scope, nesting: u16) {
        let kind = if scope.class.is_some() { SymbolKind::Method } else { SymbolKind::Function };
        let Some(symbol) = self.symbol(kind, node, outer, scope) else { return };
        let inner = Scope { path: symbol.path.clone(), class: None, depth: scope.depth + 1 };
        self.symbols.push(symbol);
        let Some(body) = node.child_by_field_name("body") else { return };
        if let Some(class) = scope.class {
            let children = expr::children(body, self.text, &self.names);
            add_children(&mut self.symbols[class].children, children);
        }
        self.block(body, &inner, nesting + 1);
    }

    fn symbol(&self, kind: SymbolKind, node: Node<'a>, outer: Node<'a>, scope: &Scope) -> Option<Symbol> {
        let name_node = node.child_by_field_name("name")?;
        let name = self.text[name_node.byte_range()].to_string();
        let path = if scope.path.is_empty() { name.clone() } else { format!("{}.{name}", scope.path) };
        Some(Symbol {
            kind,
            name,
            path,
            depth: scope.depth,
            first: line(outer),
            line: line(name_node),
            last: last_line(outer),
            bases: Vec::new(),
            children: Vec::new(),
            fields: Vec::new(),
            empty: node.child_by_field_name("body").is_some_and(is_empty),
        })
    }

    fn assignment(&mut self, statement: Node<'a>, scope: &Scope) {
        let Some(node) = statement.named_child(0).filter(|node| node.kind() == "assignment") else { return };
        let Some(left) = node.child_by_field_name("left").filter(|left| left.kind() == "identifier") else {
            return;
        };
        let name = self.text[left.byte_range()].to_string();
        if let Some(class) = scope.class {
            let right = node.child_by_field_name("right");
            let default = right.map(|right| self.text[right.byte_range()].to_string());
            self.symbols[class].fields.push(Field { name, line: line(left), default });
        } else if scope.depth == 0 {
            self.symbols.push(Symbol {
                kind: SymbolKind::Name,
                path: name.clone(),
                name,
                depth: 0,
                first: line(node),
                line: line(left),
                last: last_line(node),
                bases: Vec::new(),
                children: Vec::new(),
                fields: Vec::new(),
                empty: false,
            });
        }
    }

    fn import_from(&mut self, node: Node<'a>) {
        let Some(module) = node.child_by_field_name("module_name") else { return };
        let module = self.text[module.byte_range()].to_string();
        let mut cursor = node.walk();
        for name in node.children_by_field_name("name", &mut cursor) {
            self.add_import(&module, name);
        }
    }

    fn import(&mut self, node: Node<'a>) {
        let mut cursor = node.walk();
        for name in node.children_by_field_name("name", &mut cursor) {
            let target = name.child_by_field_name("name").unwrap_or(name);
            let module = self.text[target.byte_range()].to_string();
            let alias =
                name.child_by_field_name("alias").map(|alias| self.text[alias.byte_range()].to_string());
            let alias = alias.unwrap_or_else(|| module.clone());
            self.imports.push(Import { module, name: String::new(), alias, line: line(name) });
        }
    }

    fn add_import(&mut self, module: &str, node: Node<'a>) {
        let of = |field| node.child_by_field_name(field).map(|part| self.text[part.byte_range()].to_string());
        let name = of("name").filter(|_| node.kind() == "aliased_import");
        let name = name.unwrap_or_else(|| self.text[node.byte_range()].to_string());
        let alias = of("alias").unwrap_or_else(|| name.clone());
        self.imports.push(Import { module: module.to_string(), name, alias, line: line(node) });
    }
}

/// The same name in two branches, or in `__init__` and later, is one child with more than one class.
fn add_children(into: &mut Vec<Child>, found: Vec<Child>) {
    for child in found {
        match into.iter_mut().find(|known| known.name == child.name) {
            Some(known) => {
                if known.classes.is_empty() && !child.classes.is_empty() {
                    known.line = child.line;
                }
                known.list |= child.list;
                for class in child.classes {
                    if !known.classes.contains(&class) {
                        known.classes.push(class);
                    }
                }
            }
            None => into.push(child),
        }
    }
}

fn is_empty(body: Node<'_>) -> bool {
    let mut cursor = body.walk();
    body.named_children(&mut cursor).all(|node| match node.kind() {
        "pass_statement" | "comment" => true,
        "expression_statement" => {
            node.named_child(0).is_some_and(|inner| matches!(inner.kind(), "string" | "ellipsis"))
        }
        _ => false,
    })
}

fn line(node: Node<'_>) -> u32 {
    node.start_position().row as u32 + 1
}

fn last_line(node: Node<'_>) -> u32 {
    let end = node.end_position();
    // A block can end at the start of the next line.
    let row = if end.column == 0 && end.row > node.start_position().row { end.row - 1 } else { end.row };
    row as u32 + 1
}

#[cfg(test)]
mod tests {
    use super::super::parse;

    const TEXT: &str = "\
import mlx.core as mx
from .base import BaseModelArgs, scaled as sdpa
MLPS = {\"a\": MLP, \"b\": Sparse}

class Layer(nn.Module, Other):
    kind = 1
    size: int = 4

    @property
    def first(self):
        return 1

    def __init__(self, config):
        self.a, self.n = Attention(config), 3
        if config.moe:
            self.mlp = Sparse(config)
        else:
            self.mlp = MLP(config)
        self.table = MLPS[config.kind](config)
        self.norm = nn.RMSNorm(4) if config.norm else nn.Identity()
        layers = []
        for i in range(3):
            layer = Layer(config)
            layers.append(layer)
        self.layers = nn.ModuleList(layers)
        self.blocks = [Layer(config, i) for i in range(3)]

class Empty(Layer):
    \"\"\"Nothing.\"\"\"
    pass
";

    #[test]
    fn the_outline_has_paths_lines_bases_and_fields() {
        let doc = parse("a.py", TEXT);
        let shown: Vec<_> = doc.symbols.iter().map(|s| (s.path.as_str(), s.first, s.line, s.last)).collect();
        let own = [
            ("MLPS", 3, 3, 3),
            ("Layer", 5, 5, 26),
            ("Layer.first", 9, 10, 11),
            ("Layer.__init__", 13, 13, 26),
            ("Empty", 28, 28, 30),
        ];
        assert_eq!(shown, own);
        let layer = doc.symbol("Layer").expect("Layer");
        assert_eq!(layer.bases, ["nn.Module", "Other"]);
        let fields: Vec<_> = layer.fields.iter().map(|f| (f.name.as_str(), f.default.as_deref())).collect();
        assert_eq!(fields, [("kind", Some("1")), ("size", Some("4"))]);
        assert!(doc.symbol("Empty").expect("Empty").empty && !layer.empty);
        let imports: Vec<_> =
            doc.imports.iter().map(|i| (i.module.as_str(), i.name.as_str(), i.alias.as_str())).collect();
        let own = [
            ("mlx.core", "", "mx"),
            (".base", "BaseModelArgs", "BaseModelArgs"),
            (".base", "scaled", "sdpa"),
        ];
        assert_eq!(imports, own);
    }

    #[test]
    fn a_child_knows_every_class_it_can_be() {
        let doc = parse("a.py", TEXT);
        let layer = doc.symbol("Layer").expect("Layer");
        let shown: Vec<_> =
            layer.children.iter().map(|c| (c.name.as_str(), c.classes.join("|"), c.list, c.line)).collect();
        let own = [
            ("a", "Attention", false, 14),
            ("n", "", false, 14),
            ("mlp", "Sparse|MLP", false, 16),
            ("table", "MLP|Sparse", false, 19),
            ("norm", "nn.RMSNorm|nn.Identity", false, 20),
            ("layers", "Layer", true, 25),
            ("blocks", "Layer", true, 26),
        ];
        assert_eq!(shown, own.map(|(name, classes, list, line)| (name, classes.to_string(), list, line)));
    }
}
