"""Prompt lengths come from the config; a branch that fires only at one of them is caught there."""

from __future__ import annotations

import numpy as np
from mlxport_harness.checks.boundary import SHORT, Point, fresh_ids, longest, override, overrides, points

from client import records

BIG = (
    "mask = create_attention_mask(h, cache[0])",
    "mask = create_attention_mask(h, cache[0])\n        if h.shape[1] > 200:\n            mask = None",
)
ONE = ("h = self.embed_tokens(inputs)", "h = self.embed_tokens(inputs) * (2 if inputs.shape[1] == 1 else 1)")
ROWS = (
    "h = self.embed_tokens(inputs)",
    "h = self.embed_tokens(inputs)\n        h = mx.broadcast_to(h[:1], h.shape)",
)


def test_each_key_gives_the_lengths_around_its_value():
    config = {
        "sliding_window": 12,
        "conv_L_cache": 3,
        "vocab_size": 176,
        "layer_types": ["a"],
        "chunk_size": None,
    }
    assert {(p.length, p.key) for p in points(config)} == {
        (1, ""),
        (2, ""),
        (11, "sliding_window"),
        (12, "sliding_window"),
        (13, "sliding_window"),
        (2, "conv_L_cache"),
        (3, "conv_L_cache"),
        (4, "conv_L_cache"),
    }


def test_length_out_of_reach_is_made_short_on_both_sides():
    config = {"rope_parameters": {"rope_type": "longrope", "original_max_position_embeddings": 4096}}
    key = "rope_parameters.original_max_position_embeddings"
    assert [p for p in points(config) if p.key] == [Point(SHORT + d, key, SHORT, True) for d in (-1, 0, 1)]
    assert overrides(points(config)) == {key: SHORT}
    changed = override(config, {key: SHORT})
    assert changed["rope_parameters"]["original_max_position_embeddings"] == SHORT
    assert config["rope_parameters"]["original_max_position_embeddings"] == 4096


def test_dynamic_rope_switches_at_its_maximum():
    config = {"max_position_embeddings": 2048, "rope_parameters": {"rope_type": "dynamic", "factor": 2.0}}
    assert {p.key for p in points(config)} == {"", "max_position_embeddings"}
    assert {p.key for p in points({"max_position_embeddings": 2048})} == {""}


def test_learned_positions_bound_the_lengths():
    assert longest({"n_positions": 256, "n_ctx": 512}) == 256
    assert longest({"hidden_size": 96}) > 100_000


def test_long_prompts_are_the_same_for_the_same_seed():
    ids = np.array([[5, 170]])
    one, two = fresh_ids(3, ids, 2, 50), fresh_ids(3, ids, 2, 50)
    assert (one == two).all() and one.shape == (2, 50) and one.min() >= 3 and one.max() <= 170


def test_right_port_passes_at_every_length(worker, arcee):
    found = records(worker.run("arcee", arcee(), checks=["boundary"]))["boundary"]
    assert (found["verdict"], found["findings"]) == ("pass", [])
    assert {r["length"] for r in found["lengths"]} == {1, 2, 16, 17, 18, 259}


def test_mask_lost_beyond_200_tokens_is_found_at_the_cache_step(worker, arcee):
    found = records(worker.run("arcee", arcee(BIG), checks=["exact", "boundary"]))
    assert found["exact std 1.0"]["verdict"] == "pass"
    assert found["boundary"]["verdict"] == "fail"
    assert [f["key"] for f in found["boundary"]["findings"]] == ["mlx-lm's cache step"]


def test_branch_for_a_single_token_is_found_at_length_one(worker, arcee):
    found = records(worker.run("arcee", arcee(ONE), checks=["exact", "boundary"]))
    assert found["exact std 1.0"]["verdict"] == "pass"
    bad = {
        r["length"] for r in found["boundary"]["lengths"] if r["verdict"] == "fail" and "batch" in r["how"]
    }
    assert bad == {1}


def test_second_row_that_copies_the_first_is_found(worker, arcee):
    found = records(worker.run("arcee", arcee(ROWS), checks=["boundary"]))["boundary"]
    assert {r["how"] for r in found["lengths"] if r["verdict"] == "fail"} == {"batch of 2"}


def test_port_that_raises_on_one_length_fails_with_its_line(worker, arcee):
    change = (
        ONE[0],
        f"{ONE[0]}\n        if inputs.shape[1] == 2:\n            raise ValueError('two tokens')",
    )
    found = records(worker.run("arcee", arcee(change), checks=["boundary"]))["boundary"]
    assert found["verdict"] == "fail"
    assert "two" in found["error"]["text"] and "arcee.py:" in found["error"]["text"]
