"""Where float32 comes from: every mlx operation of one pass, with the dtypes that went in and came out.

An operation that took bfloat16 (or float16) and float32 and gave float32 is a promotion. Each float32 array
has an origin that is handed on: a parameter, a constant made in the pass, or a cast that the port wrote. What
is made outside the pass and is no attribute of a module has none. Only names are patched, and only for the
pass; arrays are kept alive, so that ids hold.
"""

from __future__ import annotations

import functools
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any

import mlx.core as mx
import mlx.nn as nn

LOW = (mx.bfloat16, mx.float16)
ARRAY = mx.array
SKIP = {
    "array_equal", "async_eval", "can_cast", "checkpoint", "clear_cache", "compile", "custom_function",
    "default_device", "default_stream", "device_count", "device_info", "disable_compile", "enable_compile",
    "eval", "export_function", "exporter", "grad", "import_function", "isdtype", "issubdtype", "jvp", "load",
    "new_stream", "result_type", "stream", "synchronize", "value_and_grad", "vjp", "vmap",
}  # fmt: skip
DUNDERS = [
    f"__{prefix}{name}__"
    for name in ("add", "sub", "mul", "truediv", "div", "pow", "matmul", "mod", "floordiv")
    for prefix in ("", "r", "i")
] + ["__getitem__", "__neg__", "__abs__"]
LIMIT = 400


class Flow:
    """`events`: promotions, in order, each {op, out, module, where, operands: [{dtype, shape, origin}]}."""

    def __init__(self, model: nn.Module, port: str) -> None:
        self.model, self.port = model, port
        self.events: list[dict[str, Any]] = []
        self._origin: dict[int, str] = {}
        self._alive: list[Any] = []
        self._modules = {id(module): name for name, module in model.named_modules()}
        for name, module in model.named_modules():
            for key, value in module.items():
                if isinstance(value, ARRAY):
                    kind = "constant" if key.startswith("_") else "parameter"
                    self._origin[id(value)] = f"{kind} {name}.{key}" if name else f"{kind} {key}"

    @contextmanager
    def watch(self) -> Iterator[None]:
        undo: list[tuple[Any, str, Any]] = []
        for owner, name, function in targets():
            undo.append((owner, name, function))
            setattr(owner, name, self._wrap(name, function))
        uncompile(model=self.model)
        shape = ARRAY.T
        undo += [(ARRAY, "T", shape), (mx, "array", ARRAY)]
        ARRAY.T = property(self._wrap("T", shape.__get__))
        mx.array = maker(self._wrap("array", ARRAY))  # type: ignore[misc, assignment]
        try:
            yield
        finally:
            for owner, name, function in undo:
                setattr(owner, name, function)
            self._alive.clear()

    def _wrap(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function, updated=())
        def call(*args: Any, **kwargs: Any) -> Any:
            found = function(*args, **kwargs)
            self._note(name, args, kwargs, found)
            return found

        return call

    def _note(self, name: str, args: tuple, kwargs: dict[str, Any], found: Any) -> None:
        wide = [a for a in arrays(found) if a.dtype == mx.float32]
        if not wide:
            return
        taken = list(operands([*args, *kwargs.values()]))
        low = [a for a in taken if getattr(a, "dtype", None) in LOW]
        high = [a for a in taken if str(getattr(a, "dtype", "")).endswith("float32")]
        if low and high:
            origin = self._event(name, low, high)
        elif not taken or name == "array":
            meant = mx.float32 in [*args, *kwargs.values()]
            origin = f"a cast in {self._where()}" if meant else f"constant, {name} in {self._where()}"
        elif low:
            origin = f"a cast in {self._where()}" if name == "astype" else f"{name} in {self._where()}"
        else:
            origin = next((self._origin[id(a)] for a in high if id(a) in self._origin), "")
        for array in wide:
            self._alive.append(array)
            if origin:
                self._origin[id(array)] = origin

    def _event(self, name: str, low: list[Any], high: list[Any]) -> str:
        origins = [self._of(a) for a in high]
        where, module = self._place()
        if len(self.events) < LIMIT:
            operands = [
                {"dtype": kind(a), "shape": list(a.shape), "origin": o}
                for a, o in zip(high, origins, strict=True)
            ]
            operands += [
                {"dtype": kind(a), "shape": list(a.shape), "origin": self._origin.get(id(a), "")}
                for a in low[:2]
            ]
            event = {"op": name.strip("_"), "where": where, "module": module, "operands": operands}
            self.events.append(event | {"cast": all(cast(o) for o in origins)})
        return origins[0]

    def _of(self, array: Any) -> str:
        if not isinstance(array, ARRAY):
            return f"constant, a numpy {kind(array)} in {self._where()}"
        return (
            self._origin.get(id(array))
            or f"constant, an array made outside the weights, used in {self._where()}"
        )

    def _where(self) -> str:
        return self._place()[0]

    def _place(self) -> tuple[str, str | None]:
        """The port's line nearest to the operation, else mlx-lm's or mlx's; and the module it ran in."""
        frame, first, mine, module = sys._getframe(1), None, None, None
        while frame is not None and (mine is None or module is None):
            file = frame.f_code.co_filename
            if file != __file__ and "mlxport_harness" not in file:
                line = f"{file}:{frame.f_lineno}"
                first = first or line
                mine = mine or (line if file == self.port else None)
                owner = frame.f_locals.get("self")
                if module is None and id(owner) in self._modules and isinstance(owner, nn.Module):
                    module = self._modules[id(owner)]
            frame = frame.f_back
        return mine or first or "", module


