"""One kind of adapter on the port, put on by mlx-lm's tuner: targets, loss, gradients, checkpointing, fusing.

Modes: lora, dora, qlora (a 4-bit base). B is random, since with the usual zero A has no gradient.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten, tree_unflatten
from mlx_lm.models.switch_layers import QuantizedSwitchLinear, SwitchLinear
from mlx_lm.tuner.trainer import grad_checkpoint
from mlx_lm.tuner.utils import linear_to_lora_layers

from mlxport_harness.port.record import numbers
from mlxport_harness.port.stages.quant import fitting_group, quantize
from mlxport_harness.port.stages.train import cross_entropy, trainable

if TYPE_CHECKING:
    from mlxport_harness.port.record import Recorder

SETTINGS = {"rank": 4, "scale": 2.0, "dropout": 0.0}


def record(recorder: Recorder, request: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    mode, ids = request["mode"], mx.array(recorder.ids)
    model = trainable(recorder, request)
    meta: dict[str, Any] = {"layers": len(model.layers)}
    if mode == "qlora":
        folder = recorder.folder(request["twin"], request["spelling"])
        meta["group_size"] = fitting_group(model)
        quantize(model, folder, meta["group_size"], 4)
    model.freeze()
    meta |= {"skipped": _attach(model, mode), "classes": sorted({type(x).__name__ for x in model.layers})}
    names = [n for n, m in model.named_modules() if "lora_a" in m]
    meta |= {"targets": names, "bare": _bare(model, names)}
    meta["per_layer"] = [sum("lora_a" in m for m in layer.modules()) for layer in model.layers]
    if not names:
        return {}, meta
    _randomise(model)
    model.train()
    loss, plain = _gradient(model, ids)
    kept = type(model.layers[0]).__call__
    try:
        grad_checkpoint(model.layers[0])
        again, checkpointed = _gradient(model, ids)
    finally:
        type(model.layers[0]).__call__ = kept
    meta |= {"loss": loss, "loss_checkpointed": again}
    model.eval()
    meta["loss_eval"] = cross_entropy(model, ids).item()
    fused = [(n, m.fuse(dequantize=True)) for n, m in model.named_modules() if hasattr(m, "fuse")]
    model.update_modules(tree_unflatten(fused))
    meta["loss_fused"] = cross_entropy(model, ids).item()
    arrays = {f"plain:{k}": v for k, v in plain.items()}
    return arrays | {f"checkpointed:{k}": v for k, v in checkpointed.items()}, meta


def _attach(model: nn.Module, mode: str) -> list[str]:
    """What `mlx_lm.lora` does. mlx-lm has no DoRA for experts and embeddings: told, and left out."""
    settings, skipped = dict(SETTINGS), []
    if mode == "dora":
        keys = set()
        for layer in model.layers:
            for name, module in layer.named_modules():
                if isinstance(module, (nn.Linear, nn.QuantizedLinear)):
                    keys.add(name)
                elif isinstance(module, (SwitchLinear, QuantizedSwitchLinear)) or hasattr(module, "to_lora"):
                    skipped.append(name)
        settings["keys"] = keys
    linear_to_lora_layers(model, len(model.layers), settings, use_dora=mode == "dora")
    return sorted(set(skipped))


def _randomise(model: nn.Module) -> None:
    key = mx.random.key(7)
    changed = []
    for name, value in tree_flatten(model.trainable_parameters()):
        if name.rpartition(".")[2] in ("lora_a", "lora_b"):
            key, one = mx.random.split(key)
            changed.append((name, mx.random.normal(value.shape, key=one) * 0.1))
    model.update(tree_unflatten(changed))


def _gradient(model: nn.Module, ids: mx.array) -> tuple[float, dict[str, np.ndarray]]:
    value, found = nn.value_and_grad(model, lambda m: cross_entropy(m, ids))(model)
    mx.eval(value, found)
    return value.item(), {k: numbers(v) for k, v in tree_flatten(found)}


def _bare(model: nn.Module, targets: list[str]) -> list[str]:
    """Matrices inside the layers that no adapter holds, by their path."""
    inside = {id(m) for layer in model.layers for m in layer.modules()}
    held = tuple(f"{name}." for name in targets)
    bare = []
    for name, module in model.named_modules():
        if id(module) in inside and not f"{name}.".startswith(held):
            bare += [
                f"{name}.{k}"
                for k, v in module.items()
                if isinstance(v, mx.array) and v.ndim >= 2 and not k.startswith("_")
            ]
    return bare
