"""Float32 logits and every module's output, whatever dtype the checkpoint has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx

from mlxport_harness.port.record import numbers
from mlxport_harness.port.taps import Taps

if TYPE_CHECKING:
    import numpy as np

    from mlxport_harness.port.record import Recorder


def record(recorder: Recorder, request: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    model = recorder.model(request["twin"], request["spelling"])
    model.set_dtype(mx.float32)
    taps = Taps(model)
    logits = taps.run(model, mx.array(recorder.ids))
    mx.eval(logits, taps.values)
    layers = {id(layer) for layer in getattr(model, "layers", [])}
    names = {f"{side}:{n}" for n, m in model.named_modules() if id(m) in layers for side in ("in", "out")}
    kept = {k: numbers(v) for k, v in taps.values.items() if k in names}
    return {"logits": numbers(logits), **kept}, {"modules": taps.rows}
