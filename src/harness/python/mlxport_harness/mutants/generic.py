"""Faults made from any port's own text: one small change each, by position, so that all other lines stay.

Which changes: those that porting.md's fixes look like from the outside (a lost operand, a dropped argument, a
constant off by one, a state not kept). Annotations, docstrings, assertions and errors are left alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

_BINARY = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "/",
    ast.Div: "*",
    ast.Pow: "*",
    ast.FloorDiv: "*",
    ast.BitAnd: "|",
}
_COMPARE = {
    ast.Eq: "!=", ast.NotEq: "==", ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">",
    ast.In: "not in", ast.NotIn: "in", ast.Is: "is not", ast.IsNot: "is",
}  # fmt: skip
_SPELLED = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.In: "in", ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not",
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.FloorDiv: "//",
    ast.BitAnd: "&",
}  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """`lines`: those of the statement it is in, first and last; executed when any of them was."""

    id: str
    line: int
    kind: str
    what: str
    lines: tuple[int, int]
    always: bool
    text: str


def faults(text: str) -> list[Fault]:
    """Every fault of a port that parses, in the order of its lines; else SyntaxError."""
    maker = _Maker(text)
    maker.walk(ast.parse(text).body, inside=False)
    return sorted(maker.found, key=lambda f: (f.line, f.id))


class _Maker:
    def __init__(self, text: str) -> None:
        self.data = text.encode()
        starts = [0]
        for line in self.data.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        self.starts = starts
        self.found: list[Fault] = []
        self.seen: set[bytes] = {self.data}

    def walk(self, body: list[ast.stmt], inside: bool) -> None:
        """Statement by statement; `inside` a function, where a line runs only when it is called."""
        for statement in body:
            if isinstance(statement, (ast.Import, ast.ImportFrom, ast.Assert, ast.Raise, ast.Global)):
                continue
            if isinstance(statement, (ast.ClassDef, ast.FunctionDef)):
                self.walk(statement.body, inside or isinstance(statement, ast.FunctionDef))
                continue
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                continue
            self.statement(statement, inside)
            for block in ("body", "orelse", "finalbody"):
                self.walk(getattr(statement, block, []) or [], inside)

    def statement(self, statement: ast.stmt, inside: bool) -> None:
        inner = getattr(statement, "body", None)
        last = inner[0].lineno - 1 if inner else statement.end_lineno
        lines = (statement.lineno, max(statement.lineno, last))
        for node, new, kind, what in self._changes(statement):
            self._add(node, new, kind, what, lines, not inside)

    def _changes(self, statement: ast.stmt) -> Iterator[tuple[ast.AST, str, str, str]]:
        if isinstance(statement, ast.Expr) or _keeps_state(statement):
            yield statement, "pass", "statement dropped", f"`{self._source(statement)}` left out"
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Tuple):
            yield from self._swapped(statement.targets[0].elts[:2], "results swapped")
        if isinstance(statement, ast.If):
            test = statement.test
            yield test, f"not ({self._source(test)})", "condition", "condition negated"
        for node in self._expressions(statement):
            yield from self._expression(node)

    def _expressions(self, statement: ast.stmt) -> Iterator[ast.AST]:
        """All expressions of the statement itself: not its blocks, annotations or the pieces of f-strings."""
        ahead: list[ast.AST] = []
        for name, value in ast.iter_fields(statement):
            if name in ("body", "orelse", "finalbody", "handlers", "annotation", "returns"):
                continue
            ahead += [v for v in (value if isinstance(value, list) else [value]) if isinstance(v, ast.expr)]
        while ahead:
            node = ahead.pop()
            yield node
            if not isinstance(node, ast.JoinedStr):
                ahead += [c for c in ast.iter_child_nodes(node)]

    def _expression(self, node: ast.AST) -> Iterator[tuple[ast.AST, str, str, str]]:
        if isinstance(node, ast.Constant):
            yield from self._constant(node)
        elif isinstance(node, ast.BinOp):
            yield from self._binary(node)
        elif isinstance(node, ast.Compare) and len(node.ops) == 1:
            old, new = _SPELLED[type(node.ops[0])], _COMPARE[type(node.ops[0])]
            left, right = self._source(node.left), self._source(node.comparators[0])
            yield node, f"({left} {new} {right})", "comparison", f"`{old}` becomes `{new}`"
        elif isinstance(node, ast.BoolOp):
            word = " or " if isinstance(node.op, ast.And) else " and "
            parts = word.join(f"({self._source(v)})" for v in node.values)
            yield node, f"({parts})", "condition", f"joined by `{word.strip()}`"
        elif isinstance(node, ast.IfExp):
            yield node.test, f"(not ({self._source(node.test)}))", "condition", "condition negated"
        elif isinstance(node, ast.Call):
            yield from self._call(node)

    def _constant(self, node: ast.Constant) -> Iterator[tuple[ast.AST, str, str, str]]:
        value = node.value
        if isinstance(value, bool):
            new = str(not value)
        elif isinstance(value, int):
            new = str(value + 1)
        elif isinstance(value, float):
            new = repr(value * 1.5 if value else 1.0)
        elif isinstance(value, str) and value and "\n" not in value:
            new = repr(value + "_")
        else:
            return
        yield node, new, "constant", f"`{self._source(node)}` becomes `{new}`"

    def _binary(self, node: ast.BinOp) -> Iterator[tuple[ast.AST, str, str, str]]:
        new = _BINARY.get(type(node.op))
        left, right = self._source(node.left), self._source(node.right)
        if new:
            yield (
                node,
                f"(({left}) {new} ({right}))",
                "operator",
                f"`{_SPELLED[type(node.op)]}` becomes `{new}`",
            )
        if isinstance(node.op, (ast.Add, ast.Mult, ast.Div)):
            yield node, f"({left})", "operand lost", f"`{right}` left out"
            if not isinstance(node.op, ast.Div):
                yield node, f"({right})", "operand lost", f"`{left}` left out"

    def _call(self, node: ast.Call) -> Iterator[tuple[ast.AST, str, str, str]]:
        callee = self._source(node.func)
        if callee.startswith("super"):
            return
        for keyword in node.keywords:
            if keyword.arg:
                rest = [self._source(a) for a in node.args]
                rest += [self._source(k) for k in node.keywords if k is not keyword]
                what = f"`{keyword.arg}=` of `{callee}` left out"
                yield node, f"{callee}({', '.join(rest)})", "argument lost", what
        if len(node.args) >= 2:
            yield from self._swapped(node.args[:2], "arguments swapped")
        if len(node.args) == 1 and not node.keywords and not isinstance(node.args[0], ast.Starred):
            yield node, f"({self._source(node.args[0])})", "call lost", f"`{callee}` not applied"

    def _swapped(self, pair: list[ast.expr], kind: str) -> Iterator[tuple[ast.AST, str, str, str]]:
        if len(pair) < 2 or any(isinstance(n, (ast.Starred, ast.Constant)) for n in pair):
            return
        one, other = map(self._source, pair)
        first, second = self._span(pair[0])[0], self._span(pair[1])
        between = self.data[self._span(pair[0])[1] : second[0]].decode()
        whole = ast.Name("_")
        whole.span = (first, second[1])  # type: ignore[attr-defined]
        whole.lineno = pair[0].lineno
        yield whole, f"{other}{between}{one}", kind, f"`{one}` and `{other}` swapped"

    def _add(
        self, node: ast.AST, new: str, kind: str, what: str, lines: tuple[int, int], always: bool
    ) -> None:
        begin, end = self._span(node)
        data = self.data[:begin] + new.encode() + self.data[end:]
        if data in self.seen:
            return
        self.seen.add(data)
        text = data.decode()
        try:
            ast.parse(text)
        except SyntaxError:
            return
        column = begin - self.starts[node.lineno - 1]
        what = " ".join(what.split())
        name = f"{node.lineno}:{column} {kind}: {what}"
        self.found.append(Fault(name, node.lineno, kind, what[:160], lines, always, text))

    def _span(self, node: ast.AST) -> tuple[int, int]:
        if hasattr(node, "span"):
            return node.span
        return (
            self.starts[node.lineno - 1] + node.col_offset,
            self.starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def _source(self, node: ast.AST) -> str:
        begin, end = self._span(node)
        return self.data[begin:end].decode()


def _keeps_state(statement: ast.stmt) -> bool:
    """`x[i] = …` and `x += …`: what a later line or call relies on without naming it."""
    if isinstance(statement, ast.AugAssign):
        return True
    return isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Subscript)
