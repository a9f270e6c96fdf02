"""Logits of prompts of each length, one row and two; through mlx-lm's prefill; and past its cache's step."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import mlx.core as mx
from mlx_lm.generate import generate_step
from mlx_lm.models.cache import make_prompt_cache

from mlxport_harness.checks.boundary import STEP, override
from mlxport_harness.port import load
from mlxport_harness.port.record import numbers

if TYPE_CHECKING:
    import numpy as np

    from mlxport_harness.port.record import Recorder


def record(recorder: Recorder, request: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    model = _changed(recorder, request) if request["changes"] else _model(recorder, request)
    ids, found = mx.array(request["ids"]), {}
    for length in request["lengths"]:
        for rows in (1, 2):
            found[f"{length} {rows}"] = numbers(model(ids[:rows, :length]))
    size = request["prefill"]
    for length in range(size, size + 3):
        steps = generate_step(ids[0, :length], model, max_tokens=1, prefill_step_size=size)
        found[f"{length} prefill"] = numbers(next(iter(steps))[1])[None]
    if request["grown"]:
        cache, at, parts = make_prompt_cache(model), 0, []
        for step in [STEP - 1] + [1] * (request["grown"] - STEP + 1):
            parts.append(model(ids[:1, at : at + step], cache=cache))
            mx.eval(parts[-1])
            at += step
        found[f"{at} grown"] = numbers(mx.concatenate(parts, axis=1))
    return found, {}


def _model(recorder: Recorder, request: dict[str, Any]) -> Any:
    return recorder.model(request["twin"], request["spelling"])


def _changed(recorder: Recorder, request: dict[str, Any]) -> Any:
    """The same weights under a config with other lengths."""
    _model(recorder, request)
    folder = recorder.folder(request["twin"], request["spelling"])
    made = recorder.out / "boundary-twin"
    made.mkdir(exist_ok=True)
    config = override(json.loads((folder / "config.json").read_text()), request["changes"])
    (made / "config.json").write_text(json.dumps(config))
    for weights in folder.glob("*.safetensors*"):
        link = made / weights.name
        link.unlink(missing_ok=True)
        os.symlink(weights, link)
    return load.load(recorder.module, made)
