"""Dtypes of weights, modules, promotions, logits and cache: as loaded, converted, quantized, in float16."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx
from mlx.utils import tree_flatten, tree_map_with_path
from mlx_lm.models.cache import make_prompt_cache

from mlxport_harness.port import load
from mlxport_harness.port.flow import Flow
from mlxport_harness.port.record import numbers
from mlxport_harness.port.taps import Taps

if TYPE_CHECKING:
    import numpy as np

    from mlxport_harness.port.record import Recorder


def record(recorder: Recorder, request: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    mode = request.get("mode", "loaded")
    if mode == "loaded":
        model = recorder.model(request["twin"], request["spelling"])
    else:
        recorder.model(request["twin"], request["spelling"])
        model = load.load(recorder.module, recorder.folder(request["twin"], request["spelling"]))
        reason = CHANGES[mode](model)
        if reason:
            return {}, {"not_applicable": reason}
    ids, low = mx.array(recorder.ids), "float16" if mode == "float16" else "bfloat16"
    taps, flow = Taps(model), Flow(model, str(recorder.port))
    with flow.watch():
        logits = taps.run(model, ids)
    mx.eval(logits)
    layers = {id(layer) for layer in getattr(model, "layers", [])}
    meta = {
        "low": low,
        "dtype": kind(logits),
        "layers": [name for name, module in model.named_modules() if id(module) in layers],
        "modules": taps.rows,
        "events": flow.events,
        "parameters": wide(model),
    }
    return {"logits": numbers(logits)}, meta | cached(model, ids)


def kind(array: mx.array) -> str:
    return str(array.dtype).rpartition(".")[2]


def wide(model: Any) -> list[list[Any]]:
    """Float32 parameters, and whether the port itself keeps them out of mlx-lm's cast."""
    keep = getattr(model, "cast_predicate", lambda _: True)
    found = [k for k, v in tree_flatten(model.parameters()) if v.dtype == mx.float32]
    return [[name, not keep(name)] for name in found]


def cached(model: Any, ids: mx.array) -> dict[str, Any]:
    """What a cache holds after a prefill and one token: dtypes by class, keys and values apart."""
    cache = make_prompt_cache(model)
    model(ids[:, :8], cache=cache)
    logits = model(ids[:, 8:9], cache=cache)
    mx.eval(logits)
    held = [row for at, c in enumerate(cache) for row in contents(str(at), c)]
    return {"decoded": kind(logits), "cache": held}


def contents(at: str, cache: Any) -> list[dict[str, Any]]:
    if hasattr(cache, "caches"):
        return [row for i, c in enumerate(cache.caches) for row in contents(f"{at}.{i}", c)]
    pairs = {k: getattr(cache, k, None) for k in ("keys", "values")}
    pairs = {k: kind(v) for k, v in pairs.items() if isinstance(v, mx.array)}
    state = [v for _, v in tree_flatten(cache.state) if isinstance(v, mx.array)]
    floats = sorted({kind(v) for v in state if mx.issubdtype(v.dtype, mx.floating)})
    return [{"at": at, "class": type(cache).__name__, "pairs": pairs, "floats": floats}]


def converted(model: Any) -> None:
    """As mlx-lm's convert casts: every float parameter that the port's cast_predicate lets it."""
    cast_to(model, mx.bfloat16)


def float16(model: Any) -> None:
    cast_to(model, mx.float16)


def quantized(model: Any) -> str | None:
    from mlx_lm.utils import quantize_model

    cast_to(model, mx.bfloat16)
    try:
        quantize_model(model, {}, 32, 4)
    except ValueError as error:
        return f"the twin's widths cannot be quantized: {' '.join(str(error).split())[:200]}"
    return None


def cast_to(model: Any, dtype: mx.Dtype) -> None:
    predicate = getattr(model, "cast_predicate", lambda _: True)

    def set_dtype(name: str, value: Any) -> Any:
        floating = mx.issubdtype(value.dtype, mx.floating)
        return value.astype(dtype) if predicate(name) and floating else value

    model.update(tree_map_with_path(set_dtype, model.parameters()))
    mx.eval(model.parameters())


CHANGES = {"converted": converted, "quantized": quantized, "float16": float16}
