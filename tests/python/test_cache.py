"""Faults in how a port uses its cache: each is seen in the state in which it matters."""

from __future__ import annotations

from pathlib import Path

import mlx_lm.models
import pytest
from mlxport_harness.checks.cache import plans

from client import records

OFFSET = "cache.offset if cache is not None else 0"
MASK = "create_attention_mask(h, cache[0])"
NO_OFFSET = """None if h.shape[1] == 1 else (
            mx.arange(h.shape[1])[:, None] >= mx.arange(h.shape[1] + (cache[0].offset if cache[0] else 0))
        )"""
QUANTIZED = (
    "out = scaled_dot_product_attention(queries, keys, values, cache=cache, scale=self.scale, mask=mask)"
)
UNMASKED = QUANTIZED.replace("mask=mask", "mask=None if hasattr(cache, 'bits') else mask")
STOPS = "(min(cache.offset, 16) if hasattr(cache, 'max_size') else cache.offset) if cache is not None else 0"
WINDOW = "RotatingKVCache(max_size=self.args.sliding_window"
STATEFUL = ("h = self.embed_tokens(inputs)", "self._n = getattr(self, '_n', 0) + 1\n"
            "        h = self.embed_tokens(inputs) * (1 if self._n == 1 else 1.1)")  # fmt: skip


def copy_of(name: str, folder: Path, *changes: tuple[str, str]) -> Path:
    """An installed port with each (old, new) replaced."""
    text = (Path(next(iter(mlx_lm.models.__path__))) / f"{name}.py").read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path = folder / f"{name}.py"
    path.write_text(text)
    return path


def test_every_plan_crosses_the_window_of_the_twin():
    assert {name: sum(steps) for name, steps in plans(40).items()} == {
        "decode": 16,
        "prefill": 40,
        "chunks": 40,
    }
    assert all(12 not in [sum(steps[:i]) for i in range(len(steps))] for steps in [plans(40)["chunks"]])


def test_right_port_passes_in_every_state(worker, arcee):
    found = records(worker.run("arcee", arcee(), checks=["cache", "cache-deep"]))
    assert found["cache"]["verdict"] == "pass"
    assert {s["verdict"] for s in found["cache-deep"]["states"].values()} == {"pass"}
    assert 1e-4 < found["cache-deep"]["states"]["quantized 8"]["nature"] < 0.02
    assert 0.01 < found["cache-deep"]["states"]["quantized 4"]["nature"] < 0.3


@pytest.mark.parametrize(
    ("change", "plan"),
    [
        ((OFFSET, "0"), "decode"),
        ((OFFSET, "cache.offset + 1 if cache is not None and cache.offset else 0"), "decode"),
        ((MASK, NO_OFFSET), "chunks"),
        (("if cache is not None:\n", "if cache is not None and L > 1:\n"), "decode"),
    ],
    ids=["no-offset", "offset-by-one", "mask-without-offset", "decode-without-cache"],
)
def test_wrong_use_of_a_plain_cache_fails(worker, arcee, change, plan):
    found = records(worker.run("arcee", arcee(change), checks=["exact", "cache"]))
    assert found["exact std 1.0"]["verdict"] == "pass"
    assert found["cache"]["verdict"] == "fail"
    assert found["cache"]["plans"][plan] > 1e-3


def test_port_that_keeps_a_state_between_calls_fails(worker, arcee):
    found = records(worker.run("arcee", arcee(STATEFUL), checks=["exact", "cache"]))
    assert found["cache"]["verdict"] == "fail"
    assert "state" in {f["id"] for f in found["cache"]["findings"]}


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ((QUANTIZED, UNMASKED), "quantized 8"),
        ((OFFSET, "min(cache.offset, 255) if cache is not None else 0"), "step"),
        ((OFFSET, STOPS), "rotating"),
    ],
    ids=["quantized-without-mask", "offset-stops-at-the-step", "rotating-offset-stops"],
)  # fmt: skip
def test_fault_of_one_state_fails_that_state_alone(worker, arcee, change, state):
    found = records(worker.run("arcee", arcee(change), checks=["cache", "cache-deep"]))
    assert found["cache"]["verdict"] == "pass"
    assert found["cache-deep"]["verdict"] == "fail"
    failed = {n for n, s in found["cache-deep"]["states"].items() if s["verdict"] == "fail"}
    assert state in failed and failed <= {state, "quantized 4"}


def test_state_that_does_not_apply_is_named_with_the_reason(worker):
    states = records(worker.run("mamba2", checks=["cache-deep"]))["cache-deep"]["states"]
    assert states["trimmed"] == {
        "verdict": "not_applicable",
        "text": "mlx-lm cannot trim ArraysCache after 30 tokens",
    }
    assert states["quantized 8"]["text"] == "mlx-lm quantizes no ArraysCache"
    assert states["saved"]["verdict"] == "pass"


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("gemma3_text", (WINDOW, WINDOW.replace("self", "-1 + self"))),
        ("mamba2", ("padded_input[:, -n_keep:, :]", "padded_input[:, -n_keep - 1 : -1, :]")),
        ("mamba2", ("cache[1] = state", "cache[1] = None")),
    ],
    ids=["window-by-one", "conv-state-by-one", "ssm-state-lost"],
)  # fmt: skip
def test_fault_in_an_installed_port_fails(worker, tmp_path, name, change):
    found = records(worker.run(name, copy_of(name, tmp_path, change), checks=["cache"]))["cache"]
    assert found["verdict"] == "fail"
