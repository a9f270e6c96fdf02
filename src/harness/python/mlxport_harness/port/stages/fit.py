"""How the twin fits the port: parameters it misses, tensors it does not know, shapes that differ.

For the search of what released files have and transformers does not write; `load_weights` would tell one of
the three. Nothing is run.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import mlx.core as mx
from mlx.utils import tree_flatten

from mlxport_harness.port import load

if TYPE_CHECKING:
    import numpy as np

    from mlxport_harness.port.record import Recorder


def record(recorder: Recorder, request: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    folder = recorder.folder(request["twin"], request["spelling"])
    recorder.module = recorder.module or load.import_port(recorder.port)
    load.needs(recorder.module)
    config = json.loads((folder / "config.json").read_text())
    model = recorder.module.Model(recorder.module.ModelArgs.from_dict(config))
    weights: dict[str, Any] = {}
    for path in sorted(folder.glob("*.safetensors")):
        weights |= mx.load(str(path))
    given = sorted(weights)
    if hasattr(model, "sanitize"):
        weights = model.sanitize(weights)
    wanted = {name: list(value.shape) for name, value in tree_flatten(model.parameters())}
    found = {name: list(value.shape) for name, value in weights.items()}
    return {}, {
        "missing": {k: v for k, v in wanted.items() if k not in found},
        "extra": {k: v for k, v in found.items() if k not in wanted},
        "shapes": {k: [wanted[k], found[k]] for k in wanted if k in found and wanted[k] != found[k]},
        "given": given,
    }
