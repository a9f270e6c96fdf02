//! Which identifiers read a name and which bind one.

use std::collections::HashSet;

use super::view::is_scope;
use super::{Node, Syntax};

/// What an identifier does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    Reads,
    /// An assignment, a loop, a `with`, a parameter, a definition, an import.
    Binds,
    /// `x += 1`.
    Updates,
    /// The name of an attribute or of a keyword argument: no variable.
    Names,
}

impl Syntax {
    /// Gives every identifier that is a variable, with what it does.
    pub fn names(&self) -> impl Iterator<Item = (Node<'_>, Use)> {
        self.of_kind("identifier").map(|node| (node, node.name_use()))
    }

    /// Says whether a variable of this name is read anywhere, in a string too where strings hold types or `__all__`.
    pub fn reads_name(&self, name: &str) -> bool {
        self.read_names.get_or_init(|| self.all_read()).contains(name)
    }

    fn all_read(&self) -> HashSet<String> {
        let names = self.names().filter(|(_, what)| matches!(what, Use::Reads | Use::Updates));
        let names = names.map(|(node, _)| node.text().to_string());
        let typed = self.of_kind("string_content").filter(|node| names_things(*node));
        names.chain(typed.flat_map(|node| words(node.text())).map(str::to_string)).collect()
    }
}

fn names_things(content: Node<'_>) -> bool {
    content.ancestors().any(|node| {
        let left = || node.child("left").map(Node::text);
        node.kind() == "type" || (node.kind() == "assignment" && left() == Some("__all__"))
    })
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
}

impl<'t> Node<'t> {
    /// Says what an identifier does where it stands.
    pub fn name_use(self) -> Use {
        let Some(parent) = self.parent() else { return Use::Reads };
        let field = self.field();
        match parent.kind() {
            "attribute" if field == Some("attribute") => Use::Names,
            "keyword_argument" if field == Some("name") => Use::Names,
            "class_definition" | "function_definition" if field == Some("name") => Use::Binds,
            "default_parameter" | "typed_default_parameter" if field == Some("name") => Use::Binds,
            "typed_parameter" if field != Some("type") => Use::Binds,
            "parameters" | "lambda_parameters" => Use::Binds,
            "list_splat_pattern"
            | "dictionary_splat_pattern"
            | "tuple_pattern"
            | "list_pattern"
            | "pattern_list" => Use::Binds,
            "assignment" | "for_statement" | "for_in_clause" if field == Some("left") => Use::Binds,
            "augmented_assignment" if field == Some("left") => Use::Updates,
            "named_expression" if field == Some("name") => Use::Binds,
            "as_pattern_target" | "global_statement" | "nonlocal_statement" | "case_pattern" => Use::Binds,
            "dotted_name" | "aliased_import" => match parent.ancestors().chain([parent]).any(is_import) {
                true => Use::Binds,
                false => Use::Reads,
            },
            _ => Use::Reads,
        }
    }

    /// Gives the function, class or lambda whose scope a name here belongs to; none at the top of the file.
    pub fn scope(self) -> Option<Node<'t>> {
        self.ancestors().find(|node| is_scope(*node))
    }
}

pub(super) fn is_import(node: Node<'_>) -> bool {
    matches!(node.kind(), "import_statement" | "import_from_statement" | "future_import_statement")
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    #[test]
    fn reading_and_binding_are_told_apart() {
        let text = "\
import a.b as c
def f(x, y: T = z, *v, **w):
    p, (q, r) = g(k=x)
    for i in n: s.t = u
    with o() as d: pass
    e += [h for h in l if (m := j)]
    try: pass
    except E as err: pass
";
        let tree = read(text);
        let of = |wanted: Use| -> Vec<&str> {
            tree.names().filter(|(_, what)| *what == wanted).map(|(node, _)| node.text()).collect()
        };
        assert_eq!(of(Use::Reads), ["T", "z", "g", "x", "n", "s", "u", "o", "h", "l", "j", "E"]);
        assert_eq!(of(Use::Names), ["k", "t"]);
        assert_eq!(of(Use::Updates), ["e"]);
        let binds = ["a", "b", "c", "f", "x", "y", "v", "w", "p", "q", "r", "i", "d", "h", "m", "err"];
        assert_eq!(of(Use::Binds), binds);
    }
}
