"""Records the first call of every mlx module during one pass, by wrapping `__call__` of their classes.

The process is thrown away afterwards, so nothing needs undoing. Arrays stay lazy until all are evaluated.
"""

from __future__ import annotations

import inspect
from typing import Any


class Taps:
    def __init__(self, model: Any) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.values: dict[str, Any] = {}
        self.active = False
        self._names = {id(module): name for name, module in model.named_modules() if name}
        self._clock = 0
        for cls in {type(module) for _, module in model.named_modules()}:
            _wrap(cls, self)

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Calls `args[0]` with the rest, recording."""
        self.active = True
        try:
            return args[0](*args[1:], **kwargs)
        finally:
            self.active = False

    def call(self, original: Any, module: Any, args: tuple, kwargs: dict) -> Any:
        name = self._names.get(id(module))
        if not self.active or name is None or name in self.rows:
            return original(module, *args, **kwargs)
        row = self.rows[name] = {"class": type(module).__name__, "where": where(type(module), "__call__")}
        row["start"] = self._tick()
        taken = first_array(args)
        self._keep(row, "in", name, taken if taken is not None else first_array(list(kwargs.values())))
        output = original(module, *args, **kwargs)
        row["end"] = self._tick()
        self._keep(row, "out", name, first_array(output))
        return output

    def _tick(self) -> int:
        self._clock += 1
        return self._clock

    def _keep(self, row: dict[str, Any], side: str, name: str, array: Any) -> None:
        import mlx.core as mx

        if array is not None and mx.issubdtype(array.dtype, mx.floating):
            row[side] = str(array.dtype).rpartition(".")[2]
            self.values[f"{side}:{name}"] = array


def _wrap(cls: type, taps: Taps) -> None:
    original = next((c.__dict__["__call__"] for c in cls.__mro__ if "__call__" in c.__dict__), None)
    if original is None or getattr(original, "tapped", None) is taps:
        return

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return taps.call(original, self, args, kwargs)

    call.tapped, call.original = taps, getattr(original, "original", original)
    cls.__call__ = call


def first_array(value: Any) -> Any:
    import mlx.core as mx

    if isinstance(value, mx.array):
        return value
    if isinstance(value, (tuple, list)):
        return next((a for a in map(first_array, value) if a is not None), None)
    return None


def where(cls: type, method: str) -> str | None:
    """`file:line` of the method the class itself defines."""
    function = getattr(cls, method, None)
    function = getattr(function, "original", function)
    code = getattr(inspect.unwrap(function), "__code__", None) if function else None
    return f"{code.co_filename}:{code.co_firstlineno}" if code else None
