"""Input and output of every module in one full pass."""

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
    mx.eval(logits, taps.values)
    arrays = {"logits": numbers(logits), **{k: numbers(v) for k, v in taps.values.items()}}
    return arrays, {"modules": taps.rows}
