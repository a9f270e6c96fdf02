"""What is compared: float32 logits of a prefill, and of steps through the cache after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx
from mlx_lm.models.cache import make_prompt_cache

from mlxport_harness.port.record import numbers

if TYPE_CHECKING:
    import numpy as np

STEPS = 4


def record(model: Any, ids: list[list[int]]) -> dict[str, np.ndarray]:
    tokens = mx.array(ids)
    cache = make_prompt_cache(model)
    found = {"prefill": numbers(model(tokens[:, :-STEPS], cache=cache))}
    steps = []
    for at in range(tokens.shape[1] - STEPS, tokens.shape[1]):
        steps.append(model(tokens[:, at : at + 1], cache=cache))
        mx.eval(steps[-1])  # as generation does: a pipeline's sends and receives must not overtake
    found["decode"] = numbers(mx.concatenate(steps, axis=1))
    return found
