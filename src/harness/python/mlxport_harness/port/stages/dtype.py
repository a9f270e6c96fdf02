"""Which dtype each module takes and gives on bfloat16 weights."""

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
    taps = Taps(model)
    logits = taps.run(model, mx.array(recorder.ids))
    mx.eval(logits)
    layers = {id(layer) for layer in getattr(model, "layers", [])}
    names = [name for name, module in model.named_modules() if id(module) in layers]
    kind = str(logits.dtype).rpartition(".")[2]
    return {"logits": numbers(logits)}, {"dtype": kind, "layers": names, "modules": taps.rows}