def maker(make: Callable[..., Any]) -> type:
    """Stands in for the class mx.array: makes arrays through `make`, and is the class to `isinstance`."""

    class Meta(type):
        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            return make(*args, **kwargs)

        def __instancecheck__(cls, value: Any) -> bool:
            return isinstance(value, ARRAY)

        def __getattr__(cls, name: str) -> Any:
            return getattr(ARRAY, name)

    return Meta("array", (), {})


def uncompile(model: nn.Module) -> None:
    """Functions in place of compiled ones: compiling is off, but they still hand arrays on as new objects."""
    owners = [m for n, m in list(sys.modules.items()) if n.startswith(("mlx_lm", "mlx.nn")) and m is not None]
    for owner in [*owners, *model.modules()]:
        for name, value in list(vars(owner).items()):
            if type(value).__name__ == "_gc_func":
                inner = next((f for f in gc.get_referents(value) if isinstance(f, FunctionType)), None)
                if inner is not None:
                    setattr(owner, name, inner)


def cast(origin: str) -> bool:
    return origin.startswith("a cast in ")


def kind(array: Any) -> str:
    return str(array.dtype).rpartition(".")[2]


def targets() -> Iterator[tuple[Any, str, Any]]:
    """Every function of mlx that gives arrays, and every method and operator of an array."""
    for owner in (mx, mx.fast):
        for name in dir(owner):
            function = getattr(owner, name)
            if name[0] != "_" and name not in SKIP and callable(function) and not isinstance(function, type):
                yield owner, name, function
    for name in dir(ARRAY):
        function = getattr(ARRAY, name)
        if name in DUNDERS or (name[0] != "_" and callable(function) and name not in ("item", "tolist")):
            yield ARRAY, name, function


def arrays(value: Any) -> Iterator[Any]:
    if isinstance(value, ARRAY):
        yield value
    elif isinstance(value, (tuple, list)):
        for one in value:
            yield from arrays(one)


def operands(values: list[Any]) -> Iterator[Any]:
    """mlx arrays, and numpy scalars and arrays, which promote as arrays do."""
    for value in values:
        if isinstance(value, (tuple, list)):
            yield from operands(list(value))
        elif isinstance(value, ARRAY) or type(value).__module__ == "numpy":
            yield value
