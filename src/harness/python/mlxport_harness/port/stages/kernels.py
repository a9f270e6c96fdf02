"""Whether there is a Metal device; and there, logits on both devices and gradients on the GPU.

Not run by its author, who had no Mac: on Linux only `devices` is ever asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx
from mlx.utils import tree_flatten

from mlxport_harness.port.record import numbers
from mlxport_harness.port.stages.train import NO_VJP, cross_entropy, trainable

if TYPE_CHECKING:
    import numpy as np

    from mlxport_harness.port.record import Recorder


def record(recorder: Recorder, request: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    if request["action"] == "devices":
        return {}, {"gpu": mx.metal.is_available()}
    ids = mx.array(recorder.ids)
    model = trainable(recorder, request)
    model.eval()
    arrays = {"cpu": numbers(model(ids))}
    mx.set_default_device(mx.gpu)
    notes: dict[str, Any] = {}
    try:
        arrays["gpu"] = numbers(model(ids))
        model.train()
        try:
            _, found = mx.value_and_grad(_loss(model, ids))(model.trainable_parameters())
            mx.eval(found)
            flat = tree_flatten(found)
            notes["not_finite"] = [n for n, g in flat if not mx.all(mx.isfinite(g)).item()]
        except Exception as error:
            if not NO_VJP.search(str(error)):
                raise
            notes["no_gradient"] = " ".join(str(error).split())[:300]
    finally:
        mx.set_default_device(mx.cpu)
    return arrays, notes


def _loss(model: Any, ids: mx.array) -> Any:
    def loss(params: Any) -> mx.array:
        model.update(params)
        return cross_entropy(model, ids)

    return loss
