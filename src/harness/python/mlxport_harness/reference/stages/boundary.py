"""Logits of prompts of each length, two rows at once, and the rounding floor at the longest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from mlxport_harness.errors import Failure
from mlxport_harness.reference import floor
from mlxport_harness.reference.record import build, first_line
from mlxport_harness.twin.weights import fill

if TYPE_CHECKING:
    import numpy as np

    from mlxport_harness.reference.stages import Reference


def record(reference: Reference, request: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    model = _model(reference, request["changes"]) if request["changes"] else reference.model(request["twin"])
    ids = torch.tensor(request["ids"])
    found: dict[str, np.ndarray] = {}
    for length in request["lengths"]:
        found[f"{length} 2"] = _logits(model, ids[:, :length])
    for length in range(request["prefill"], request["prefill"] + 3):
        logits = torch.from_numpy(_logits(model, ids[:1, :length])[:, -1])
        found[f"{length} prefill"] = torch.log_softmax(logits, dim=-1).numpy()
    longest = request["grown"] or max(request["lengths"])
    full = _logits(model, ids[:1, :longest])
    if request["grown"]:
        found[f"{longest} grown"] = full
    return found, {"floor": floor.once(model, ids[:1, :longest], full)}


def _logits(model: torch.nn.Module, ids: torch.Tensor) -> np.ndarray:
    try:
        with torch.no_grad():
            return model(input_ids=ids, use_cache=False).logits.float().numpy()
    except Exception as error:
        text = f"transformers cannot run {ids.shape[1]} tokens: {first_line(error)}"
        raise Failure("reference", text, "Give a released config.json with --config.") from None


def _model(reference: Reference, changes: dict[str, int]) -> torch.nn.Module:
    """The twin with other lengths in its config and the same weights: nothing's shape depends on them."""
    import copy

    config = copy.deepcopy(reference.config)
    for dotted, value in changes.items():
        *path, key = dotted.split(".")
        at: Any = config
        for part in path:
            at = at[part] if isinstance(at, dict) else getattr(at, part)
        if isinstance(at, dict):
            at[key] = value
        else:
            setattr(at, key, value)
    model = build(config)
    fill(model, reference.meta["seed"], 1.0)
    return model
