"""Logits of one full pass, and of the same tokens in steps through a cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx
from mlx_lm.models.cache import make_prompt_cache

from mlxport_harness.checks.cache import plans
from mlxport_harness.port.record import numbers

if TYPE_CHECKING:
    import numpy as np

    from mlxport_harness.port.record import Recorder


def record(recorder: Recorder, request: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    model = recorder.model(request["twin"], request["spelling"])
    ids = mx.array(recorder.ids)
    found = {"full": numbers(model(ids))}
    for name, steps in plans(ids.shape[1]).items():
        cache, at, parts = make_prompt_cache(model), 0, []
        for step in steps:
            parts.append(model(ids[:, at : at + step], cache=cache))
            at += step
        found[name] = numbers(mx.concatenate(parts, axis=1))
    return found, {"caches": sorted({type(c).__name__ for c in cache})}
