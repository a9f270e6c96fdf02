"""The port's gradients, under the names of the checkpoint: the derivative is taken through `sanitize` too.

So no map of names is needed: whatever `sanitize` splits, stacks, transposes or shifts, its derivative undoes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.utils import load_config

from mlxport_harness.errors import PortFault
from mlxport_harness.port import load
from mlxport_harness.port.record import numbers
from mlxport_harness.port.taps import where

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np

    from mlxport_harness.port.record import Recorder

NO_VJP = re.compile(r"vjp|gradient|not implemented|differentiat", re.IGNORECASE)


def record(recorder: Recorder, request: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    model = ready(_unloaded(recorder, request))
    ids = mx.array(recorder.ids)
    weights = checkpoint(recorder.folder(request["twin"], request["spelling"]))
    learned = {k: v for k, v in weights.items() if mx.issubdtype(v.dtype, mx.floating)}
    others = {k: v for k, v in weights.items() if k not in learned}

    def loss(given: dict[str, mx.array]) -> mx.array:
        taken = {**others, **given}
        if hasattr(model, "sanitize"):
            taken = model.sanitize(taken)
        model.load_weights(list(taken.items()), strict=True)
        return cross_entropy(model, ids)

    try:
        value, found = mx.value_and_grad(loss)(learned)
        mx.eval(value, found)
    except Exception as error:
        if not NO_VJP.search(str(error)):
            raise
        raise without_vjp(recorder, request, error) from None
    places = {n: where(type(m), "__call__") or "" for n, m in model.named_modules() if n}
    places = {n: line for n, line in places.items() if line.startswith(f"{recorder.port}:")}
    return {k: numbers(v) for k, v in found.items()}, {"loss": value.item(), "where": places}


def trainable(recorder: Recorder, request: dict[str, Any]) -> nn.Module:
    """A model of its own, in training mode, its dropout off."""
    recorder.model(request["twin"], request["spelling"])
    return ready(load.load(recorder.module, recorder.folder(request["twin"], request["spelling"])))


def _unloaded(recorder: Recorder, request: dict[str, Any]) -> nn.Module:
    """A model whose `sanitize` has not run: some remove a module of theirs there, which they can do once."""
    recorder.model(request["twin"], request["spelling"])
    config = load_config(recorder.folder(request["twin"], request["spelling"]))
    return recorder.module.Model(recorder.module.ModelArgs.from_dict(config))


def ready(model: nn.Module) -> nn.Module:
    model.train()
    for module in model.modules():
        if isinstance(module, (nn.Dropout, nn.Dropout2d, nn.Dropout3d)):
            module._p_1 = 1.0
    return model


def checkpoint(folder: Path) -> dict[str, mx.array]:
    weights: dict[str, mx.array] = {}
    for path in sorted(folder.glob("model*.safetensors")):
        weights |= mx.load(str(path))
    return weights


def cross_entropy(model: nn.Module, ids: mx.array) -> mx.array:
    logits = model(ids).astype(mx.float32)
    return nn.losses.cross_entropy(logits[:, :-1], ids[:, 1:]).mean()


def without_vjp(recorder: Recorder, request: dict[str, Any], error: Exception) -> PortFault:
    """Names the innermost module whose own derivative raises, and the operation that mlx named."""
    calls = _calls(trainable(recorder, request), mx.array(recorder.ids))
    bad = [name for name, (module, args, kwargs) in calls.items() if not _derivable(module, args, kwargs)]
    inner = [n for n in bad if not any(other.startswith(f"{n}.") for other in bad)]
    where = f" in {inner[0]} ({type(calls[inner[0]][0]).__name__})" if inner else ""
    text = f"The port has no gradient{where}: {' '.join(str(error).split())[:300]}"
    found = load.fault(error, recorder.port)
    hint = (
        "Give the operation a vjp (mx.custom_function), or use plain operations while self.training is set."
    )
    return PortFault(text, found.where, hint)


def _calls(model: nn.Module, ids: mx.array) -> dict[str, tuple[nn.Module, tuple, dict]]:
    """The arguments of the first call of each module in one forward pass."""
    names = {id(m): name for name, m in model.named_modules() if name}
    calls: dict[str, tuple[nn.Module, tuple, dict]] = {}
    undo = []
    for cls in {type(m) for m in model.modules()}:
        original = cls.__dict__.get("__call__")
        if original is None:
            continue

        def call(self: Any, *args: Any, _original: Callable = original, **kwargs: Any) -> Any:
            name = names.get(id(self))
            if name and name not in calls:
                calls[name] = (self, args, kwargs)
            return _original(self, *args, **kwargs)

        undo.append((cls, original))
        cls.__call__ = call
    try:
        mx.eval(model(ids))
    finally:
        for cls, original in undo:
            cls.__call__ = original
    return calls


def _derivable(module: nn.Module, args: tuple, kwargs: dict) -> bool:
    at = [i for i, a in enumerate(args) if isinstance(a, mx.array) and mx.issubdtype(a.dtype, mx.floating)]

    def total(params: dict, given: list[mx.array]) -> mx.array:
        module.update(params)
        filled = list(args)
        for i, value in zip(at, given, strict=True):
            filled[i] = value
        out = module(*filled, **kwargs)
        first = out[0] if isinstance(out, (tuple, list)) else out
        return first.astype(mx.float32).sum()

    try:
        mx.eval(mx.grad(total, argnums=(0, 1))(module.trainable_parameters(), [args[i] for i in at]))
    except Exception as error:
        return not NO_VJP.search(str(error))
    return True
