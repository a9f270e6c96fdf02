"""Twins keep what the real config says: relations of sizes, kinds of layers, flags, released names."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mlxport_harness import sweep
from mlxport_harness.checks.verdict import by_floor
from mlxport_harness.errors import Failure
from mlxport_harness.reference import names
from mlxport_harness.twin import accepted, complete, layers, shrink, ties, weights

TWIN = Path(shrink.__file__).parent


def test_every_fact_about_an_architecture_has_a_reason():
    assert [name for name, fact in shrink.rules()["types"].items() if not fact.get("why")] == []


def test_what_the_accepted_ports_tell_is_what_the_installed_ones_say():
    import importlib.metadata

    import mlx_lm
    from mlx_lm.utils import MODEL_REMAPPING

    table = accepted.table()
    assert table["mlx_lm"] == importlib.metadata.version("mlx-lm")
    models = Path(next(iter(mlx_lm.__path__))) / "models"
    soft = sorted({*shrink.rules()["undeclared"], *shrink.rules()["groups"]})
    assert accepted.read(models, MODEL_REMAPPING, list(table["types"]), soft) == table["types"]


def test_the_types_set_aside_follow_their_rule():
    data = json.loads((TWIN / "holdout.json").read_text())
    unseen = [t for t in sweep.shared_types() if t not in data["seen_before"]]
    smallest = sorted(unseen, key=lambda t: hashlib.sha256(t.encode()).hexdigest())[:20]
    assert sorted(smallest) == data["held_out"]


def test_a_relation_that_the_real_sizes_obey_holds_in_the_twin():
    base = {"mamba_d_head": 64, "mamba_n_heads": 128, "mamba_expand": 2, "hidden_size": 4096}
    small = {"mamba_d_head": 16, "mamba_n_heads": 8, "mamba_expand": 2, "hidden_size": 96}
    table = {"mamba_d_head": ["mamba_expand*hidden_size/mamba_n_heads"]}
    ties.tie(small, base, table)
    assert small["mamba_d_head"] == 24
    other = {**small, "mamba_d_head": 16}
    ties.tie(other, {**base, "mamba_d_head": 32}, table)
    assert other["mamba_d_head"] == 16


def test_layers_that_share_keys_keep_a_partner_of_their_kind():
    kinds = ["sliding_attention"] * 4 + ["full_attention"]
    base = {"num_hidden_layers": 10, "layer_types": kinds * 2, "num_kv_shared_layers": 5}
    picks = layers.pick(base, shrink.rules(), {})
    small = dict(base)
    layers.apply(small, base, picks, shrink.rules())
    kept = small["layer_types"]
    shared = small["num_kv_shared_layers"]
    assert shared == 2
    assert set(kept[-shared:]) <= set(kept[:-shared])


def test_a_layers_own_sizes_follow_it():
    base = {"num_hidden_layers": 6, "head_dim": 256, "per_layer_config": {"05": {"head_dim": 512}}}
    small = {**base, "head_dim": 32}
    layers.apply(small, base, layers.pick(base, shrink.rules(), {}), shrink.rules())
    assert small["per_layer_config"] == {3: {"head_dim": 64}}


@pytest.mark.parametrize(("local", "equal"), [(10000.0, True), (500000.0, False)])
def test_layer_kinds_have_different_thetas_only_where_the_real_ones_have(local, equal):
    rope = {"full_attention": {"rope_theta": 10000.0}, "sliding_attention": {"rope_theta": local}}
    small = shrink.shrink("olmo3", {"num_hidden_layers": 4, "hidden_size": 64, "rope_parameters": rope}, True)
    thetas = [part["rope_theta"] for part in small["rope_parameters"].values()]
    assert (thetas[0] == thetas[1]) is equal
    assert 10000.0 not in thetas


def test_what_a_given_config_says_beside_sizes_stays():
    """The facts for the class's default must not undo a branch that a file takes."""
    given = {"n_groups": 1, "num_heads": 64, "time_step_limit": [0.0, 4.0], "num_hidden_layers": 4}
    small = shrink.shrink("mamba2", given, defaults=False)
    assert (small["n_groups"], small["time_step_limit"], small["num_heads"]) == (1, [0.0, 4.0], 12)
    assert shrink.shrink("mamba2", {**given, "n_groups": 8}, defaults=True)["n_groups"] == 2


