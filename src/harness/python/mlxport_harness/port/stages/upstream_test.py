"""Runs the port's own entry of upstream's tests, on the port, on faulty wraps of it, and without it.

The parent cut the source down to that entry. A fault is put on the classes at run time and taken off again.
"""

from __future__ import annotations

import sys
import types
import unittest
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten

from mlxport_harness.port import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np

    from mlxport_harness.port.record import Recorder

# Faults that any test of a model must see: the runner asserts on shapes, dtypes, layers, caches and batches.
BASIC = ("absent", "shape", "dtype", "layers", "cache", "batch")


def record(recorder: Recorder, request: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    if recorder.module is None:
        recorder.module = load.import_port(recorder.port)
    name = f"mlx_lm.models.{request['module']}"
    sys.modules[name] = recorder.module
    setattr(sys.modules["mlx_lm.models"], request["module"], recorder.module)
    runs = {"": _run(request, recorder)}
    if runs[""]["verdict"] == "pass":
        for fault in BASIC:
            runs[fault] = _with(fault, name, recorder, request)
        for cls in _classes(recorder.module):
            runs[f"widens {cls.__name__}"] = _wrapped(cls, _widened, recorder, request)
    return {}, {"runs": runs, "basic": list(BASIC)}


def _run(request: dict[str, Any], recorder: Recorder) -> dict[str, Any]:
    """One run of the chosen tests; what is too large for the memory given is skipped with its size."""
    module = types.ModuleType("test_models")
    module.__file__ = request["path"]
    exec(compile(request["source"], request["path"], "exec"), module.__dict__)
    case = getattr(module, request["case"])
    runner = getattr(case, "model_test_runner", None)
    if runner is not None:

        def sized(self: Any, model: nn.Module, *args: Any) -> Any:
            need = sum(v.size for _, v in tree_flatten(model.parameters())) * 8 >> 20
            if need > request["mem_mb"] // 2:
                raise unittest.SkipTest(f"its model needs about {need} MB")
            return runner(self, model, *args)

        case.model_test_runner = sized
    suite = unittest.TestSuite(case(test) for test in request["tests"])
    found = unittest.TestResult()
    mx.random.seed(0)
    suite.run(found)
    bad = [*found.failures, *found.errors]
    skipped = [reason for _, reason in found.skipped]
    verdict = "fail" if bad else "skipped" if skipped or not found.testsRun else "pass"
    text = [f"{test}: {_raised(trace)}"[:400] for test, trace in bad]
    lines = [line for _, trace in bad for line in trace.splitlines() if str(recorder.port) in line]
    where = lines[-1].strip() if lines else None
    return {"verdict": verdict, "text": text, "skipped": skipped, "ran": found.testsRun, "where": where}


def _raised(trace: str) -> str:
    """The line that names the exception: what unittest prints below it only points at characters."""
    lines = [line for line in trace.strip().splitlines() if line and not line[0].isspace()]
    return next((line for line in lines[1:] if ":" in line or line.isidentifier()), lines[-1])


def _with(fault: str, name: str, recorder: Recorder, request: dict[str, Any]) -> dict[str, Any]:
    model = recorder.module.Model
    if fault == "absent":
        package, kept = sys.modules["mlx_lm.models"], sys.modules[name]
        sys.modules[name] = None  # type: ignore[assignment]
        delattr(package, request["module"])
        try:
            return _run(request, recorder)
        finally:
            sys.modules[name] = kept
            setattr(package, request["module"], kept)
    if fault == "layers":
        kept = model.__dict__.get("layers")
        model.layers = property(lambda self: _layers(kept, self)[:-1])
        try:
            return _run(request, recorder)
        finally:
            del model.layers
            if kept is not None:
                model.layers = kept
    wraps = {"shape": _cut, "dtype": _widened, "cache": _uncached, "batch": _first}
    return _wrapped(model, wraps[fault], recorder, request)


def _layers(kept: Any, model: Any) -> Any:
    return kept.__get__(model) if kept is not None else model.model.layers


def _wrapped(cls: type, change: Callable, recorder: Recorder, request: dict[str, Any]) -> dict[str, Any]:
    kept = cls.__dict__["__call__"]
    seen = [0]

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        seen[0] += 1
        return change(kept, self, args, kwargs)

    cls.__call__ = call
    try:
        return _run(request, recorder) | {"calls": seen[0]}
    finally:
        cls.__call__ = kept


def _cut(kept: Callable, self: Any, args: tuple, kwargs: dict) -> Any:
    return kept(self, *args, **kwargs)[..., :-1]


def _widened(kept: Callable, self: Any, args: tuple, kwargs: dict) -> Any:
    def widen(value: Any) -> Any:
        if isinstance(value, mx.array) and mx.issubdtype(value.dtype, mx.floating):
            return value * mx.array([1.0], mx.float32)
        return type(value)(map(widen, value)) if isinstance(value, (tuple, list)) else value

    return widen(kept(self, *args, **kwargs))


def _uncached(kept: Callable, self: Any, args: tuple, kwargs: dict) -> Any:
    if kwargs.get("cache") is not None or len(args) > 1:
        raise TypeError("no cache")
    return kept(self, *args, **kwargs)


def _first(kept: Callable, self: Any, args: tuple, kwargs: dict) -> Any:
    return kept(self, args[0][:1], *args[1:], **kwargs)


def _classes(module: types.ModuleType) -> Iterator[type]:
    """The port's own modules that run, but for Model itself."""
    for value in list(vars(module).values()):
        own = isinstance(value, type) and issubclass(value, nn.Module) and value.__module__ == module.__name__
        if own and value.__name__ != "Model" and "__call__" in value.__dict__:
            yield value
