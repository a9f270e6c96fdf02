"""Modules of the port one by one, on inputs that the parent hands over in a file.

What a module takes besides its input (mask, cache, positions) is what it got in a full pass of the
port's own. A module that takes another array of activations is left out, with the reason: that array would
bring in what went wrong before. `patches` stand in for the outputs of modules inside the one that is run.
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from mlxport_harness import states
from mlxport_harness.port.record import numbers
from mlxport_harness.port.taps import Taps, first_array, where

if TYPE_CHECKING:
    from mlxport_harness.port.record import Recorder

# Arguments that do not depend on activations, by the names that ports give them.
BESIDE = re.compile(r"mask|pos|rope|rotary|cos|sin|freq|offset|alibi|bias|cache", re.I)
Arrays = dict[str, np.ndarray]


class Calls(Taps):
    """Taps that also keep what every module was called with, and may put an output in place of a module's."""

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self.calls: dict[str, tuple[Any, tuple, dict]] = {}
        self.seen: dict[str, Any] | None = None
        self.patches: dict[str, Any] = {}

    def call(self, original: Any, module: Any, args: tuple, kwargs: dict) -> Any:
        name = self._names.get(id(module))
        if name is None:
            return original(module, *args, **kwargs)
        if self.active and name not in self.calls:
            self.calls[name] = (module, args, kwargs)
        if self.seen is not None and name not in self.seen:
            self.seen[name] = first_array([*args, *kwargs.values()])
        output = super().call(original, module, args, kwargs)
        return replaced(output, self.patches[name]) if name in self.patches else output

    def fed(self, name: str, taken: np.ndarray) -> tuple[Any, dict[str, Any]]:
        """The module's output on `taken`, and the inputs that the modules inside it saw."""
        module, args, kwargs = self.calls[name]
        place = input_of(module, args, kwargs)
        own = args[place] if isinstance(place, int) else kwargs[place]
        if [d for d in own.shape if d > 1] != [d for d in taken.shape if d > 1]:
            raise ValueError(f"its input is {list(own.shape)}, the reference's {list(taken.shape)}")
        new = mx.array(taken).reshape(own.shape)
        if isinstance(place, int):
            args = (*args[:place], new, *args[place + 1 :])
        else:
            kwargs = {**kwargs, place: new}
        self.seen = {name: None}
        try:
            output = first_array(module(*args, **kwargs))
        finally:
            seen, self.seen = self.seen, None
        if output is None or not mx.issubdtype(output.dtype, mx.floating):
            raise ValueError("it gives no array of floats")
        mx.eval(output)
        return output, {k: v for k, v in seen.items() if v is not None and k != name}


def input_of(module: Any, args: tuple, kwargs: dict) -> int | str:
    """Where the one array of activations sits; raises where there is none or more than one."""
    function = getattr(type(module).__call__, "original", type(module).__call__)
    names = list(inspect.signature(function).parameters)[1:]
    named = [(k, names[k] if k < len(names) else "", value) for k, value in enumerate(args)]
    named += [(key, key, value) for key, value in kwargs.items()]
    arrays = [(place, name) for place, name, value in named if first_array(value) is not None]
    taken = [place for number, (place, name) in enumerate(arrays) if number == 0 or not BESIDE.search(name)]
    if not taken:
        raise ValueError("it takes no array")
    if len(taken) > 1:
        raise ValueError(f"it takes {len(taken)} arrays: {', '.join(n or '*' for _, n in arrays)}")
    value = args[taken[0]] if isinstance(taken[0], int) else kwargs[taken[0]]
    if not isinstance(value, mx.array) or not mx.issubdtype(value.dtype, mx.floating):
        raise ValueError("its input is not an array of floats")
    return taken[0]


def replaced(output: Any, patch: Any) -> Any:
    """`output` with its first array taken from `patch`."""
    if isinstance(output, mx.array):
        return patch.reshape(output.shape).astype(output.dtype)
    if isinstance(output, (tuple, list)) and output:
        return type(output)([replaced(output[0], patch), *output[1:]])
    return output


def record(recorder: Recorder, request: dict[str, Any]) -> tuple[Arrays, dict[str, Any]]:
    """Without `inputs`: the logits and outputs of a full pass. With it: of modules that the file names."""
    model = recorder.model(request["twin"], request["spelling"])
    calls, ids = Calls(model), mx.array(recorder.ids)
    logits = calls.run(model, ids)
    mx.eval(logits, calls.values)
    if not request.get("inputs"):
        outputs = {k: numbers(v) for k, v in calls.values.items() if k.startswith("out:")}
        whole = [n for n, (_, args, _) in calls.calls.items() if args and _is(args[0], ids)]
        top = {"class": type(model).__name__, "where": where(type(model), "__call__")}
        return {"logits": numbers(logits), **outputs}, {"modules": calls.rows, "whole": whole, "top": top}
    given, _ = states.load(recorder.out / str(request["inputs"]))
    inputs = {key[3:]: value for key, value in given.items() if key.startswith("in:")}
    calls.patches = {key[6:]: mx.array(value) for key, value in given.items() if key.startswith("patch:")}
    if calls.patches and request.get("whole"):
        calls.seen = None
        again = Calls(model)
        again.patches = calls.patches
        logits = again.run(model, ids)
        found = {k: numbers(v) for k, v in again.values.items() if k.startswith("out:")}
        return {"logits": numbers(logits), **found}, {}
    arrays: Arrays = {}
    skipped: dict[str, str] = {}
    for name in sorted(inputs, key=lambda n: n.count(".")):
        try:
            output, seen = calls.fed(name, inputs[name])
        except Exception as error:  # the module's own, on an input it did not expect
            skipped[name] = " ".join(str(error).split())[:200]
            continue
        arrays[f"out:{name}"] = numbers(output)
        for inner, value in seen.items():
            if inner in inputs and mx.issubdtype(value.dtype, mx.floating):
                arrays[f"seen:{inner}"] = numbers(value)
    return arrays, {"skipped": skipped}


def _is(value: Any, ids: Any) -> bool:
    return (
        isinstance(value, mx.array) and not mx.issubdtype(value.dtype, mx.floating) and value.size == ids.size
    )
