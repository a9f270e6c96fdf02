"""What an accepted port's source says of its arguments: type, default, what they are compared with. Pure."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REQUIRED = object()


@dataclass
class Facts:
    """`kinds` and `defaults` by argument; `literals`: strings that one is compared with; `letters`: of one
    character; `words`: every string in the file itself.
    """

    kinds: dict[str, str] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)
    literals: dict[str, list[str]] = field(default_factory=dict)
    letters: list[str] = field(default_factory=list)
    words: set[str] = field(default_factory=set)

    def optional(self, key: str) -> bool:
        return "Optional" in self.kinds.get(key, "") or "None" in self.kinds.get(key, "")


def read(path: Path) -> Facts:
    """Of the file and of those that it imports from its folder."""
    facts = Facts()
    for node in ast.walk(_read(path, facts, set())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            facts.words.add(node.value)
    return facts


def _read(path: Path, facts: Facts, seen: set[Path]) -> ast.Module:
    seen.add(path)
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any("Args" in ast.unparse(base) for base in node.bases):
            _fields(node, facts)
        elif isinstance(node, ast.Compare):
            _compared(node, facts)
        elif (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "index"
        ):
            _letters(node.args, facts)
        elif isinstance(node, ast.ImportFrom) and node.level == 1:
            for name in [node.module] if node.module else [alias.name for alias in node.names]:
                other = path.with_name(f"{name}.py")
                if name not in ("base", "cache") and other.is_file() and other not in seen:
                    _read(other, facts, seen)
    return tree


def _fields(node: ast.ClassDef, facts: Facts) -> None:
    for one in node.body:
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
            facts.kinds.setdefault(one.target.id, ast.unparse(one.annotation))
            try:
                default = REQUIRED if one.value is None else ast.literal_eval(one.value)
            except ValueError:
                default = None
            facts.defaults.setdefault(one.target.id, default)


def _compared(node: ast.Compare, facts: Facts) -> None:
    name = node.left
    key = name.attr if isinstance(name, ast.Attribute) else name.id if isinstance(name, ast.Name) else None
    words = [c.value for c in node.comparators if isinstance(c, ast.Constant) and isinstance(c.value, str)]
    if key and words and isinstance(node.ops[0], ast.Eq):
        facts.literals.setdefault(key, []).extend(words)
    _letters(node.comparators, facts)


def _letters(nodes: list[ast.expr], facts: Facts) -> None:
    for node in nodes:
        one = node.value if isinstance(node, ast.Constant) else None
        if isinstance(one, str) and len(one) == 1 and one not in facts.letters:
            facts.letters.append(one)
