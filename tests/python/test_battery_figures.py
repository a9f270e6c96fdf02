"""The battery's figures and rules by themselves, on numbers made for them."""

from __future__ import annotations

import json
import os
import sys

import numpy as np
import pytest
from mlxport_harness.battery import estimate, measure, meter, template_probe
from mlxport_harness.battery.checkpoint import inspect
from mlxport_harness.battery.judge import memory, template
from mlxport_harness.battery.manifest import Variant
from mlxport_harness.battery.plan import choose

import tiny

RANDOM = np.random.default_rng(0)


def logits(tokens: int = 6, vocabulary: int = 50) -> np.ndarray:
    return RANDOM.normal(0, 3, (tokens, vocabulary)).astype(np.float32)


def test_kl_is_zero_for_the_same_and_infinite_for_nan():
    left = logits()
    right = left + RANDOM.normal(0, 0.1, left.shape).astype(np.float32)
    assert measure.kl(left, left + 7).max() < 1e-9
    assert (measure.kl(left, right) > 0).all()
    right[2, 0] = np.nan
    assert np.isinf(measure.kl(left, right)[2]) and measure.by_noise(float("inf")) == "fail"


def test_perplexity_of_a_uniform_guess_is_the_vocabulary():
    assert measure.perplexity(np.zeros((5, 50), np.float32), np.arange(5)) == pytest.approx(50)


def test_upstreams_rule_looks_at_the_last_token_alone():
    left = logits()
    right = left.copy()
    right[:-1] = -right[:-1]
    assert measure.upstream_predictions(left, right)["verdict"] == "SUCCESS"
    assert measure.upstream_predictions(right, -left)["verdict"] == "FAILURE"
    assert measure.kl(left, right).mean() > 1


def test_a_massive_channel_hides_a_fault_from_upstreams_table_and_not_from_ours():
    left = RANDOM.normal(0, 1, (8, 64)).astype(np.float32)
    left[:, 3] = 22400
    right = left.copy()
    right[:, 10:] += RANDOM.normal(0, 1, (8, 54)).astype(np.float32)
    rows = measure.upstream_layers(left[None], right[None], (left, left))
    assert rows[0]["status"] == "ok"
    ours = measure.per_token(left, right)
    assert ours["outliers"] == 1 and ours["median"] > 0.5 and ours["outlier_median"] == 0


def test_a_loop_at_the_end_is_seen_and_a_list_is_not():
    plain = RANDOM.integers(0, 1000, 200)
    assert measure.repetition(plain)["loop"] == 0
    assert measure.repetition(np.concatenate([plain, np.tile([1, 2, 3], 40)]))["loop"] == 3


def test_plain_attention_counts_keys_and_values_of_all_layers():
    assert memory.plain_attention(tiny.CONFIG) == 2 * 2 * 3 * 2 * 32
    assert memory.plain_attention({"hidden_size": 64}) is None


def test_plans_keep_the_batterys_order():
    assert [t.id for t in choose(["upstream"])] == [
        "dtype",
        "generate",
        "predictions",
        "layers",
        "long_sequence",
        "quantize",
        "quant_dtype",
        "quant_generate",
    ]
    assert [t.id for t in choose(["exact", "dtype"])] == ["dtype", "exact"]


def test_estimates_follow_what_was_measured_and_a_large_checkpoint_is_not_widened(tmp_path):
    found = inspect(tiny.make(tmp_path / "tiny"), Variant("tiny", None, None, None))
    tests = choose(["generate"])
    slow = estimate.estimate(found, tests, True, (200, 4096), tmp_path, False)
    estimate.learn(tmp_path, decode=estimate.DEFAULTS["decode"] * 100)
    fast = estimate.estimate(found, tests, True, (200, 4096), tmp_path, False)
    assert fast["generation_seconds"] == pytest.approx(slow["generation_seconds"] / 100)
    assert (slow["rates"], fast["rates"]) == ("defaults: the first on this machine", "measured here")
    assert not estimate.float32_fits(found, 1)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_meter_sees_reads_maps_memory_and_children(tmp_path):
    """20 MB read in a child, 20 MB mapped as weights, 64 MB held; PSS of the interpreter comes on top."""
    size = 20 << 20
    for name in ("read.bin", "mapped.safetensors"):
        (tmp_path / name).write_bytes(b"x" * size)
    child = f"open({str(tmp_path / 'read.bin')!r}, 'rb').read()"
    code = (
        "import mmap, subprocess, sys, time\n"
        f"subprocess.run([sys.executable, '-c', {child!r}])\n"
        f"file = open({str(tmp_path / 'mapped.safetensors')!r}, 'rb')\n"
        "mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)\n"
        "total = sum(mapped[i] for i in range(0, len(mapped), 4096))\n"
        "held = bytearray(b'x') * (64 << 20)\n"
        "time.sleep(1.5)\n"
    )
    found = meter.run([sys.executable, "-c", code], dict(os.environ), 60, tmp_path / "logs")
    assert found.exit_code == 0, found.stderr
    assert 2 * size <= found.read < 2.5 * size
    assert 64 << 20 <= found.peak < 160 << 20


@pytest.fixture(scope="module")
def sides(tmp_path_factory):
    """What both sides say of the tiny tokenizer; the port's through mlx-lm's own loader."""
    from mlx_lm.tokenizer_utils import load
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("tokenizer")
    tiny.tokenizer(folder)
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))
    wrapper = load(folder, {}, eos_token_ids=[0, 1])
    reference = template_probe.reference(AutoTokenizer.from_pretrained(folder), [0, 1])
    return wrapper, reference, template_probe.port(wrapper)


def failed(reference, port) -> set[str]:
    return {name for name, verdict, _ in template.compare(reference, port) if verdict == "fail"}


def test_template_holds_for_mlx_lms_own_tokenizer_with_tools_and_thinking(sides):
    _, reference, port = sides
    items = {name: verdict for name, verdict, _ in template.compare(reference, port)}
    assert failed(reference, port) == set()
    assert {items[f"call, {name}"] for name in template_probe.CALLS} == {"pass"}
    assert items["thinking tokens"] == items["end of turn"] == "pass"


def test_a_stop_that_mlx_lm_lacks_and_another_rendering_fail(sides):
    _, reference, port = sides
    assert failed(reference, port | {"eos": {"ids": [0]}}) == {"eos"}
    rendered = {**port["rendered"], "turns": port["rendered"]["turns"][:-1]}
    assert failed(reference, port | {"rendered": rendered}) == {"template, turns"}


def test_a_detokenizer_that_shows_half_a_character_fails(sides, monkeypatch):
    """It flushes at every token, so a character of four bytes comes out as marks."""
    wrapper, reference, _ = sides
    cls = type(wrapper.detokenizer)
    real = cls.add_token

    def add_token(self, token):
        real(self, token)
        self.finalize()

    monkeypatch.setattr(cls, "add_token", add_token)
    assert {"detokenizer, emoji", "detokenizer, cjk"} <= failed(reference, template_probe.port(wrapper))


def test_a_parser_that_loses_a_nested_argument_fails(sides, monkeypatch):
    wrapper, reference, _ = sides
    real = wrapper._tool_parser

    def parse(text, tools):
        found = real(text, tools)
        found["arguments"].pop("near", None)
        return found

    monkeypatch.setattr(wrapper, "_tool_parser", parse)
    assert failed(reference, template_probe.port(wrapper)) == {"call, nested"}
