"""The dtype of an mlx model's output and of every module on the way to it."""

from __future__ import annotations

from typing import Any

from mlxport_harness.battery import parallel
from mlxport_harness.battery.capture import untap
from mlxport_harness.battery.widen import parameters
from mlxport_harness.port.taps import Taps


def flow(model: Any) -> dict[str, Any]:
    """The dtype of the output for one token, upstream's question, and of every module on the way."""
    import mlx.core as mx

    taps = Taps(model)
    with parallel.products():
        logits = taps.run(model, mx.array([[1]]))
    mx.eval(logits)
    untap(model)
    layers = {id(layer) for layer in getattr(model, "layers", [])}
    names = [name for name, module in model.named_modules() if id(module) in layers]
    wide = sorted(k for k, v in parameters(model) if v.dtype == mx.float32)
    return {
        "dtype": name(logits.dtype),
        "layers": names,
        "modules": taps.rows,
        "float32": wide[:50],
        "float32_count": len(wide),
    }


def name(dtype: Any) -> str:
    return str(dtype).rpartition(".")[2]
