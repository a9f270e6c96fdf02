"""One process: writes a checkpoint that can be cut in four, and records what the whole port makes of it.

The port is compared with itself, so no reference is needed and the weights are made under its own names.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import mlx.core as mx
from mlx.utils import tree_flatten, tree_unflatten

from mlxport_harness.port import load
from mlxport_harness.shard.logits import record as logits

if TYPE_CHECKING:
    import mlx.nn as nn
    import numpy as np

    from mlxport_harness.port.record import Recorder


def record(recorder: Recorder, request: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    if recorder.module is None:
        recorder.module = load.import_port(recorder.port)
    module, config = recorder.module, request["config"]
    model = module.Model(module.ModelArgs.from_dict(config))
    inner = getattr(model, "model", None)
    meta = {
        "shard": hasattr(model, "shard"),
        "pipeline": hasattr(inner, "pipeline"),
        "layers": len(model.layers),
    }
    if not (meta["shard"] or meta["pipeline"]):
        return {}, meta
    fill(model)
    folder = recorder.out / "checkpoint"
    folder.mkdir(exist_ok=True)
    weights = dict(tree_flatten(model.parameters()))
    mx.save_safetensors(str(folder / "model.safetensors"), weights, metadata={"format": "mlx"})
    (folder / "config.json").write_text(json.dumps(config))
    return logits(load.load(module, folder), request["ids"]), meta


def fill(model: nn.Module) -> None:
    """As for the twin: attention that is not uniform, norms and biases that show. Other vectors stay."""
    key, filled = mx.random.key(11), []
    for name, value in tree_flatten(model.parameters()):
        key, one = mx.random.split(key)
        leaf = name.rpartition(".")[2]
        if not mx.issubdtype(value.dtype, mx.floating):
            continue
        if "embed" in name and leaf == "weight" and value.ndim == 2:
            value = mx.random.normal(value.shape, key=one)
        elif value.ndim >= 2 and "A_log" not in name:
            sharp = 1.5 if any(part in name for part in ("q_proj", "k_proj", "q_b_proj")) else 1.0
            value = mx.random.normal(value.shape, key=one) * (sharp / math.sqrt(value.shape[-1]))
        elif leaf in ("bias", "sinks"):
            value = mx.random.normal(value.shape, key=one) * 0.2
        elif leaf == "weight":
            value = mx.random.uniform(0.6, 1.4, value.shape, key=one)
        filled.append((name, value.astype(mx.float32)))
    model.update(tree_unflatten(filled))
