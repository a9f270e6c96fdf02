"""Products cut over the processors are those of one piece, bit for bit, and mlx is as it was afterwards."""

from __future__ import annotations

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlxport_harness.battery import parallel


@pytest.fixture(autouse=True)
def three(monkeypatch):
    """As on a machine with three processors, so that the last block is shorter than the others."""
    mx.set_default_device(mx.cpu)
    streams = [mx.default_stream(mx.Device(mx.cpu)), mx.new_stream(mx.cpu), mx.new_stream(mx.cpu)]
    monkeypatch.setattr(parallel, "_streams", lambda: streams)


def normal(*shape: int, kind=mx.bfloat16) -> mx.array:
    rng = np.random.default_rng(sum(shape))
    return mx.array(rng.normal(size=shape).astype("f")).astype(kind)


@pytest.mark.parametrize("kind", [mx.bfloat16, mx.float16, mx.float32])
@pytest.mark.parametrize(
    ("rows", "inner", "columns"), [(84, 576, 1536), (33, 200, 777), (8, 64, 192), (2, 64, 640)]
)
def test_bit_for_bit(kind, rows, inner, columns):
    x, w, bias = (
        normal(1, rows, inner, kind=kind),
        normal(columns, inner, kind=kind),
        normal(columns, kind=kind),
    )
    layer = nn.Linear(inner, columns)
    layer.update({"weight": w, "bias": bias})
    whole = [x @ w.T, mx.matmul(x, mx.contiguous(w.T)), layer(x)]
    mx.eval(whole)
    with parallel.products():
        cut = [x @ w.T, mx.matmul(x, mx.contiguous(w.T)), layer(x)]
        mx.eval(cut)
    assert [bool(mx.array_equal(a, b)) for a, b in zip(whole, cut, strict=True)] == [True] * 3
    assert [a.dtype for a in cut] == [kind] * 3


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize(("rows", "columns"), [(84, 640), (1, 777), (3, 64)])
def test_quantized_bit_for_bit(bits, rows, columns):
    layer = nn.QuantizedLinear.from_linear(nn.Linear(128, columns), 64, bits)
    layer.set_dtype(mx.bfloat16)
    x = normal(2, rows, 128)
    other = mx.quantized_matmul(
        x[..., :64], *mx.quantize(normal(64, 640), 64, bits), transpose=False, bits=bits
    )
    whole = [layer(x), other]
    mx.eval(whole)
    with parallel.products():
        cut = [
            layer(x),
            mx.quantized_matmul(x[..., :64], *mx.quantize(normal(64, 640), 64, bits), False, 64, bits),
        ]
        mx.eval(cut)
    assert [bool(mx.array_equal(a, b)) for a, b in zip(whole, cut, strict=True)] == [True] * 2


def test_products_are_cut_only_where_it_pays(monkeypatch):
    cuts = []
    real = parallel._blocks
    monkeypatch.setattr(parallel, "_blocks", lambda columns: cuts.append(columns) or real(columns))
    before = mx.matmul, mx.addmm, mx.array.__matmul__
    with parallel.products():
        mx.eval(normal(1, 84, 64) @ normal(64, 640), normal(1, 1, 64) @ normal(64, 640))
        mx.eval(normal(2, 84, 64) @ normal(2, 64, 640), normal(84, 64) @ normal(64))
    assert cuts == [640]
    assert (mx.matmul, mx.addmm, mx.array.__matmul__) == before


def test_what_cannot_be_multiplied_raises_as_before():
    with parallel.products(), pytest.raises(ValueError, match="matmul"):
        normal(84, 64) @ normal(65, 640)
