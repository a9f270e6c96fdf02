"""Logits of the twin under weights that the reference changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx

from mlxport_harness.port import changed
from mlxport_harness.port.record import numbers

if TYPE_CHECKING:
    import numpy as np

    from mlxport_harness.port.record import Recorder


def record(recorder: Recorder, request: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    model = changed.model(recorder, request, changed.content(recorder, request, []), request["weights"])
    return {"logits": numbers(model(mx.array(recorder.ids)))}, {}
