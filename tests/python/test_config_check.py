"""The check `config`: keys that a port ignores or misreads are found by what the port does."""

from __future__ import annotations

import json

import pytest

from client import records

SCALING = "            self.rope_scaling = self.rope_parameters\n"
BIASES = "bias=args.attention_bias"
TIED = (
    "        if self.args.tie_word_embeddings:\n            return self.model.embed_tokens.as_linear(out)\n"
)
UNTIED = "if not args.tie_word_embeddings:\n            self.lm_head"


def config(worker, port, **fields):
    found = worker.run("arcee", port, checks=["config"], **fields)
    return records(found)["config"]


def rows(record, path):
    return {(k["mutation"], k["value"]): k["outcome"] for k in record["keys"] if k["path"] == path}


def test_right_port_ignores_only_the_activation_that_it_hard_codes(worker, arcee):
    found = config(worker, arcee())
    assert found["verdict"] == "pass"
    ids = {(f["id"], f["key"]) for f in found["findings"]}
    assert ("ignored_key", "hidden_act") in ids and found["figure"] == 1
    assert not {f for f in ids if f[0] in ("wrong_default", "wrong_null", "rejected_value")}
    required = next(f["text"] for f in found["findings"] if f["id"] == "rejects_absent")
    assert "num_key_value_heads, rms_norm_eps, rope_parameters" in required
    assert rows(found, "attention_bias")["value", "true"] == "same"
    assert rows(found, "tie_word_embeddings")["value", "true"] == "same"
    assert rows(found, "rope_parameters.rope_theta")["value", "630000.0"] == "same"
    assert rows(found, "rope_parameters.rope_type")["value", "yarn"] == "same"


@pytest.mark.parametrize(
    ("changes", "finding", "key"),
    [
        ([("eps=args.rms_norm_eps", "eps=1e-5")], "ignored_key", "rms_norm_eps"),
        ([(SCALING, "")], "ignored_key", "rope_parameters.rope_type"),
        (
            [(TIED, ""), (UNTIED, "if True:\n            self.lm_head")],
            "rejected_value",
            "tie_word_embeddings",
        ),
        ([(BIASES, "bias=False")], "rejected_value", "attention_bias"),
        ([("mlp_bias: bool = False", "mlp_bias: bool = True")], "wrong_default", "mlp_bias"),
        ([("head_dim or self.hidden_size", "head_dim or 2 * self.hidden_size")], "wrong_default", "head_dim"),
    ],
    ids=["eps", "scaling", "tied", "bias", "default", "null"],
)
def test_key_that_is_not_obeyed_is_found_and_is_no_failure(worker, arcee, changes, finding, key):
    found = config(worker, arcee(*changes))
    assert found["verdict"] == "pass"
    assert (finding, key) in {(f["id"], f["key"]) for f in found["findings"]}


def test_ignored_key_that_the_given_config_sets_is_suspect(worker, arcee, tmp_path):
    raw = {"model_type": "arcee", "hidden_size": 96, "num_hidden_layers": 2, "intermediate_size": 128}
    raw |= {"num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 176, "rms_norm_eps": 1e-4}
    raw |= {"hidden_act": "relu2", "max_position_embeddings": 4096, "rope_theta": 10000.0}
    path = tmp_path / "config.json"
    path.write_text(json.dumps(raw))
    right, wrong = arcee(), None
    assert config(worker, right, config=str(path))["verdict"] == "pass"
    wrong = config(worker, arcee(("eps=args.rms_norm_eps", "eps=1e-4")), config=str(path))
    assert wrong["verdict"] == "suspect"
    assert "given config.json sets it" in next(
        f["text"] for f in wrong["findings"] if f["key"] == "rms_norm_eps"
    )


def test_port_that_is_wrong_from_the_start_is_diagnosed_by_toggle(worker):
    """starcoder2's port is wrong for the default activation; with the exact one every other key is judged."""
    found = records(worker.run("starcoder2", checks=["config"]))["config"]
    first = found["findings"][0]
    assert (first["id"], first["key"]) == ("ignored_key", "hidden_act")
    assert 'hidden_act = "gelu"' in first["text"]
    assert any(k["outcome"] == "same" for k in found["keys"])


def test_change_that_kills_the_port_costs_that_change_only(worker, arcee):
    kill = (
        "    def __post_init__(self):\n        import os\n        if self.mlp_bias:\n            os.abort()\n"
    )
    found = config(worker, arcee(("    def __post_init__(self):\n", kill)))
    assert rows(found, "mlp_bias")["value", "true"] == "port_rejects"
    assert rows(found, "rms_norm_eps")["value", "0.03"] == "same"


def test_llama_ignores_rope_parameters(worker, tmp_path):
    """A config as transformers 5 writes it: mlx-lm's port takes the theta of its own default."""
    raw = {"model_type": "llama", "hidden_size": 96, "num_hidden_layers": 2, "intermediate_size": 128}
    raw |= {"num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 176, "rms_norm_eps": 1e-6}
    raw |= {"tie_word_embeddings": False, "rope_parameters": {"rope_type": "default", "rope_theta": 50000.0}}
    path = tmp_path / "config.json"
    path.write_text(json.dumps(raw))
    found = records(worker.run("llama", checks=["config"], config=str(path)))["config"]
    ignored = {f["key"] for f in found["findings"] if f["id"] == "ignored_key"}
    assert {"rope_parameters.rope_theta", "rope_parameters.rope_type"} <= ignored
    assert "right without rope_parameters.rope_theta" in found["findings"][0]["text"]
    assert found["verdict"] == "suspect"
