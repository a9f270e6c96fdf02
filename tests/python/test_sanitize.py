"""The twin checks `sanitize` and `names`: a right port passes, each fault is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import headers
from client import Client
from test_load import DONE, LLAMA, checkpoints, llama, load, port, texts  # noqa: F401

SMALL = LLAMA | {"tie_word_embeddings": False, "num_hidden_layers": 2}


def check(worker: Client, model_type: str, port: Path | None, *checks: str, **fields: Any) -> dict[str, Any]:  # noqa: F811
    final = worker.run(model_type, port, checks=list(checks), **fields)[-1]
    assert final["type"] == "done", final
    return {c["id"]: c for c in final["result"]["checks"]} | {"run": final["verdict"]}


def test_a_right_sanitize_passes_with_copies_that_load(worker):
    found = check(worker, "deepseek_v3", None, "sanitize")["sanitize"]
    assert (found["verdict"], found["findings"]) == ("pass", [])
    assert found["copies"] == {"plain": 0.0, "quantized": 0.0}


SCALES = ("scales", "biases")
FAULTS = {
    "adds one each time": (
        '        for k in list(weights):\n            if "layernorm" in k:\n'
        "                weights[k] = weights[k] + 1.0\n",
        "fail",
        "twice",
        "Run a second time, sanitize changes the values of model.layers.0.input_layernorm.weight and 7 more.",
    ),
    "drops the scales": (
        '        weights = {k: v for k, v in weights.items() if "scales" not in k}\n',
        "fail",
        "quantized",
        None,
    ),
    "keeps only what it knows": (
        "        from mlx.utils import tree_flatten\n        known = dict(tree_flatten(self.parameters()))\n"
        "        weights = {k: v for k, v in weights.items() if k in known or k[-6:] in " + f"{SCALES}}}\n",
        "suspect",
        "too_much",
        None,
    ),
    "takes what it does not know": (
        '        for k in [k for k in weights if "norm_probe" in k]:\n'
        '            weights[k.replace("_probe", "")] = weights.pop(k)\n',
        "suspect",
        "too_much",
        None,
    ),
    "makes up what is missing": (
        '        weights.setdefault("model.norm.weight", mx.ones((self.args.hidden_size,)))\n',
        "fail",
        "made_up",
        "Without model.norm.weight, sanitize makes model.norm.weight up instead of failing the strict load.",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_of_sanitize_is_named(worker, port, name):  # noqa: F811
    lines, verdict, kind, text = FAULTS[name]
    found = check(worker, "llama", port("llama", (DONE, lines + DONE)), "sanitize")["sanitize"]
    assert found["verdict"] == verdict, found
    assert texts(found, kind), found["findings"]
    if text:
        assert text in texts(found, kind)


def test_a_sanitize_that_needs_the_released_names_fails_on_a_converted_copy(worker, port):  # noqa: F811
    change = (
        'if f"{prefix}.mlp.experts.0.{m}.{k}" in weights:',
        'if k == "weight" and l >= self.args.first_k_dense_replace:',
    )
    path = port("deepseek_v3", change)
    found = check(worker, "deepseek_v3", path, "sanitize")["sanitize"]
    assert found["verdict"] == "fail"
    assert "KeyError: 'model.layers.1.mlp.experts.0.gate_proj.weight'" in texts(found, "twice")[0]
    assert texts(found, "plain")[0].startswith("A converted copy: the strict load of the copy failed: ")
    assert f"{path}:" in texts(found, "plain")[0]


def test_a_value_dependent_sanitize_is_settled_on_the_twin(worker, checkpoints, port):  # noqa: F811
    reads = '        if weights["model.norm.weight"].sum().item() == 0:\n            raise ValueError\n'
    target = {"checkpoint": str(checkpoints["llama"]), "port_path": str(port("llama", (DONE, reads + DONE)))}
    final = worker.run(None, check="load", target=target)[-1]
    assert {c["id"]: c["verdict"] for c in final["result"]["checks"]} == {
        "load": "not_exercised",
        "sanitize": "pass",
    }
    assert final["verdict"] == "pass"


def test_names_of_a_release_are_compared_with_the_twins(worker, tmp_path):
    folder = headers.write(tmp_path / "like", SMALL, llama(SMALL, head=True))
    found = check(worker, "llama", None, "exact", "names", "load", config=str(folder / "config.json"))
    assert (found["names"]["verdict"], found["names"]["figure"], found["load"]["verdict"]) == (
        "pass",
        0,
        "pass",
    )
    tensors = {n.replace("mlp.up_proj", "mlp.w3"): t for n, t in llama(SMALL, head=True).items()}
    folder = headers.write(tmp_path / "unlike", SMALL, tensors)
    found = check(worker, "llama", None, "exact", "names", config=str(folder / "config.json"))
    text = (
        "Names not representative of unlike: The release has model.layers.*.mlp.w3.weight; "
        "the twin has model.layers.*.mlp.up_proj.weight."
    )
    assert (found["names"]["verdict"], found["names"]["figure"]) == ("not_exercised", 2)
    assert texts(found["names"], "names") == texts(found["exact"], "names") == [text]
    assert found["run"] == "pass"
