"""The twin with every bias that chooses experts lowered: its logits, and its weights for the port to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from mlxport_harness.reference import changed, floor
from mlxport_harness.twin.weights import choosing

if TYPE_CHECKING:
    import numpy as np

    from mlxport_harness.reference.stages import Reference


def record(reference: Reference, request: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    model = reference.model(request["twin"])
    biases = choosing(model)
    if not biases:
        return {}, {"biases": [], "weights": None, "floor": 0.0}
    before = {name: tensor.detach().clone() for name, tensor in biases.items()}
    with torch.no_grad():
        for tensor in biases.values():
            tensor.sub_(request["lowered"])
    try:
        logits = floor.logits(model, reference.ids)
        weights = changed.save(reference, model, f"router-{request['twin']}")
        return {"logits": logits}, {
            "biases": sorted(biases),
            "weights": weights,
            "floor": floor.once(model, reference.ids, logits),
        }
    finally:
        with torch.no_grad():
            for name, tensor in biases.items():
                tensor.copy_(before[name])
