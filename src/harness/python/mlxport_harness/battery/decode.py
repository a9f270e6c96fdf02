"""Decoding in the port's process: mlx-lm's own `stream_generate`, with what memory did on the way."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlxport_harness.battery import template_probe
from mlxport_harness.battery.answer import Answer

SAMPLE = 32


def generate(model: Any, tokenizer: Any, prompt: str, tokens: int, emit: Any) -> Answer:
    """Greedy, as `mlx_lm.generate` does it by default, until an end token or `tokens`."""
    import mlx.core as mx
    from mlx_lm.generate import stream_generate
    from mlx_lm.models.cache import make_prompt_cache

    ids = template_probe.prompt_ids(tokenizer, prompt)
    mx.clear_cache()
    mx.reset_peak_memory()
    cache, text, chosen, samples = make_prompt_cache(model), "", [], []
    last: Any = None
    for response in stream_generate(model, tokenizer, ids, max_tokens=tokens, prompt_cache=cache):
        text += response.text
        if response.finish_reason is None or response.finish_reason == "length":
            chosen.append(int(response.token))
        last = response
        if len(chosen) % SAMPLE == 0:
            samples.append(_sample(len(chosen), cache))
            emit({"progress": [len(chosen), tokens, "tokens", "port: generates"]})
    if last.finish_reason == "stop":
        chosen.append(int(last.token))
    arrays = {
        "prompt": np.array(ids, np.int64),
        "tokens": np.array(chosen, np.int64),
        "samples": np.array(samples, np.float64).reshape(-1, 3),
    }
    return arrays, {
        "text": text,
        "finish": last.finish_reason,
        "prompt_tps": last.prompt_tps,
        "generation_tps": last.generation_tps,
        "peak_gb": last.peak_memory,
        "caches": sorted({type(c).__name__ for c in cache}),
    }


def growth(model: Any, tokenizer: Any, tokens: int, emit: Any) -> Answer:
    """Decodes exactly `tokens` tokens, past any end token; samples [tokens, active bytes, cache bytes]."""
    import mlx.core as mx
    from mlx_lm.models.cache import make_prompt_cache

    ids = template_probe.prompt_ids(tokenizer, "Count.")
    cache, samples = make_prompt_cache(model), []
    mx.clear_cache()
    token = mx.argmax(model(mx.array([ids]), cache=cache)[:, -1], axis=-1)
    for number in range(1, tokens + 1):
        token = mx.argmax(model(token[None], cache=cache)[:, -1], axis=-1)
        mx.eval(token)
        if number % SAMPLE == 0:
            samples.append(_sample(number, cache))
            emit({"progress": [number, tokens, "tokens", "port: memory over decode"]})
    kinds = sorted({type(c).__name__ for c in cache})
    return {"samples": np.array(samples, np.float64).reshape(-1, 3)}, {"caches": kinds}


def _sample(number: int, cache: list[Any]) -> list[float]:
    import mlx.core as mx
    from mlx.utils import tree_flatten

    arrays = [v for c in cache for _, v in tree_flatten(_held(c)) if isinstance(v, mx.array)]
    return [float(number), float(mx.get_active_memory()), float(sum(a.nbytes for a in arrays))]


def _held(cache: Any) -> Any:
    """Everything a cache object keeps: buffers are larger than the state in use."""
    children = getattr(cache, "caches", None)
    if children:
        return [_held(c) for c in children]
    return [v for v in vars(cache).values() if v is not None]
