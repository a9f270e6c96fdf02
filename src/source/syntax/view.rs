//! What rules ask for most, as views over nodes: nothing is copied, nothing is stored.

use super::{Node, Spot, Syntax};

/// A class.
#[derive(Clone, Copy, Debug)]
pub struct Class<'t>(pub Node<'t>);

/// A function or a method.
#[derive(Clone, Copy, Debug)]
pub struct Function<'t>(pub Node<'t>);

/// A call.
#[derive(Clone, Copy, Debug)]
pub struct Call<'t>(pub Node<'t>);

/// A parameter of a function.
#[derive(Clone, Copy, Debug)]
pub struct Parameter<'t> {
    pub node: Node<'t>,
    pub name: &'t str,
    pub default: Option<Node<'t>>,
    /// `*args` and `**kwargs`.
    pub starred: bool,
}

/// One imported name.
#[derive(Clone, Copy, Debug)]
pub struct Imported<'t> {
    pub node: Node<'t>,
    /// The module as written, dots included.
    pub module: &'t str,
    /// The name there; none for `import module`.
    pub name: Option<&'t str>,
    /// The name that it binds here.
    pub alias: &'t str,
    pub spot: Spot,
}

impl Syntax {
    /// Gives every class.
    pub fn classes(&self) -> impl Iterator<Item = Class<'_>> {
        self.of_kind("class_definition").map(Class)
    }

    /// Finds a class at the top of the file; the last definition wins, as in Python.
    pub fn class(&self, name: &str) -> Option<Class<'_>> {
        self.classes().filter(|class| class.name() == name && class.is_top()).last()
    }

    /// Gives every function and method.
    pub fn functions(&self) -> impl Iterator<Item = Function<'_>> {
        self.of_kind("function_definition").map(Function)
    }

    /// Gives every call.
    pub fn calls(&self) -> impl Iterator<Item = Call<'_>> {
        self.of_kind("call").map(Call)
    }

    /// Gives every imported name.
    pub fn imports(&self) -> impl Iterator<Item = Imported<'_>> {
        self.nodes().filter(|node| super::names::is_import(*node)).flat_map(|statement| {
            let from = statement.child("module_name");
            let future = statement.kind() == "future_import_statement";
            statement.all_children().filter(|child| child.field() == Some("name")).map(move |node| {
                let target = node.child("name").unwrap_or(node);
                let alias = node.child("alias").map(Node::text);
                let module = match (future, from) {
                    (true, _) => "__future__",
                    (false, Some(from)) => from.text(),
                    (false, None) => target.text(),
                };
                let name = (future || from.is_some()).then(|| target.text());
                // `import a.b` binds `a`.
                let plain = if name.is_some() { target.text() } else { first_part(target.text()) };
                Imported { node, module, name, alias: alias.unwrap_or(plain), spot: node.spot() }
            })
        })
    }

    /// Gives every comment.
    pub fn comments(&self) -> impl Iterator<Item = Node<'_>> {
        self.of_kind("comment")
    }
}

fn first_part(dotted: &str) -> &str {
    dotted.split('.').next().unwrap_or(dotted)
}

