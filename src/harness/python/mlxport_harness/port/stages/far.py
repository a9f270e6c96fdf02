"""The port at far positions: each block of tokens through caches whose offset has jumped.

The caches are the port's own, by type, with two methods replaced: they store what they are given, however
far, and mask causally over what is stored. Recurrent states keep no position and stay as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx
from mlx_lm.models import cache as caches
from mlx_lm.models.base import create_causal_mask

from mlxport_harness.checks import far
from mlxport_harness.port import changed, load
from mlxport_harness.port.record import numbers

if TYPE_CHECKING:
    import numpy as np

    from mlxport_harness.port.record import Recorder


class CannotJump(Exception):
    """The port is not at fault."""


class Jumping:
    """Before a port's cache type in its bases: small storage under an offset of its own."""

    def start(self) -> None:
        self.keys = self.values = None
        self.offset = 0

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        if self.keys is not None:
            keys = mx.concatenate([self.keys, keys], axis=2)
            values = mx.concatenate([self.values, values], axis=2)
        new = keys.shape[2] - (0 if self.keys is None else self.keys.shape[2])
        self.keys, self.values = keys, values
        self.offset += new
        return keys, values

    def make_mask(self, count: int, return_array: bool = False, **_: Any) -> Any:
        stored = 0 if self.keys is None else self.keys.shape[2]
        return create_causal_mask(count, stored) if return_array else "causal"


def record(recorder: Recorder, request: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    arrays, errors = {}, {}
    near = True
    for number, item in enumerate(request["items"]):
        try:
            config = changed.content(recorder, request, item["changes"])
            model = changed.model(recorder, request, config, None)
            for at, starts in enumerate(item["calls"]):
                arrays[f"{number}.{at}"] = numbers(_call(model, recorder.ids, starts))
        except CannotJump as reason:
            return {}, {"cannot": str(reason)}
        except BaseException as error:
            fault = load.fault(error, recorder.port)
            errors[str(number)] = f"{fault.text} at {fault.where}" if fault.where else fault.text
            if number == 0:
                near = _runs_near(recorder, request)
    return arrays, {"errors": errors, "near": near}


def _runs_near(recorder: Recorder, request: dict[str, Any]) -> bool:
    """Whether the same caches serve where positions do not jump: if not, jumping is not what fails."""
    block = far.rules()["block"]
    try:
        model = changed.model(recorder, request, changed.content(recorder, request, []), None)
        mx.eval(_call(model, recorder.ids, [0, block, 2 * block]))
        return True
    except BaseException:
        return False


def _call(model: Any, ids: list[list[int]], starts: list[int]) -> mx.array:
    block = far.rules()["block"]
    count = block * len(starts)
    tokens = mx.array([(ids[0] * (count // len(ids[0]) + 1))[:count]])
    jumping: list[Jumping] = []
    cache = [_jumping(c, jumping) for c in caches.make_prompt_cache(model)]
    if not jumping:
        raise CannotJump("No cache of the port has an offset that could jump.")
    parts = []
    for i, start in enumerate(starts):
        for one in jumping:
            one.offset = start
        parts.append(model(tokens[:, i * block : (i + 1) * block], cache=cache))
        mx.eval(parts)
    return mx.concatenate(parts, axis=1)


def _jumping(cache: Any, found: list[Jumping]) -> Any:
    if isinstance(cache, caches.CacheList):
        cache.caches = tuple(_jumping(c, found) for c in cache.caches)
        return cache
    if isinstance(cache, caches.ChunkedKVCache):
        raise CannotJump("A ChunkedKVCache cannot jump: its chunks are counted from the first position.")
    if not isinstance(cache, (caches.KVCache, caches.RotatingKVCache, caches.ConcatenateKVCache)):
        return cache
    kind = type(cache)
    cache.__class__ = type(f"Jumping{kind.__name__}", (Jumping, kind), {})
    cache.start()
    found.append(cache)
    return cache
