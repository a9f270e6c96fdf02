"""One model at full width with random 4-bit weights: how large it is, and how fast one repetition goes.

No float weight is ever made: the packed shapes are known before anything is evaluated, and random bits are as
good for timing. Asked step by step, so that two ports can take turns on the same machine.
"""

from __future__ import annotations

import importlib
import math
import time
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten, tree_map_with_path, tree_unflatten
from mlx_lm.models.cache import make_prompt_cache

from mlxport_harness.errors import PortFault
from mlxport_harness.port import load

if TYPE_CHECKING:
    from mlxport_harness.port.record import Recorder

GROUP = 64


def record(recorder: Recorder, request: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    if request["action"] == "build":
        return {}, _build(recorder, request)
    return _once(recorder.models[("speed", "")], request)


def _build(recorder: Recorder, request: dict[str, Any]) -> dict[str, Any]:
    if request.get("against"):
        module = importlib.import_module(f"mlx_lm.models.{request['against']}")
    else:
        module = recorder.module = load.import_port(recorder.port)
    model = module.Model(module.ModelArgs.from_dict(request["config"]))
    kept = _quantized(model)
    flat = [v for _, v in tree_flatten(model.parameters())]
    note = {"weights_mb": sum(v.nbytes for v in flat) >> 20, "unquantized": kept, "layers": len(model.layers)}
    if note["weights_mb"] + request["spare_mb"] > request["limit_mb"]:
        return note | {"fits": False}
    mx.eval(model.parameters())
    model.eval()
    recorder.models[("speed", "")] = model
    return note | {"fits": True}


def _quantized(model: nn.Module) -> int:
    """4 bits wherever the port's own predicate and the widths let; the rest bfloat16. Gives what was not."""
    own = getattr(model, "quant_predicate", None) or (lambda path, module: True)
    kept = 0
    for name, module in model.named_modules():
        if not hasattr(module, "to_quantized"):
            continue
        wish = own(name, module)
        options = dict(wish) if isinstance(wish, dict) else {"group_size": GROUP, "bits": 4}
        if not wish or module.weight.shape[-1] % options["group_size"]:
            kept += 1
            continue
        width = module.weight.shape[-1]
        small = module.to_quantized(**options)
        size = 1 / math.sqrt(width) / 2 ** (options["bits"] - 2)
        small.weight = mx.random.randint(0, 2**31 - 1, small.weight.shape).astype(mx.uint32)
        small.scales = mx.full(small.scales.shape, size, mx.bfloat16)
        if "biases" in small:
            middle = -size * (2 ** options["bits"] - 1) / 2
            small.biases = mx.full(small.biases.shape, middle, mx.bfloat16)
        model.update_modules(tree_unflatten([(name, small)]))
    wanted = getattr(model, "cast_predicate", lambda path: True)

    def cast(path: str, value: mx.array) -> mx.array:
        floating = mx.issubdtype(value.dtype, mx.floating)
        return value.astype(mx.bfloat16) if floating and wanted(path) else value

    model.update(tree_map_with_path(cast, model.parameters()))
    return kept


def _once(model: nn.Module, request: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """One prefill and a decode after it; the memory after each step."""
    prompt, steps = request["prompt"], request["decode"]
    ids = mx.array(np.random.default_rng(0).integers(3, request["vocabulary"], (1, prompt)))
    cache = make_prompt_cache(model)
    mx.clear_cache()
    began = time.perf_counter()
    model(ids[:, :-1], cache=cache)
    mx.eval([c.state for c in cache])  # as mlx-lm prefills: no logits are made
    prefill = time.perf_counter() - began
    last = ids[:, -1:]
    times, memory = [], [mx.get_active_memory()]
    for _ in range(steps):
        began = time.perf_counter()
        out = model(last, cache=cache)
        last = mx.argmax(out[:, -1:], axis=-1)
        mx.eval(last)
        times.append(time.perf_counter() - began)
        memory.append(mx.get_active_memory())
    if not mx.all(mx.isfinite(out)).item():
        raise PortFault("With random 4-bit weights at full width the port's logits are not finite")
    arrays = {"decode": np.array(times), "memory": np.array(memory, dtype=np.float64)}
    return arrays, {"prefill": prefill, "peak_mb": mx.get_peak_memory() >> 20}