impl<'t> Class<'t> {
    /// Gives the name.
    pub fn name(self) -> &'t str {
        self.0.child("name").map_or("", Node::text)
    }

    /// Says whether it stands at the top of the file, under `if` and `try` too.
    pub fn is_top(self) -> bool {
        !self.0.ancestors().any(is_scope)
    }

    /// Gives the base classes as written.
    pub fn bases(self) -> impl Iterator<Item = &'t str> {
        let bases = self.0.child("superclasses").into_iter().flat_map(Node::children);
        bases.filter(|base| base.kind() != "keyword_argument").map(Node::text)
    }

    /// Gives the statements of the body.
    pub fn body(self) -> impl Iterator<Item = Node<'t>> {
        self.0.child("body").into_iter().flat_map(Node::children)
    }

    /// Gives its own methods.
    pub fn methods(self) -> impl Iterator<Item = Function<'t>> {
        self.body().filter_map(definition).map(Function)
    }

    /// Finds a method.
    pub fn method(self, name: &str) -> Option<Function<'t>> {
        self.methods().find(|method| method.name() == name)
    }

    /// Gives the fields of a dataclass body: name, the statement, the default.
    pub fn fields(self) -> impl Iterator<Item = (&'t str, Node<'t>, Option<Node<'t>>)> {
        self.body().filter_map(|statement| {
            let assignment = statement.children().next().filter(|node| node.kind() == "assignment")?;
            let left = assignment.child("left").filter(|left| left.kind() == "identifier")?;
            Some((left.text(), assignment, assignment.child("right")))
        })
    }

    /// Says whether `self.name` is assigned anywhere in it.
    pub fn gives_itself(self, name: &str) -> bool {
        self.0.below().any(|node| {
            node.kind() == "attribute"
                && node.field() == Some("left")
                && node.text().strip_prefix("self.") == Some(name)
        }) || self.0.below().any(|node| {
            // `self.a, self.b = …`
            node.kind() == "pattern_list"
                && node.children().any(|part| part.text().strip_prefix("self.") == Some(name))
        })
    }
}

fn definition(node: Node<'_>) -> Option<Node<'_>> {
    match node.kind() {
        "function_definition" => Some(node),
        "decorated_definition" => {
            node.child("definition").filter(|inner| inner.kind() == "function_definition")
        }
        _ => None,
    }
}

pub(super) fn is_scope(node: Node<'_>) -> bool {
    matches!(node.kind(), "class_definition" | "function_definition" | "lambda")
}

impl<'t> Function<'t> {
    /// Gives the name.
    pub fn name(self) -> &'t str {
        self.0.child("name").map_or("", Node::text)
    }

    /// Gives the class whose method it is.
    pub fn class(self) -> Option<Class<'t>> {
        self.0
            .ancestors()
            .find(|node| is_scope(*node))
            .filter(|node| node.kind() == "class_definition")
            .map(Class)
    }

    /// Gives the decorators as written, without `@`.
    pub fn decorators(self) -> impl Iterator<Item = &'t str> {
        let outer = self.0.parent().filter(|parent| parent.kind() == "decorated_definition");
        let all = outer.into_iter().flat_map(Node::children).filter(|node| node.kind() == "decorator");
        all.map(|decorator| decorator.text().trim_start_matches('@').trim())
    }

    /// Gives the body.
    pub fn body(self) -> Option<Node<'t>> {
        self.0.child("body")
    }

    /// Gives the statements of the body.
    pub fn statements(self) -> impl Iterator<Item = Node<'t>> {
        self.body().into_iter().flat_map(Node::children)
    }

    /// Gives the calls in the body.
    pub fn calls(self) -> impl Iterator<Item = Call<'t>> {
        self.body().into_iter().flat_map(Node::below).filter(|node| node.kind() == "call").map(Call)
    }

    /// Gives the parameters, `self` too.
    pub fn parameters(self) -> impl Iterator<Item = Parameter<'t>> {
        let all = self.0.child("parameters").into_iter().flat_map(Node::children);
        all.filter_map(parameter)
    }
}

