"""Which source tensors each result of `sanitize` is made of. Runs in the port's process.

While it is active, every function and method of mlx that gives arrays notes what its arguments came from;
that costs about half a microsecond a call, where walking mlx's own graph (`export_to_dot`) takes 5 s for
DeepSeek-V3. What is made past these notes (a function bound before they were in place) is found by walking
the graph after all, for those results alone: `resolve`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import mlx.core as mx

UNKNOWN = -1
INITIAL = -2  # and below: -2 - j is the initial value of parameter j
Lineage = int | frozenset[int]
EMPTY: frozenset[int] = frozenset()
QUIET = {
    "eval",
    "async_eval",
    "load",
    "save",
    "savez",
    "savez_compressed",
    "save_safetensors",
    "save_gguf",
    "seed",
}
MODULES = ("", "linalg", "fast", "fft", "random")
UNARY = (
    "abs", "all", "any", "argmax", "argmin", "astype", "conj", "cos", "cummax", "cummin", "cumprod",
    "cumsum", "diag", "diagonal", "exp", "flatten", "log", "log10", "log1p", "log2", "logcumsumexp",
    "logsumexp", "max", "mean", "median", "min", "moveaxis", "prod", "reciprocal", "reshape", "round",
    "rsqrt", "sin", "split", "sqrt", "square", "squeeze", "std", "sum", "swapaxes", "transpose",
    "unflatten", "var", "view", "__neg__", "__invert__", "__abs__", "__copy__", "__deepcopy__",
)  # fmt: skip
BINARY = (
    "maximum", "minimum", "__getitem__", "__add__", "__radd__", "__iadd__", "__sub__", "__rsub__",
    "__isub__", "__mul__", "__rmul__", "__imul__", "__truediv__", "__rtruediv__", "__itruediv__", "__div__",
    "__rdiv__", "__floordiv__", "__rfloordiv__", "__mod__", "__rmod__", "__pow__", "__rpow__", "__ipow__",
    "__matmul__", "__imatmul__", "__and__", "__iand__", "__or__", "__ior__", "__xor__", "__ixor__",
    "__lshift__", "__rshift__", "__ilshift__", "__irshift__", "__eq__", "__ne__", "__lt__", "__le__",
    "__gt__", "__ge__",
)  # fmt: skip
PROPERTIES = ("T", "real", "imag")
# Functions whose second argument is a shape, axes or a dtype.
RESHAPING = {
    "astype", "broadcast_to", "contiguous", "expand_dims", "flatten", "from_fp8", "pad", "reshape",
    "squeeze", "stop_gradient", "to_fp8", "transpose", "view",
}  # fmt: skip


class Tracker:
    """Notes from `start` to `stop`; `of` has the lineage by identity, complete once stopped.

    A call is noted as the array made and those it was made from, which costs two appends; what that comes to
    is worked out at the end. Arrays are held, so that no identity is used twice.
    """

    def __init__(self) -> None:
        self.of: dict[int, Lineage] = {}
        self.held: list[Any] = []
        self._made: list[Any] = []
        self._from: list[Any] = []  # one array, or a tuple of any number of them
        self._undo: list[tuple[Any, str, Any]] = []

    def add(self, array: Any, lineage: Lineage) -> None:
        """States where an array comes from; before `start`."""
        self.of[id(array)] = lineage
        self.held.append(array)

    def start(self) -> None:
        for name in MODULES:
            owner = getattr(mx, name) if name else mx
            for attribute, value in list(vars(owner).items()):
                if (
                    callable(value)
                    and not isinstance(value, type)
                    and attribute not in QUIET
                    and attribute[0] != "_"
                ):
                    noting = self._reshaping if attribute in RESHAPING else self._noting
                    self._patch(owner, attribute, noting(value))
        for names, noting in ((UNARY, self._unary), (BINARY, self._binary)):
            for attribute in names:
                if attribute in vars(mx.array):
                    self._patch(mx.array, attribute, noting(getattr(mx.array, attribute)))
        for attribute in PROPERTIES:
            read = self._noting(vars(mx.array)[attribute].__get__)
            self._patch(mx.array, attribute, property(lambda array, read=read: read(array)))
        self._patch(mx.array, "__setitem__", self._assigning(mx.array.__setitem__))
        self._patch(mx.array, "__iter__", lambda array: (array[i] for i in range(array.shape[0])))

    def stop(self) -> None:
        for owner, attribute, value in reversed(self._undo):
            setattr(owner, attribute, value)
        self._undo.clear()
        self._work_out()

    def _work_out(self) -> None:
        """In the order of the calls: an array that was changed in place is there twice."""
        of, known, array = self.of, self.of.get, mx.array
        for made, source in zip(self._made, self._from, strict=True):
            if type(source) is array:
                of[id(made)] = known(id(source), UNKNOWN)
            elif len(source) == 2:
                one, other = known(id(source[0]), UNKNOWN), known(id(source[1]), UNKNOWN)
                of[id(made)] = one if one is other else union(one, other)
            else:
                of[id(made)] = merge([known(id(part), UNKNOWN) for part in source])
        self.held += self._made
        self._made.clear()
        self._from.clear()

    def _patch(self, owner: Any, attribute: str, value: Any) -> None:
        self._undo.append((owner, attribute, vars(owner)[attribute]))
        setattr(owner, attribute, value)

    def _several(self, out: Any, source: Any) -> None:
        """Notes the arrays of a call that gives a list of them."""
        if type(out) in (list, tuple):
            for item in out:
                self._made.append(item)
                self._from.append(source)

    def _unary(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """For methods whose other arguments are never arrays."""
        made, source, array, several = self._made.append, self._from.append, mx.array, self._several

        def noted(one: Any, *args: Any, **kwargs: Any) -> Any:
            out = function(one, *args, **kwargs) if kwargs else function(one, *args)
            if type(out) is array:
                made(out)
                source(one)
            else:
                several(out, one)
            return out

        return noted

    def _binary(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """For methods of two operands; the second may be a number or an index."""
        made, source, array, plain = self._made.append, self._from.append, mx.array, PLAIN
        none_else = plain.issuperset

        def noted(one: Any, other: Any, **kwargs: Any) -> Any:
            out = function(one, other, **kwargs) if kwargs else function(one, other)
            if type(out) is not array:
                return out
            made(out)
            kind = type(other)
            if kind is array:
                source((one, other))
            elif kind in plain or (kind is tuple and none_else(map(type, other))):
                source(one)
            else:
                source((one, *held_in(other)))
            return out

        return noted

    def _reshaping(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """For functions of an array and one argument that is none. Other calls take the long way."""
        made, source, array, long = self._made.append, self._from.append, mx.array, self._noting(function)
        none_else = PLAIN.issuperset

        def noted(*args: Any, **kwargs: Any) -> Any:
            count = len(args)
            if count and count < 3 and type(args[0]) is array:
                if not kwargs:
                    out = function(*args)
                elif none_else(map(type, kwargs.values())):
                    out = function(*args, **kwargs)
                else:
                    return long(*args, **kwargs)
                if type(out) is array:
                    made(out)
                    source(args[0])
                else:
                    self._several(out, args[0])
                return out
            return long(*args, **kwargs)

        return noted

    def _noting(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """For functions: any argument may be an array, or hold some."""
        array = mx.array

        def noted(*args: Any, **kwargs: Any) -> Any:
            parts = held_in(args)  # before the call, which may change a list
            if kwargs:
                parts += held_in(tuple(kwargs.values()))
            out = function(*args, **kwargs)
            found = parts[0] if len(parts) == 1 else tuple(parts)
            if type(out) is array:
                self._made.append(out)
                self._from.append(found)
            else:
                self._several(out, found)
            return out

        return noted

    def _assigning(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def assigned(array: Any, index: Any, value: Any) -> None:
            function(array, index, value)
            self._made.append(array)
            self._from.append((array, *held_in((index, value))))

        return assigned


def held_in(value: Any) -> list[Any]:
    """The arrays that a value is or holds."""
    kind = type(value)
    if kind is mx.array:
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    elif not isinstance(value, (list, tuple)):
        return []
    found = []
    for part in value:
        kind = type(part)
        if kind is mx.array:
            found.append(part)
        elif kind not in PLAIN:
            found += held_in(part)
    return found


PLAIN = {int, float, str, bool, type(None), slice, mx.Dtype}


def union(one: Lineage, other: Lineage) -> Lineage:
    if type(one) is int and type(other) is int:
        return one if one == other else frozenset((one, other))
    return merge((one, other))


def merge(parts: Iterable[Lineage]) -> Lineage:
    found: set[int] = set()
    for part in parts:
        if type(part) is int:
            found.add(part)
        else:
            found |= part
    return next(iter(found)) if len(found) == 1 else frozenset(found)


_EDGE = re.compile(r'^(?:"([^"]+)"|(\d+)) -> (?:"([^"]+)"|(\d+))$', re.MULTILINE)


def resolve(
    outputs: dict[str, Any], leaves: list[tuple[int, Any]], scratch: Path, limit: int = 200_000
) -> dict[str, Lineage]:
    """Walks mlx's graph of the outputs; leaves are (lineage number, array). A call takes 1,000 names at most.

    An output whose graph has more than `limit` edges stays unknown.
    """
    found: dict[str, set[int]] = {name: set() for name in outputs}
    room = 1000 - len(outputs)
    if room < 100:
        names = list(outputs)
        halves = names[: len(names) // 2], names[len(names) // 2 :]
        parts = [resolve({n: outputs[n] for n in half}, leaves, scratch, limit) for half in halves]
        return parts[0] | parts[1]
    path = scratch / "graph.dot"
    for at in range(0, len(leaves), room):
        named = {f"s{number}": array for number, array in leaves[at : at + room]}
        # A head of its own: an output that was changed in place is its own source.
        heads = {f"o{i}": mx.stop_gradient(array) for i, array in enumerate(outputs.values())}
        mx.export_to_dot(str(path), *heads.values(), **named, **heads)
        parents: dict[str, list[str]] = {}
        for a, b, c, d in _EDGE.findall(path.read_text()):
            parents.setdefault(c or d, []).append(a or b)
        if len(parents) > limit:
            return dict.fromkeys(outputs, UNKNOWN)
        for i, name in enumerate(outputs):
            found[name] |= _ancestors(f"o{i}", parents)
    path.unlink(missing_ok=True)
    return {name: merge(numbers) for name, numbers in found.items()}


def _ancestors(head: str, parents: dict[str, list[str]]) -> set[int]:
    seen, todo, found = {head}, [head], set()
    while todo:
        node = todo.pop()
        if node[0] == "s" and node[1:].lstrip("-").isdigit():
            found.add(int(node[1:]))
            continue
        for parent in parents.get(node, ()):
            if parent not in seen:
                seen.add(parent)
                todo.append(parent)
    return found
