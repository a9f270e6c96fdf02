"""Each norm of the port alone, on the small inputs that the reference's norms get too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx
import mlx.nn as nn

from mlxport_harness.checks.norms import sample
from mlxport_harness.port.record import numbers

if TYPE_CHECKING:
    import numpy as np

    from mlxport_harness.port.record import Recorder


def record(recorder: Recorder, request: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    model = recorder.model(request["twin"], request["spelling"])
    found: dict[str, np.ndarray] = {}
    for name, module in model.named_modules():
        if "norm" not in type(module).__name__.lower() or "weight" not in module:
            continue
        taken = mx.array(sample(module["weight"].shape))
        for way, rest in (("plain", ()), ("gated", (mx.ones_like(taken),))):
            try:
                found[f"{way}:{name}"] = numbers(module(taken, *rest))
            except (TypeError, ValueError, AttributeError):  # it is not called so
                continue
    return found, {"where": {name: _where(module) for name, module in model.named_modules() if name}}


def _where(module: nn.Module) -> str | None:
    from mlxport_harness.port.taps import where

    return where(type(module), "__call__")
