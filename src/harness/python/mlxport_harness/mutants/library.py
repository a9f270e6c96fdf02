"""The library of single faults: data in `library/<model_type>.json`, applied as text to the installed ports.

A fault that no longer finds its text is an error that names it: the release changed, and a score that skips
it in silence would be wrong. Faults in a shared module travel in the port's own copy (`swap`).
"""

from __future__ import annotations

import ast
import fnmatch
import importlib.util
import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from mlxport_harness.errors import Failure
from mlxport_harness.mutants.swap import with_swapped
from mlxport_harness.twin.target import port_name

FOLDER = Path(__file__).with_name("library")
DEFAULTS = "defaults"
KINDS = (
    "activation", "cache", "dtype", "eps", "heads", "load", "mask", "moe", "norm", "residual", "rope",
    "scale", "softcap", "ssm", "train",
)  # fmt: skip
USAGES = ("math", "eps", "cache", "batch", "dtype", "load", "train", "far")


@dataclass(frozen=True)
class Mutant:
    """One fault. `usage`: the kind of use in which it shows. `within`: a class or function, dotted.

    `file`: the module of mlx-lm's models that it is put into, the port's own by default. `config`: the
    variant of the library that exercises it; `needs`: what of it. `limit`: why it survives, if known.
    """

    id: str
    type: str
    kind: str
    usage: str
    old: str
    new: str
    why: str
    count: int = 1
    within: str | None = None
    file: str | None = None
    needs: str = ""
    limit: str = ""
    config: str = DEFAULTS


@dataclass(frozen=True)
class Subject:
    """An accepted port to put faults into. `configs`: name to config.json, None for class defaults.

    `known`: checks that the port itself fails for a real deviation, with the reason; they kill nothing there.
    """

    type: str
    family: str
    configs: dict[str, dict[str, Any] | None]
    mutants: tuple[Mutant, ...]
    known: dict[str, str]


@cache
def subjects() -> dict[str, Subject]:
    return {found.type: found for found in (_read(path) for path in sorted(FOLDER.glob("*.json")))}


def chosen(types: list[str] | None, only: str | None = None) -> list[Subject]:
    """The types asked for, all by default; `only`: of their faults those whose id matches a pattern."""
    known = subjects()
    unknown = [t for t in types or [] if t not in known]
    if unknown:
        hint = f"Types in it: {', '.join(known)}. For another: --port FILE --model-type TYPE."
        raise Failure("user", f"The mutant library has no {', '.join(unknown)}.", hint)
    found = [known[t] for t in types] if types else list(known.values())
    if only is None:
        return found
    patterns = only.split(",")
    found = [replace(s, mutants=tuple(m for m in s.mutants if _matches(m.id, patterns))) for s in found]
    if not any(s.mutants for s in found):
        raise Failure("user", f"No fault of the library matches {only}.", "An id is llama/rope-theta-lost.")
    return [s for s in found if s.mutants]


def _matches(name: str, patterns: list[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def models_folder() -> Path:
    spec = importlib.util.find_spec("mlx_lm")
    if spec is None or not spec.submodule_search_locations:
        raise Failure("environment", "mlx-lm is not installed in this environment.", "Run `mlxport setup`.")
    return Path(next(iter(spec.submodule_search_locations))) / "models"


def port_file(model_type: str) -> Path:
    return models_folder() / f"{port_name(model_type)}.py"


def mutated(mutant: Mutant) -> str:
    """The text of the port with this one fault in it."""
    port = port_file(mutant.type)
    if mutant.file in (None, port.stem):
        return replaced(mutant, port.read_text(), port.name)
    shared = models_folder() / f"{mutant.file}.py"
    text = shared.read_text()
    return with_swapped(port.read_text(), mutant.file, text, replaced(mutant, text, shared.name))


def replaced(mutant: Mutant, text: str, name: str) -> str:
    """`text` with the fault; a Failure that names the mutant where the text is another."""
    begin, end = _region(mutant, text, name)
    region = text[begin:end]
    found = region.count(mutant.old)
    if found != mutant.count or mutant.old == mutant.new:
        place = f"{mutant.within} of {name}" if mutant.within else name
        text = f"Mutant {mutant.id}: its text is {found} times in {place}, not {mutant.count}."
        raise Failure("bug", text, "mlx-lm changed since: write the mutant anew, or drop it with a reason.")
    changed = text[:begin] + region.replace(mutant.old, mutant.new) + text[end:]
    try:
        ast.parse(changed)
    except SyntaxError as error:
        raise Failure(
            "bug", f"Mutant {mutant.id} does not parse: {error.msg}, line {error.lineno}."
        ) from None
    return changed


def _region(mutant: Mutant, text: str, name: str) -> tuple[int, int]:
    if mutant.within is None:
        return 0, len(text)
    body: list[ast.stmt] = ast.parse(text).body
    node: ast.AST | None = None
    for part in mutant.within.split("."):
        node = next((n for n in body if getattr(n, "name", None) == part), None)
        if node is None:
            raise Failure(
                "bug", f"Mutant {mutant.id}: {name} has no {mutant.within}.", "mlx-lm changed since."
            )
        body = node.body
    lines = text.splitlines(keepends=True)
    return sum(map(len, lines[: node.lineno - 1])), sum(map(len, lines[: node.end_lineno]))


def _read(path: Path) -> Subject:
    data = json.loads(path.read_text())
    configs = {DEFAULTS: None} | data.get("configs", {})
    if not data.get("defaults", True):
        configs.pop(DEFAULTS)
    fallback = next(iter(configs))
    mutants = []
    for row in data["mutants"]:
        row = {"config": fallback, **row, "type": path.stem}
        row["within"] = row.pop("in", None)
        one = Mutant(**{**row, "id": f"{path.stem}/{row['id']}"})
        if one.kind not in KINDS or one.usage not in USAGES or one.config not in configs:
            raise Failure("bug", f"Mutant {one.id}: unknown kind, usage or config.")
        mutants.append(one)
    ids = [one.id for one in mutants]
    if len(set(ids)) != len(ids):
        raise Failure("bug", f"{path.name} has an id twice.")
    return Subject(path.stem, data["family"], configs, tuple(mutants), data.get("known", {}))
