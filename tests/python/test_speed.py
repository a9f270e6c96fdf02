"""The family `speed`: the nearest accepted port, a slower port, growing memory, and what does not fit."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from mlxport_harness.speed import budget
from mlxport_harness.speed.judge import judge
from mlxport_harness.speed.nearest import ranked

CONFIG = {
    "model_type": "arcee",
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 12,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-5,
    "vocab_size": 512,
    "rope_theta": 10000.0,
    "hidden_act": "relu2",
    "max_position_embeddings": 4096,
}
MLP = "return self.down_proj(nn.relu2(self.up_proj(x)))"


@pytest.fixture
def speed(worker, arcee, tmp_path):
    path = tmp_path / "config.json"

    def run(*changes, config=CONFIG, **fields):
        path.write_text(json.dumps(config))
        fields.setdefault("timeout_s", 300)
        params = {"prompt": 16, "decode": 4, "repeat": 2, **fields.pop("params", {})}
        found = worker.run(
            "arcee", arcee(*changes), check="speed", config=[str(path)], params=params, **fields
        )
        return found[-1]

    return run


def test_port_is_timed_beside_the_accepted_one_with_few_layers_and_true_width(speed):
    final = speed(params={"against": "llama"})
    assert final["type"] == "done", final
    found = {c["twin"]: c for c in final["result"]["checks"]}
    assert {k: c["verdict"] for k, c in found.items()} == dict.fromkeys(
        ("prefill", "decode", "memory"), "pass"
    )
    assert (found["decode"]["against"], found["decode"]["layers"]) == ("llama", 4)
    assert (
        found["decode"]["median"]["port"] > 0 and found["decode"]["best"]["port"] >= found["decode"]["figure"]
    )
    assert "CPU" in found["decode"]["findings"][0]["text"]


def test_port_that_loops_over_tokens_is_told_as_slower(speed):
    slow = "for _ in range(8):\n            x = x + 0 * self.down_proj(nn.relu2(self.up_proj(x)))\n        "
    final = speed((MLP, slow + MLP), params={"against": "llama"})
    prefill = next(c for c in final["result"]["checks"] if c["twin"] == "prefill")
    assert prefill["ratio"] < 0.5 and "slow" in [f["id"] for f in prefill["findings"]]


def test_what_does_not_fit_is_refused_with_an_estimate_before_it_is_made(speed):
    final = speed(config={**CONFIG, "hidden_size": 16384, "intermediate_size": 65537}, mem_mb=1024)
    assert (final["type"], final["kind"]) == ("failed", "user")
    assert "needs about" in final["text"] and "1024 MB" in final["text"]


def test_nearest_is_of_the_same_kind():
    models = Path(importlib.util.find_spec("mlx_lm").submodule_search_locations[0]) / "models"
    dense = [name for name, _, _ in ranked(CONFIG, models, {"arcee"})]
    experts = {**CONFIG, "num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 128}
    sparse = [name for name, _, _ in ranked(experts, models, {"arcee"})]
    assert "llama" in dense and "qwen3_moe" in sparse
    assert not {"llama", "qwen3", "mamba2", "deepseek_v3"} & set(sparse) and "qwen3_moe" not in dense


def test_memory_that_grows_more_than_the_other_ports_is_told():
    def shot(step):
        memory = np.arange(9, dtype=np.float64) * step
        return {"prefill": 1.0, "decode": np.ones(8), "memory": memory, "peak_mb": 1}

    note = {"weights_mb": 1, "layers": 4}
    sizes = {"prompt": 8, "decode": 8, "repeat": 1}
    shots = {"port": [shot(1 << 20)], "against": [shot(1 << 12)]}
    memory = judge(shots, sizes, note, "llama", note)[-1]
    assert memory["figure"] == 1024 and memory["findings"][0]["id"] == "growth"
    shots["port"] = [shot(1 << 12)]
    assert not judge(shots, sizes, note, "llama", note)[-1]["findings"]


def test_budget_gives_up_tokens_then_layers_then_widths_and_says_so():
    found = budget.options("arcee", CONFIG)
    assert [(o.layers, o.factor) for o in found] == [(4, 1), (1, 1), (1, 2), (1, 4), (1, 8), (1, 16)]
    thin = found[3].config
    assert (thin["hidden_size"], thin["intermediate_size"], thin["vocab_size"]) == (64, 128, 128)
    assert (thin["num_attention_heads"], thin["num_key_value_heads"]) == (1, 1)
    assert found[3].words() == "1 of 12 layers at 1/4 of the width"
    odd = budget.options("arcee", {**CONFIG, "intermediate_size": 511})
    assert [o.factor for o in odd] == [1, 1]
    rich, poor = [(0.01, 0.01)], [(10.0, 10.0)]
    assert budget.affordable(rich, 60.0, {}) == {"prompt": 64, "decode": 16, "repeat": 3}
    assert budget.affordable(poor, 60.0, {"prompt": 40}) == {"prompt": 40, "decode": 8, "repeat": 2}


def test_experts_of_a_narrower_model_are_enough_for_a_token():
    experts = {**CONFIG, "num_experts": 16, "num_experts_per_tok": 4, "moe_intermediate_size": 128}
    assert budget.narrowed(experts, 8)["num_experts"] == 4


def test_small_budget_narrows_the_port_and_the_record_says_what_was_measured(speed):
    wide = {**CONFIG, "hidden_size": 2048, "intermediate_size": 8192, "num_attention_heads": 16}
    wide |= {"num_key_value_heads": 16, "vocab_size": 32000}
    final = speed(config=wide, params={"against": "llama", "budget_s": 10, "repeat": 1})
    assert final["type"] == "done", final
    for one in final["result"]["checks"]:
        assert one["budget"]["given_s"] == 10 and one["budget"]["repeat"] == 1
        assert one["budget"]["narrower"] > 1 and one["budget"]["of_layers"] == 12
        assert "narrower" in [f["id"] for f in one["findings"]]


def test_budget_that_is_none_is_named(speed):
    final = speed(params={"budget_s": 1})
    assert (final["type"], final["kind"]) == ("failed", "user") and "budget_s" in final["text"]
