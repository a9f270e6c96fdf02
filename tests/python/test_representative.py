"""A twin of class defaults that lacks what released configs carry is not held against upstream's port."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from client import records


def upstream(name: str) -> Path:
    import mlx_lm

    return Path(next(iter(mlx_lm.__path__)), "models", name)


@pytest.mark.parametrize("given", [False, True], ids=["found by type", "given, unchanged"])
def test_keys_that_the_defaults_lack_could_not_run(worker, given):
    final = worker.run("gpt_neox", upstream("gpt_neox.py") if given else None)[-1]
    assert (final["type"], final["kind"]) == ("failed", "reference")
    assert final["text"].endswith("requires: rotary_emb_base, rotary_pct.")
    assert "--config" in final["hint"]


def test_only_the_keys_that_no_spelling_has_are_named(worker):
    """exaone4's port asks for rope_theta and rope_scaling too, which the older spelling has."""
    assert worker.run("exaone4")[-1]["text"].endswith("requires: head_dim.")


def test_a_port_of_ones_own_that_needs_an_unknown_key_fails(worker, tmp_path):
    port = tmp_path / "gpt_neox.py"
    port.write_text(upstream("gpt_neox.py").read_text() + "\n# changed\n")
    error = records(worker.run("gpt_neox", port))["exact std 1.0"]["error"]
    assert error["kind"] == "port"
    assert "rotary_emb_base, rotary_pct" in error["hint"]


def test_a_given_config_is_judged(worker, tmp_path):
    """The keys are there, so what comes out is the port's: gpt2's names do not load, and that is said."""
    keys = {
        "n_ctx": 1024,
        "n_positions": 1024,
        "n_embd": 768,
        "n_layer": 12,
        "n_head": 12,
        "vocab_size": 50257,
    }
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"model_type": "gpt2", "layer_norm_epsilon": 1e-5, **keys}))
    assert worker.run("gpt2")[-1]["text"].endswith("requires: n_ctx.")
    error = records(worker.run("gpt2", config=str(config)))["exact std 1.0"]["error"]
    assert "missing" not in error["text"]
