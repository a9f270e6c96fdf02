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
CHOSEN = ("num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_k", "moe_top_k", "top_k_experts")


def record(recorder: Recorder, request: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    if request["action"] == "rates":
        return {}, _rates()
    if request["action"] == "build":
        return {}, _build(recorder, request)
    return _once(recorder.models[("speed", "")], request)


def _rates() -> dict[str, Any]:
    """Seconds a multiplication of 4-bit weights costs here: of one token, and of a prompt's."""
    width = 512
    packed = mx.random.randint(0, 2**31 - 1, (width, width // 8)).astype(mx.uint32)
    scales = mx.ones((width, width // GROUP), mx.bfloat16)
    found = {}
    for name, tokens in (("decode", 1), ("prefill", 8)):
        x, took = mx.ones((tokens, width), mx.bfloat16), []
        for _ in range(4):
            began = time.perf_counter()
            mx.eval(mx.quantized_matmul(x, packed, scales, scales, True, GROUP, 4))
            took.append(time.perf_counter() - began)
        found[name] = min(took) / (tokens * width * width)
    return found


def _build(recorder: Recorder, request: dict[str, Any]) -> dict[str, Any]:
    if request.get("against"):
        module = importlib.import_module(f"mlx_lm.models.{request['against']}")
    else:
        module = recorder.module = load.import_port(recorder.port)
    room, limit = request["limit_mb"] - request["spare_mb"], request.get("limit_work")
    made: Any = None
    for number, config in enumerate(request["configs"]):
        try:
            made = _made(module, config, number)
        except Exception:
            if made is None:
                raise
            break  # narrower than the port can be: the one before it is taken
        if made[1]["weights_mb"] <= room and (limit is None or made[1]["work"] <= limit):
            break
    model, note = made
    if note["weights_mb"] > room:
        return note | {"fits": False}
    mx.eval(model.parameters())
    model.eval()
    recorder.models[("speed", "")] = model
    return note | {"fits": True}


def _made(module: Any, config: dict[str, Any], number: int) -> tuple[nn.Module, dict[str, Any]]:
    """The model, nothing of it evaluated yet, and how large it would be."""
    model = module.Model(module.ModelArgs.from_dict(config))
    work = _work(model, config)
    kept = _quantized(model)
    size = sum(v.nbytes for _, v in tree_flatten(model.parameters()))
    note = {"weights_mb": size >> 20, "unquantized": kept, "layers": len(model.layers)}
    return model, note | {"work": work, "chosen": number}


def _work(model: nn.Module, config: dict[str, Any]) -> float:
    """Multiplications of weights for one token; of experts those that a token goes through."""
    text = config.get("text_config") or config
    chosen = next((text[k] for k in CHOSEN if isinstance(text.get(k), int)), 1)
    modules = [(n, m) for n, m in model.named_modules() if hasattr(m, "to_quantized")]
    tied = not any(n.endswith("lm_head") for n, _ in modules)
    work = 0.0
    for _, module in modules:
        if isinstance(module, nn.Embedding):
            work += module.weight.size if tied else 0
        elif module.weight.ndim == 3:
            work += module.weight.size * min(chosen / module.weight.shape[0], 1.0)
        else:
            work += module.weight.size
    return work


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
