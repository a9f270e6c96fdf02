"""The check `swap`: each module alone, so that every fault is named, and no neighbour of one."""

from __future__ import annotations

from pathlib import Path

import mlx_lm.models
import pytest
from mlxport_harness.checks.locate import pair

from client import records

LIBRARY = Path(mlx_lm.models.__path__[0])
ACTIVATION = ("nn.relu2(self.up_proj(x))", "nn.silu(self.up_proj(x))")
THETA = ("args.head_dim, args.rope_theta, False", "args.head_dim, args.rope_theta * 2, False")
LAYER = "TransformerBlock(args) for _ in range(args.num_hidden_layers)"
NUMBERED = (LAYER, "TransformerBlock(args, i) for i in range(args.num_hidden_layers)")
BLOCK = (
    "def __init__(self, args: ModelArgs):\n        super().__init__()\n        self.self_attn",
    "def __init__(self, args, i):\n        super().__init__()\n        self.i = i\n        self.self_attn",
)
RESIDUAL = "return h + self.mlp(self.post_attention_layernorm(h))"
SCALED = (
    "return self.down_proj(nn.relu2(self.up_proj(x)))",
    "return 0.5 * self.down_proj(nn.relu2(self.up_proj(x)))",
)


def swap(worker, model_type, port):
    return records(worker.run(model_type, port, checks=["exact", "swap"]))


def wrong(found):
    return [f["key"] for f in found["swap"]["findings"] if f["id"] == "wrong_alone"]


def test_right_port_passes_and_says_what_was_not_judged(worker, arcee):
    found = swap(worker, "arcee", arcee())["swap"]
    assert found["verdict"] == "pass" and found["findings"] == []
    names = [name for name, _ in found["modules"]]
    assert {"model.layers.0", "model.layers.0.self_attn", "model.layers.0.mlp", "model.norm"} <= set(names)
    assert 0 < found["figure"] < 1e-5
    assert ["model.rotary_emb", "the port has no module of this path"] in found["not_judged"]


def test_two_independent_faults_are_both_named_with_their_lines(worker, arcee):
    port = arcee(ACTIVATION, THETA)
    found = swap(worker, "arcee", port)
    assert found["exact std 1.0"]["verdict"] == "fail" and found["swap"]["verdict"] == "suspect"
    layers = len(found["swap"]["series"])
    assert wrong(found) == [
        f"model.layers.{i}.{part}" for i in range(layers) for part in ("self_attn", "mlp")
    ]
    assert found["swap"]["first_divergence"]["module"] == "model.layers.0.self_attn"
    first = found["swap"]["findings"][0]["text"]
    line = 1 + port.read_text()[: port.read_text().index("def __call__(self, x, mask")].count("\n")
    assert "modeling_arcee.py:" in first and f"{port}:{line}" in first


def test_fault_of_one_layer_names_that_layer_only(worker, arcee):
    only = "return h + (1.5 if self.i == 3 else 1) * self.mlp(self.post_attention_layernorm(h))"
    found = swap(worker, "arcee", arcee(NUMBERED, BLOCK, (RESIDUAL, only)))
    assert wrong(found) == ["model.layers.3"]
    assert "its parts are right" in found["swap"]["findings"][0]["text"]


def test_fault_in_what_joins_the_parts_is_named_beside_one_in_a_part(worker, arcee):
    only = "return h + (1.5 if self.i == 1 else 1) * self.mlp(self.post_attention_layernorm(h))"
    found = swap(worker, "arcee", arcee(NUMBERED, BLOCK, (RESIDUAL, only), THETA))
    layers = len(found["swap"]["series"])
    attention = [f"model.layers.{i}.self_attn" for i in range(layers)]
    assert wrong(found) == [*attention[:2], "model.layers.1", *attention[2:]]
    texts = [f["text"] for f in found["swap"]["findings"] if "put right" in f["text"]]
    assert len(texts) == 1 and texts[0].startswith("wrong alone: model.layers.1 (")


def test_factor_that_nothing_makes_up_for_is_named_and_a_moved_one_is_not(worker, arcee):
    found = swap(worker, "arcee", arcee(SCALED))
    assert wrong(found)[0] == "model.layers.0.mlp"
    assert "by the factor 0.5 only" in found["swap"]["findings"][0]["text"]
    moved = (RESIDUAL, "return h + 2 * self.mlp(self.post_attention_layernorm(h))")
    found = swap(worker, "arcee", arcee(SCALED, moved))["swap"]
    assert found["verdict"] == "pass" and found["findings"] == []
    assert ["model.layers.0.mlp", pytest.approx(0.5)] in found["factors"]


def test_fault_behind_the_last_module_is_named_as_the_models(worker, arcee):
    found = swap(worker, "arcee", arcee(("return self.lm_head(out)", "return mx.tanh(self.lm_head(out))")))
    assert wrong(found) == ["Model"]


def test_branch_beside_the_faulty_one_is_not_named(worker):
    """falcon_h1: both branches of a layer take the same input, and the port moves scales into the weights."""
    found = swap(worker, "falcon_h1", LIBRARY / "falcon_h1.py")
    assert {name.rpartition(".")[2] for name in wrong(found)} == {"self_attn"}
    exact = found["exact std 1.0"]
    assert exact["placed_by"] == "swap" and exact["first_divergence"] == found["swap"]["first_divergence"]
    said = next(f["text"] for f in exact["findings"] if f["id"] == "placed_by_swap")
    assert "locate, which follows the pass, names" in said


def test_exact_is_placed_by_locate_where_swap_did_not_run_or_names_no_module(worker, arcee):
    found = records(worker.run("arcee", arcee(ACTIVATION), checks=["exact"]))
    assert found["exact std 1.0"]["placed_by"] == "locate"
    found = swap(worker, "arcee", arcee(("return self.lm_head(out)", "return mx.tanh(self.lm_head(out))")))
    assert found["exact std 1.0"]["placed_by"] == "locate"


def test_process_that_sees_the_references_activations_leaves_nothing_behind(worker, arcee):
    messages = worker.run("arcee", arcee(), checks=["swap"])
    assert records(messages)["swap"]["verdict"] == "pass"
    assert not list(worker.folder.rglob("inputs.bin"))


def test_layers_pair_under_another_name_of_their_list():
    rows = {n: {} for n in ["gpt_neox.layers.0.mlp", "gpt_neox.layers.1", "gpt_neox.embed_in", "lm_head"]}
    port = {n: {} for n in ["model.h.0.mlp", "model.h.1", "model.embed_in", "model.h.0.other"]}
    assert list(pair(rows, port).values()) == ["model.h.0.mlp", "model.h.1", "model.embed_in", None]
