"""A twin of class defaults that lacks what released configs carry is completed, or is not judged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mlxport_harness import representative
from mlxport_harness.errors import Failure
from mlxport_harness.twin.target import Target, Variant

from client import records

LACKS = (
    "The port raised TypeError: ModelArgs.__init__() missing 1 required positional argument: 'window_shape'"
)


def upstream(name: str) -> Path:
    import mlx_lm

    return Path(next(iter(mlx_lm.__path__)), "models", name)


def judged(tmp_path: Path, port: Path, given: bool) -> list[dict]:
    import hashlib

    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "config.json").write_text("{}")
    sha = hashlib.sha256(port.read_bytes()).hexdigest()
    target = Target("gpt_neox", (Variant("defaults", None),), port, sha, given)
    rows = [{"error": {"kind": "port", "text": LACKS, "hint": ""}}]
    representative.judge(target, rows, tmp_path)
    return rows


@pytest.mark.parametrize("given", [False, True], ids=["found by type", "given, unchanged"])
def test_keys_that_the_defaults_lack_could_not_run(tmp_path, given):
    with pytest.raises(Failure) as failure:
        judged(tmp_path, upstream("gpt_neox.py"), given)
    assert failure.value.kind == "reference"
    assert failure.value.text.endswith("requires: window_shape.")
    assert "--config" in failure.value.hint


def test_a_port_of_ones_own_that_needs_an_unknown_key_fails(tmp_path):
    port = tmp_path / "gpt_neox.py"
    port.write_text(upstream("gpt_neox.py").read_text() + "\n# changed\n")
    assert "window_shape" in judged(tmp_path, port, True)[0]["error"]["hint"]


def test_keys_of_released_files_are_filled_in(worker):
    """gpt2's class has no n_ctx, and released files lack the prefix that transformers saves."""
    found = records(worker.run("gpt2", checks=["exact"]))
    assert [found[f"exact std {std}"]["verdict"] for std in ("1.0", "0.05")] == ["pass", "pass"]


def test_a_given_config_is_judged_as_it_is(worker, tmp_path):
    """Nothing is filled in for a file: what it lacks, the port misses."""
    keys = {"n_positions": 1024, "n_embd": 768, "n_layer": 12, "n_head": 12, "vocab_size": 50257}
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"model_type": "gpt2", "layer_norm_epsilon": 1e-5, **keys}))
    error = records(worker.run("gpt2", config=str(config), checks=["exact"]))["exact std 1.0"]["error"]
    assert "n_ctx" in error["text"]
