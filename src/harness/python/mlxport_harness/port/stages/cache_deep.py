"""Logits through a cache that was trimmed, saved, copied, rotated, quantized, or split at a boundary.

Each array is named `what@position of its first token`; `oracle:` before the name is what it must equal where
that is not the full pass; `plain:` the same without quantizing.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import mlx.core as mx
from mlx_lm.models.base import create_causal_mask
from mlx_lm.models.cache import (
    KVCache,
    can_trim_prompt_cache,
    load_prompt_cache,
    make_prompt_cache,
    save_prompt_cache,
    trim_prompt_cache,
)

from mlxport_harness.port.record import numbers

if TYPE_CHECKING:
    import numpy as np

    from mlxport_harness.port.record import Recorder

KEEP, SIZE = 4, 16
PREFIX, DECODED = 24, 8
Arrays = dict[str, Any]


class NotApplicable(Exception):
    """Why mlx-lm itself does not bring this cache into that state."""


def record(recorder: Recorder, request: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    model = recorder.model(request["twin"], request["spelling"])
    name, _, bits = request["state"].partition(" ")
    take = STATES[name]
    try:
        found = take(model, recorder, request | {"kind": bits})
    except NotApplicable as reason:
        return {}, {"not_applicable": str(reason)}
    return {k: numbers(v) for k, v in found.items()}, {}


def feed(model: Any, ids: mx.array, cache: list[Any], steps: list[int]) -> mx.array:
    """Logits of `ids` in pieces of `steps` tokens; evaluates the cache after each, as mlx-lm does."""
    at, parts = 0, []
    for step in steps:
        parts.append(model(ids[:, at : at + step], cache=cache))
        mx.eval(parts[-1], [c.state for c in cache])
        at += step
    return mx.concatenate(parts, axis=1)


def classes(cache: list[Any]) -> str:
    flat = [inner for c in cache for inner in getattr(c, "caches", [c])]
    return ", ".join(sorted({type(c).__name__ for c in flat}))


def decode(model: Any, recorder: Recorder, request: dict[str, Any]) -> Arrays:
    ids = mx.array(recorder.ids)
    return {"decode@0": feed(model, ids, make_prompt_cache(model), [1] * ids.shape[1])}


def split(model: Any, recorder: Recorder, request: dict[str, Any]) -> Arrays:
    """Each prefix in one piece, the rest in one piece but for the last two tokens."""
    ids, found = mx.array(recorder.ids), {}
    for at in request["splits"]:
        rest = ids.shape[1] - at
        steps = [at, rest - 2, 1, 1] if rest > 2 else [at] + [1] * rest
        found[f"split {at}@0"] = feed(model, ids, make_prompt_cache(model), steps)
    return found


def step(model: Any, recorder: Recorder, request: dict[str, Any]) -> Arrays:
    ids = mx.array(request["ids"])
    length, full = ids.shape[1], model(ids)
    late = feed(model, ids, make_prompt_cache(model), [length - 12] + [1] * 12)
    found = {"decode@0": late, "oracle:decode@0": full}
    half = (length - 8) // 2
    found["chunks@0"] = feed(model, ids, make_prompt_cache(model), [half, length - 8 - half, 8])
    found["oracle:chunks@0"] = full
    return found


class DroppingCache(KVCache):
    """Keeps every position, and hands out those that a rotating cache would still have, in order."""

    def update_and_fetch(self, keys: Any, values: Any) -> tuple[Any, Any]:
        taken = keys.shape[2]
        keys, values = super().update_and_fetch(keys, values)
        if self.offset <= SIZE or taken > 1:
            return keys, values
        recent = self.offset - (SIZE - KEEP)
        return tuple(mx.concatenate([a[:, :, :KEEP], a[:, :, recent:]], axis=2) for a in (keys, values))

    def make_mask(self, N: int, return_array: bool = False, window_size: int | None = None) -> Any:
        if N == 1:
            return None
        window = window_size or SIZE
        return create_causal_mask(N, 0, window_size=window) if window < N or return_array else "causal"


def rotating(model: Any, recorder: Recorder, request: dict[str, Any]) -> Arrays:
    cache = make_prompt_cache(model, max_kv_size=SIZE)
    if hasattr(model, "make_cache"):
        raise NotApplicable(f"the port makes its own cache ({classes(cache)}), mlx-lm ignores max_kv_size")
    ids, found = mx.array(recorder.ids), {}
    for name, steps in (("from 1", [1] * ids.shape[1]), ("from 20", [20] + [1] * (ids.shape[1] - 20))):
        oracle: list[Any] = [DroppingCache() for _ in cache]
        found[f"{name}@0"] = feed(model, ids, make_prompt_cache(model, max_kv_size=SIZE), steps)
        found[f"oracle:{name}@0"] = feed(model, ids, oracle, steps)
    return found


def trimmed(model: Any, recorder: Recorder, request: dict[str, Any]) -> Arrays:
    prefix, wrong = (5, 4) if request["kind"] == "short" else (PREFIX, 6)
    ids, cache = mx.array(recorder.ids), make_prompt_cache(model)
    feed(model, ids, cache, [prefix])
    feed(model, ids[:, ::-1][:, :wrong], cache, [wrong - 1, 1])
    if not can_trim_prompt_cache(cache):
        flat = [inner for c in cache for inner in getattr(c, "caches", [c])]
        held = classes([c for c in flat if not c.is_trimmable()])
        raise NotApplicable(f"mlx-lm cannot trim {held} after {prefix + wrong} tokens")
    cut = trim_prompt_cache(cache, wrong)
    if cut != wrong:
        raise ValueError(f"trim_prompt_cache({wrong}) trimmed {cut}")
    return {f"trimmed@{prefix}": feed(model, ids[:, prefix:], cache, [1, 1, 4, 1, 1])}


def saved(model: Any, recorder: Recorder, request: dict[str, Any]) -> Arrays:
    ids, cache = mx.array(recorder.ids), make_prompt_cache(model)
    feed(model, ids, cache, [PREFIX])
    path = recorder.out / "prompt-cache.safetensors"
    try:
        save_prompt_cache(str(path), cache)
        loaded = load_prompt_cache(str(path))
        mx.eval([c.state for c in loaded])
    finally:
        path.unlink(missing_ok=True)
    return {f"saved@{PREFIX}": feed(model, ids[:, PREFIX:], loaded, [1, 1, 4, 1, 1])}


def copied(model: Any, recorder: Recorder, request: dict[str, Any]) -> Arrays:
    ids, cache = mx.array(recorder.ids), make_prompt_cache(model)
    feed(model, ids, cache, [PREFIX])
    other = copy.deepcopy(cache)
    feed(model, ids[:, ::-1], cache, [5, 1, 1])
    return {f"copied@{PREFIX}": feed(model, ids[:, PREFIX:], other, [1, 1, 4, 1, 1])}


class DequantizedCache(KVCache):
    """What a quantized cache holds, dequantized: the attention over it is the ordinary one."""

    def __init__(self, plain: KVCache, group_size: int, bits: int) -> None:
        super().__init__()
        self.group, self.width, self.offset = group_size, bits, plain.offset
        self.keys, self.values = self.rounded(plain.keys), self.rounded(plain.values)

    def rounded(self, array: Any) -> Any:
        parts = mx.quantize(array, group_size=self.group, bits=self.width)
        return mx.dequantize(*parts, group_size=self.group, bits=self.width)

    def update_and_fetch(self, keys: Any, values: Any) -> tuple[Any, Any]:
        return super().update_and_fetch(self.rounded(keys), self.rounded(values))


def quantized(model: Any, recorder: Recorder, request: dict[str, Any]) -> Arrays:
    bits, ids = int(request["kind"]), mx.array(recorder.ids)

    def tail(convert: Callable[[Any], Any]) -> mx.array:
        cache = make_prompt_cache(model)
        feed(model, ids, cache, [PREFIX])
        cache = [convert(c) for c in cache]
        return feed(model, ids[:, PREFIX:], cache, [1, 1, 4, 1, 1])

    probe = make_prompt_cache(model)
    feed(model, ids, probe, [PREFIX])
    group = group_size(probe)
    kinds = [isinstance(c, KVCache) for c in probe]
    if not any(kinds):
        names = ", ".join(sorted({type(c).__name__ for c in probe}))
        raise NotApplicable(f"mlx-lm quantizes no {names}")

    def real(cache: Any) -> Any:
        return cache.to_quantized(group_size=group, bits=bits) if isinstance(cache, KVCache) else cache

    def oracle(cache: Any) -> Any:
        return DequantizedCache(cache, group, bits) if isinstance(cache, KVCache) else cache

    name = f"quantized@{PREFIX}"
    try:
        found = {name: tail(real)}
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        raise NotApplicable(
            f"the port raises with a quantized cache, {type(error).__name__}: {text}"
        ) from None
    return found | {f"oracle:{name}": tail(oracle), f"plain:{name}": tail(lambda c: c)}


def group_size(cache: list[Any]) -> int:
    refused = [c for c in cache if hasattr(c, "to_quantized") and not isinstance(c, KVCache)]
    if refused:
        raise NotApplicable(f"mlx-lm cannot quantize {classes(refused)}")
    widths = {a.shape[-1] for c in cache if isinstance(c, KVCache) for a in (c.keys, c.values)}
    for group in (64, 32):
        if all(width % group == 0 for width in widths):
            return group
    raise NotApplicable(f"the twin's keys and values are {sorted(widths)} wide, no multiples of 32")


STATES = {
    "decode": decode,
    "split": split,
    "step": step,
    "rotating": rotating,
    "trimmed": trimmed,
    "saved": saved,
    "copied": copied,
    "quantized": quantized,
}
