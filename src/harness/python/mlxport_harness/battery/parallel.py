"""Matrix products on every processor: on a CPU, mlx gives a stream one thread.

The columns of a weight are cut into blocks, each on a stream of its own and by mlx's own kernel, so every
number is the same sum in the same order, bit for bit. Where rates are measured, mlx is timed as it is.
"""

from __future__ import annotations

import contextlib
import os
import sys
from functools import cache
from typing import Any

ROWS, COLUMNS = 8, 64  # fewer rows are not worth a cut; a block is a multiple of these columns
MOST = 8


@contextlib.contextmanager
def products() -> Any:
    """Within: products of many rows with a weight, and of any with a quantized one. Off Linux, nothing."""
    import mlx.core as mx

    if sys.platform != "linux" or mx.default_device() != mx.Device(mx.cpu) or len(_streams()) < 2:
        yield
        return
    places = [(mx.array, "__matmul__"), (mx, "matmul"), (mx, "addmm"), (mx, "quantized_matmul")]
    real = {(owner, name): getattr(owner, name) for owner, name in places}
    plain, adding, quantized = mx.matmul, mx.addmm, mx.quantized_matmul

    def matmul(a: Any, b: Any, **options: Any) -> Any:
        if options or not _worth(a, b):
            return plain(a, b, **options)
        cuts = _blocks(b.shape[1])
        return mx.concatenate([plain(a, b[:, one], stream=s) for one, s in cuts], axis=-1)

    def addmm(c: Any, a: Any, b: Any, *args: Any, **options: Any) -> Any:
        if args or options or not _worth(a, b) or c.shape != b.shape[1:]:
            return adding(c, a, b, *args, **options)
        cuts = _blocks(b.shape[1])
        return mx.concatenate([adding(c[one], a, b[:, one], stream=s) for one, s in cuts], axis=-1)

    def quantized_matmul(x: Any, w: Any, scales: Any, biases: Any = None, *args: Any, **options: Any) -> Any:
        """Of any number of rows: unpacking the weight is most of it."""
        turned = not args and options.get("transpose", True) and "stream" not in options
        if not turned or w.ndim != 2 or w.shape[0] < len(_streams()) * COLUMNS:
            return quantized(x, w, scales, biases, *args, **options)
        parts = []
        for one, stream in _blocks(w.shape[0]):
            some = None if biases is None else biases[one]
            parts.append(quantized(x, w[one], scales[one], some, stream=stream, **options))
        return mx.concatenate(parts, axis=-1)

    mx.array.__matmul__, mx.matmul, mx.addmm = (lambda a, b: matmul(a, b)), matmul, addmm
    mx.quantized_matmul = quantized_matmul
    try:
        yield
    finally:
        for (owner, name), function in real.items():
            setattr(owner, name, function)


def _worth(a: Any, b: Any) -> bool:
    import mlx.core as mx

    if not (isinstance(a, mx.array) and isinstance(b, mx.array)) or b.ndim != 2 or a.ndim < 2:
        return False
    return a.size >= ROWS * a.shape[-1] and b.shape[1] >= len(_streams()) * COLUMNS


def _blocks(columns: int) -> list[tuple[slice, Any]]:
    streams = _streams()
    size = -(-columns // (len(streams) * COLUMNS)) * COLUMNS
    cuts = range(0, columns, size)
    return [(slice(at, min(at + size, columns)), s) for at, s in zip(cuts, streams, strict=False)]


@cache
def _streams() -> list[Any]:
    import mlx.core as mx

    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    more = [mx.new_stream(mx.cpu) for _ in range(min(count, MOST) - 1)]
    return [mx.default_stream(mx.Device(mx.cpu)), *more]
