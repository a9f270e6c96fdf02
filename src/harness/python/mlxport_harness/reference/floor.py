"""What rounding alone does to logits: every weight moved by about one unit in the last place, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from mlxport_harness.reference.record import relative

if TYPE_CHECKING:
    import numpy as np


def logits(model: torch.nn.Module, ids: torch.Tensor) -> np.ndarray:
    with torch.no_grad():
        return model(input_ids=ids, use_cache=False).logits.float().numpy()


def once(model: torch.nn.Module, ids: torch.Tensor, known: np.ndarray) -> float:
    """The relative change of the logits; the weights are put back."""
    generator = torch.Generator().manual_seed(99)
    kept = [(p, p.detach().clone()) for p in model.parameters() if p.is_floating_point()]
    with torch.no_grad():
        for parameter, _ in kept:
            sign = torch.randint(0, 2, parameter.shape, generator=generator) * 2.0 - 1.0
            parameter.mul_(1 + sign * 2.0**-23)
    try:
        return relative(logits(model, ids), known)
    finally:
        with torch.no_grad():
            for parameter, value in kept:
                parameter.copy_(value)
