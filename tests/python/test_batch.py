"""Ragged batches through mlx-lm's own classes: right ports pass, ports that forget a row's padding do not."""

from __future__ import annotations

import pytest
from mlxport_harness.checks.batch import DECODED, sequences

from client import records
from test_cache import MASK, OFFSET, copy_of


def batch(worker, model_type, port=None):
    return records(worker.run(model_type, port, checks=["cache", "batch", "batch-deep"]))


def states(found):
    return found["batch"]["states"] | found["batch-deep"]["states"]


def failed(found):
    return {name for name, state in states(found).items() if state["verdict"] == "fail"}


def test_sequences_are_ragged_and_cross_the_window():
    lengths = [len(s) - DECODED for s in sequences(list(range(40)))]
    assert len(set(lengths)) == 3 and min(lengths) < 12 < max(lengths)


@pytest.mark.parametrize("model_type", ["gemma3_text", "mamba2", "deepseek_v3"])
def test_upstream_port_passes(worker, model_type):
    found = batch(worker, model_type)
    assert (found["batch"]["verdict"], found["batch-deep"]["verdict"]) == ("pass", "pass")
    assert {s["verdict"] for n, s in states(found).items() if n != "steps"} == {"pass"}


def test_right_port_passes_every_scenario(worker, arcee):
    found = batch(worker, "arcee", arcee())
    assert found["batch"]["findings"] + found["batch-deep"]["findings"] == []
    assert {s["verdict"] for s in states(found).values()} == {"pass"}


def test_one_offset_for_all_rows_fails_where_rows_are_ragged(worker, arcee):
    change = (OFFSET, "cache.offset if cache is not None else 0\n        if isinstance(offset, mx.array) and "
              "offset.ndim:\n            offset = offset.max()")  # fmt: skip
    found = batch(worker, "arcee", arcee(change))
    assert found["cache"]["verdict"] == "pass"
    assert found["batch"]["verdict"] == "fail"
    assert "equal" not in failed(found) and {"right", "history"} <= failed(found)


def test_mask_that_ignores_padding_fails_where_rows_are_ragged(worker, arcee):
    change = (MASK, "create_attention_mask(h, cache[0])\n        if isinstance(mask, mx.array):\n"
              "            mask = mask[:1]")  # fmt: skip
    found = batch(worker, "arcee", arcee(change))
    assert found["cache"]["verdict"] == "pass"
    assert "equal" not in failed(found) and failed(found)


@pytest.mark.parametrize(
    ("change", "least"),
    [
        (("if cache.lengths is not None:", "if False:"), {"right", "history"}),
        (("            mask,\n            lengths,\n", "            mask,\n            None,\n"), {"right"}),
    ],
    ids=["conv-state-of-the-padding", "ssm-state-of-the-padding"],
)
def test_recurrent_port_that_ignores_lengths_fails(worker, tmp_path, change, least):
    found = batch(worker, "mamba2", copy_of("mamba2", tmp_path, change))
    assert found["cache"]["verdict"] == "pass"
    assert found["batch"]["verdict"] == "fail"
    assert least <= failed(found)


def test_cache_that_mlx_lm_does_not_batch_is_named(worker, arcee):
    own = "class Own(KVCache):\n    merge = property()\n\n\nclass Attention(nn.Module):"
    made = "    def make_cache(self):\n        return [Own() for _ in self.layers]\n\n"
    made += "    @property\n    def layers"
    rope = "from .rope_utils import initialize_rope"
    port = arcee(
        (rope, f"from .cache import KVCache\n{rope}"),
        ("class Attention(nn.Module):", own),
        ("    @property\n    def layers", made),
    )  # fmt: skip
    found = batch(worker, "arcee", port)["batch"]
    assert found["verdict"] == "not_applicable"
    assert "Own" in found["findings"][0]["text"]


def test_nemotron_h_forgets_the_lengths_and_with_them_is_right(worker, tmp_path):
    """A fault of mlx-lm 0.32.2, silent: padding enters the recurrent state of the shorter rows."""
    found = batch(worker, "nemotron_h")
    assert (found["cache"]["verdict"], found["batch"]["verdict"]) == ("pass", "fail")
    old = "            self.time_step_limit,\n            mask,\n        )"
    new = old.replace("mask,\n", "mask,\n            cache.lengths if cache else None,\n")
    assert (
        batch(worker, "nemotron_h", copy_of("nemotron_h", tmp_path, (old, new)))["batch"]["verdict"] == "pass"
    )