def test_kinds_of_hybrid_layers_have_their_older_names_in_the_older_spelling():
    config = {"mamba_n_heads": 4, "layer_types": ["linear_attention", "full_attention"]}
    old = shrink.legacy_spelling({**config, "rope_parameters": {"rope_theta": 1.0}}, {})
    assert old["layer_types"] == ["mamba", "attention"]
    dense = {"layer_types": ["full_attention"], "rope_parameters": {"rope_theta": 1.0}}
    assert shrink.legacy_spelling(dense, {})["layer_types"] == ["full_attention"]


def test_only_what_an_accepted_port_requires_is_filled_in():
    from transformers import AutoConfig

    filled = complete.missing("gpt_neox", AutoConfig.for_model("gpt_neox", num_attention_heads=4))
    assert filled == {"rotary_emb_base": 10000, "rotary_pct": 0.25}
    assert complete.missing("qwen3", AutoConfig.for_model("qwen3")) == {}


def test_fused_experts_become_the_parts_that_the_port_reads():
    steps = shrink.rules()["types"]["gpt_oss"]["weights"]
    fused = torch.arange(12.0).reshape(1, 2, 6)
    parts = names._one("layers.0.mlp.experts.gate_up_proj", fused, steps, {})
    assert list(parts) == [f"layers.0.mlp.experts.{p}_proj.weight" for p in ("gate", "up")]
    assert parts["layers.0.mlp.experts.gate_proj.weight"].tolist() == [[[0, 6], [2, 8], [4, 10]]]


@pytest.mark.parametrize(
    ("figure", "floor", "wide", "verdict"),
    [
        (1.5e-5, 2.7e-6, 1.0, "suspect"),
        (1.2e-5, 8.9e-6, 3.0, "pass"),  # granite at 259 tokens, right
        (1.68e-5, 2.4e-6, 3.0, "suspect"),  # longcat_flash, whose epsilon is wrong
        (1.5e-5, 1e-6, 3.0, "suspect"),
        (4e-5, 1.2e-5, 3.0, "suspect"),
        (0.9e-5, 2.7e-6, 1.0, "pass"),
    ],
)
def test_the_bar_gives_way_only_where_asked_within_four_floors_and_to_three_times(
    figure, floor, wide, verdict
):
    assert by_floor(figure, floor, (1e-5, 1e-3), wide) == verdict


def test_a_module_named_after_norms_is_not_filled_as_one():
    torch.manual_seed(0)
    model = torch.nn.ModuleDict({"norm_attn_norm": torch.nn.ModuleDict({"out": torch.nn.Linear(64, 64)})})
    weights.fill(model, 0, 1.0)
    assert model["norm_attn_norm"]["out"].weight.abs().mean() < 0.3


def test_a_type_that_hangs_or_fails_is_named_and_the_rest_goes_on(capsys):
    finals = {
        "a": {"type": "failed", "kind": "reference", "text": "did not finish within 120 s", "hint": ""},
        "b": {"type": "done", "result": {"model_type": "b", "verdict": "pass", "checks": []}},
    }
    worker = SimpleNamespace(one=lambda request: finals[request["target"]["model_type"]])
    found = sweep.run(worker, {"check": "twin"}, ["a", "b"], False)
    assert found["counts"] == {"pass": 1, "suspect": 0, "fail": 0, "could_not_run": 1}
    assert (sweep.code(found), found["runs"][0]["error"]["text"]) == (2, finals["a"]["text"])
    assert "1 of 2: a could_not_run" in capsys.readouterr().err
    finals["b"]["result"]["verdict"] = "suspect"
    assert sweep.code(sweep.run(worker, {}, ["a", "b"], False)) == 1


def test_unknown_names_given_to_a_sweep_are_refused():
    with pytest.raises(Failure) as failure:
        sweep.chosen("qwen3,no_such", reference_only=False)
    assert "no_such" in failure.value.text
    text, other = sweep.text_types()
    assert "gpt_neo" in text
    assert "encoder" in other["bert"]


def test_a_sweep_of_both_kinds_from_the_command_line(tmp_path):
    import subprocess
    import sys

    def swept(*arguments: str) -> tuple[int, dict]:
        command = [sys.executable, "-m", "mlxport_harness", "check", "twin", "--all", "--json", *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=300, env=environment(), cwd=tmp_path
        )
        return done.returncode, json.loads(done.stdout)

    status, found = swept("--types", "qwen3,minimax", "--checks", "exact")
    assert (status, [r["verdict"] for r in found["runs"]]) == (2, ["pass", "could_not_run"])
    assert "MiniMax-Text-01" in found["runs"][1]["error"]["text"]
    status, found = swept("--types", "gpt_neo", "--reference-only")
    assert (status, [c["id"] for c in found["runs"][0]["checks"]]) == (0, ["reference", "reference"])


def environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": str(TWIN.parents[1])}