fn parameter(node: Node<'_>) -> Option<Parameter<'_>> {
    let starred = |node: Node<'_>| matches!(node.kind(), "list_splat_pattern" | "dictionary_splat_pattern");
    let name = match node.kind() {
        "identifier" => Some(node),
        "default_parameter" | "typed_default_parameter" => node.child("name"),
        "typed_parameter" => node.children().next(),
        "list_splat_pattern" | "dictionary_splat_pattern" => Some(node),
        _ => None,
    }?;
    let plain = if starred(name) { name.children().next()? } else { name };
    Some(Parameter { node, name: plain.text(), default: node.child("value"), starred: starred(name) })
}

impl<'t> Call<'t> {
    /// Gives what is called, as written: `mx.repeat`, `self.q_proj`.
    pub fn name(self) -> &'t str {
        self.0.child("function").map_or("", Node::text)
    }

    /// Gives the method's own name when an expression's method is called: `item` of `x.sum().item()`.
    pub fn method(self) -> Option<&'t str> {
        let function = self.0.child("function").filter(|function| function.kind() == "attribute")?;
        function.child("attribute").map(Node::text)
    }

    /// Gives what the method is called on.
    pub fn object(self) -> Option<Node<'t>> {
        self.0.child("function").filter(|function| function.kind() == "attribute")?.child("object")
    }

    /// Gives the arguments that stand by their place.
    pub fn positional(self) -> impl Iterator<Item = Node<'t>> {
        self.arguments().filter(|node| !matches!(node.kind(), "keyword_argument" | "comment"))
    }

    /// Finds an argument given by name.
    pub fn keyword(self, name: &str) -> Option<Node<'t>> {
        let named = self.arguments().filter(|node| node.kind() == "keyword_argument");
        named
            .filter(|node| node.child("name").map(Node::text) == Some(name))
            .find_map(|node| node.child("value"))
    }

    fn arguments(self) -> impl Iterator<Item = Node<'t>> {
        self.0.child("arguments").into_iter().flat_map(Node::children)
    }

    /// Gives the innermost function around it.
    pub fn function(self) -> Option<Function<'t>> {
        self.0.around("function_definition").map(Function)
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;

    const TEXT: &str = "\
from __future__ import annotations
import mlx.core as mx
import a.b
from .base import BaseModelArgs, scaled as sdpa

class A(nn.Module, Other):
    size: int = 4
    kind: str

    @property
    def layers(self):
        return 1

    def __call__(self, x, mask: int = None, *args, cache=1, **kw):
        self.p, self.q = 1, 2
        return mx.repeat(x.sum().item(), 2, axis=1)
";

    #[test]
    fn classes_methods_fields_and_parameters() {
        let tree = read(TEXT);
        let class = tree.class("A").expect("A");
        assert_eq!(class.bases().collect::<Vec<_>>(), ["nn.Module", "Other"]);
        let fields: Vec<_> = class.fields().map(|(name, _, default)| (name, default.is_some())).collect();
        assert_eq!(fields, [("size", true), ("kind", false)]);
        assert_eq!(class.method("layers").expect("layers").decorators().collect::<Vec<_>>(), ["property"]);
        let call = class.method("__call__").expect("__call__");
        let parameters: Vec<_> =
            call.parameters().map(|p| (p.name, p.default.is_some(), p.starred)).collect();
        let own = [
            ("self", false, false),
            ("x", false, false),
            ("mask", true, false),
            ("args", false, true),
            ("cache", true, false),
            ("kw", false, true),
        ];
        assert_eq!(parameters, own);
        assert!(class.gives_itself("q") && !class.gives_itself("size"));
    }

    #[test]
    fn imports_and_calls() {
        let tree = read(TEXT);
        let imports: Vec<_> = tree.imports().map(|i| (i.module, i.name, i.alias)).collect();
        let own = [
            ("__future__", Some("annotations"), "annotations"),
            ("mlx.core", None, "mx"),
            ("a.b", None, "a"),
            (".base", Some("BaseModelArgs"), "BaseModelArgs"),
            (".base", Some("scaled"), "sdpa"),
        ];
        assert_eq!(imports, own);
        let call = tree.calls().next().expect("a call");
        assert_eq!((call.name(), call.method()), ("mx.repeat", Some("repeat")));
        assert_eq!(call.positional().map(|node| node.text()).collect::<Vec<_>>(), ["x.sum().item()", "2"]);
        assert_eq!(call.keyword("axis").map(|node| node.text()), Some("1"));
        let item = tree.calls().find(|call| call.method() == Some("item")).expect("item");
        assert_eq!(item.object().map(|node| node.text()), Some("x.sum()"));
    }
}
