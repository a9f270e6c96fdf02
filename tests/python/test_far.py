"""The check `far`: faults that show only where positions are large."""

from __future__ import annotations

import json

from client import records

CLAMPED = "offset = min(cache.offset, 900) if cache is not None else 0"
OFFSET = "offset = cache.offset if cache is not None else 0"
SCALING = "            self.rope_scaling = self.rope_parameters\n"


def far(worker, port, **fields):
    return records(worker.run("arcee", port, checks=["exact", "far"], **fields))


def test_right_port_passes_far_with_every_scaling_but_longrope(worker, arcee):
    """mlx-lm's own longrope takes the long factors at every length: known, so a finding and no failure."""
    found = far(worker, arcee())["far"]
    assert found["verdict"] == "pass"
    assert [b["start"] for b in found["blocks"]] == [0, 1000, 4080]
    assert [(f["id"], f["key"]) for f in found["findings"]] == [("scaling_wrong", "longrope")]
    assert {o["name"] for o in found["others"]} == {"linear", "dynamic", "llama3", "yarn", "longrope"}
    assert max(b["start"] for o in found["others"] for b in o["blocks"]) > 100_000


def test_positions_that_are_clamped_fail_far_only(worker, arcee):
    found = far(worker, arcee((OFFSET, CLAMPED)))
    assert found["exact std 1.0"]["verdict"] == "pass"
    assert found["far"]["verdict"] == "fail"
    assert "From position 1,000 on" in found["far"]["findings"][0]["text"]


def test_port_that_raises_only_at_far_positions_fails(worker, arcee):
    bound = OFFSET + "\n        assert offset < 900, 'table too small'"
    found = far(worker, arcee((OFFSET, bound)))
    assert found["exact std 1.0"]["verdict"] == "pass"
    assert found["far"]["verdict"] == "fail"
    assert "Only at far positions: The port raised AssertionError" in found["far"]["error"]["text"]


def test_scaling_that_a_port_loses_is_a_finding_for_defaults_and_a_failure_for_a_config(
    worker, arcee, tmp_path
):
    port = arcee((SCALING, ""))
    found = far(worker, port)["far"]
    assert found["verdict"] == "pass"
    assert {f["key"] for f in found["findings"]} == {"linear", "dynamic", "llama3", "yarn", "longrope"}
    raw = {"model_type": "arcee", "hidden_size": 96, "num_hidden_layers": 2, "intermediate_size": 128}
    raw |= {"num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 176, "rms_norm_eps": 1e-5}
    rope = {"rope_type": "dynamic", "factor": 8.0, "rope_theta": 10000.0}
    raw |= {"max_position_embeddings": 4096, "rope_parameters": rope}
    path = tmp_path / "config.json"
    path.write_text(json.dumps(raw))
    found = far(worker, port, config=str(path))
    assert found["exact std 1.0"]["verdict"] == "pass"  # dynamic scaling starts beyond the maximum
    assert found["far"]["verdict"] == "fail"
    assert far(worker, arcee(), config=str(path))["far"]["verdict"] == "pass"


def test_model_without_rotary_positions_is_not_applicable(worker):
    found = records(worker.run("mamba", checks=["far"]))["far"]
    assert found["verdict"] == "not_applicable"
