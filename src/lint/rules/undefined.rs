//! Names that nothing defines.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{ANY, Rule};
use crate::source::syntax::{Node, Use};

pub static RULE: Rule = Rule {
    id: "L8-undefined-name",
    says: "Every name is defined.",
    severity: Severity::Error,
    fix: "define or import it",
    source: "upstream's pyproject selects ruff F821; it raises NameError where it is reached",
    breaks: Some(0),
    kinds: ANY,
    on_broken: false,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    let syntax = &subject.syntax;
    if syntax.of_kind("wildcard_import").next().is_some() {
        return found.cannot("an import of * defines names that are not seen here");
    }
    let mut bound: HashMap<&str, HashSet<Option<usize>>> = HashMap::new();
    for (node, what) in syntax.names() {
        if what == Use::Binds {
            bound.entry(node.text()).or_default().insert(owner(node).map(|scope| scope.bytes().start));
        }
    }
    let mut told: HashSet<&str> = HashSet::new();
    for (node, _) in syntax.names().filter(|(_, what)| matches!(what, Use::Reads | Use::Updates)) {
        let name = node.text();
        if is_builtin(name) || told.contains(name) || in_keyword_pattern(node) {
            continue;
        }
        let places = bound.get(name);
        let visible = places.is_some_and(|places| {
            let here = |node: Node<'_>| is_definition(node) && places.contains(&Some(node.bytes().start));
            places.contains(&None) || node.ancestors().any(here)
        });
        if !visible {
            told.insert(name);
            found.at(node, format!("{name} is defined nowhere"));
        }
    }
}

/// The definition whose body a binding belongs to: a function's own name belongs to what is around it.
fn owner(node: Node<'_>) -> Option<Node<'_>> {
    let own_name = node.field() == Some("name")
        && node
            .parent()
            .is_some_and(|parent| matches!(parent.kind(), "function_definition" | "class_definition"));
    match own_name {
        true => node.parent().and_then(Node::scope),
        false => node.scope(),
    }
}

fn is_definition(node: Node<'_>) -> bool {
    matches!(node.kind(), "function_definition" | "class_definition" | "lambda")
}

/// `match` patterns bind in ways that are not followed.
fn in_keyword_pattern(node: Node<'_>) -> bool {
    node.ancestors().any(|node| node.kind() == "match_statement")
}

fn is_builtin(name: &str) -> bool {
    static KNOWN: LazyLock<HashSet<&str>> = LazyLock::new(|| BUILTINS.split_ascii_whitespace().collect());
    KNOWN.contains(name)
}

const BUILTINS: &str = "\
__name__ __file__ __doc__ __class__ __builtins__ __debug__ __package__ __spec__ abs aiter all anext any ascii bin bool \
breakpoint bytearray bytes callable chr classmethod compile complex copyright credits delattr dict dir divmod enumerate \
eval exec exit filter float format frozenset getattr globals hasattr hash help hex id input int isinstance issubclass \
iter len license list locals map max memoryview min next object oct open ord pow print property quit range repr \
reversed round set setattr slice sorted staticmethod str sum super tuple type vars zip __import__ _ NotImplemented \
Ellipsis None True False ArithmeticError AssertionError AttributeError BaseException BaseExceptionGroup BlockingIOError \
BrokenPipeError ConnectionAbortedError ConnectionRefusedError ConnectionResetError BufferError BytesWarning ChildProcessError ConnectionError DeprecationWarning EOFError EnvironmentError \
Exception ExceptionGroup FileExistsError FileNotFoundError FloatingPointError FutureWarning GeneratorExit IOError \
ImportError ImportWarning IndentationError IndexError InterruptedError IsADirectoryError KeyError KeyboardInterrupt \
LookupError MemoryError ModuleNotFoundError NameError NotADirectoryError NotImplementedError OSError OverflowError \
PermissionError ProcessLookupError RecursionError ReferenceError ResourceWarning RuntimeError RuntimeWarning \
StopAsyncIteration StopIteration PendingDeprecationWarning PythonFinalizationError SyntaxError SyntaxWarning SystemError SystemExit TabError TimeoutError TypeError \
UnboundLocalError UnicodeDecodeError UnicodeEncodeError UnicodeError UnicodeTranslateError UnicodeWarning UserWarning \
ValueError Warning WindowsError EncodingWarning __annotations__ __path__ __loader__ ZeroDivisionError";
