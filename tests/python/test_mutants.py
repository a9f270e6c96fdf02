"""Single faults in a right port: the verdict, the check that sees it, and the place it names."""

from __future__ import annotations

import pytest

from client import records

LAYER = "model.layers.0"
ATTENTION = f"{LAYER}.self_attn"
RESHAPE = "queries = self.q_proj(x).reshape(B, L, self.n_heads, -1).transpose(0, 2, 1, 3)"
WRONG_RESHAPE = "queries = self.q_proj(x).reshape(B, L, -1, self.n_heads).transpose(0, 3, 1, 2)"
ADD = "return h + self.mlp(self.post_attention_layernorm(h))"


def test_right_port_passes_every_check(worker, arcee):
    found = worker.run("arcee", arcee())
    assert {k: v["verdict"] for k, v in records(found).items()} == {
        "exact std 1.0": "pass",
        "exact std 0.05": "pass",
        "dtype": "pass",
        "cache": "pass",
        "batch": "pass",
        "locate": "pass",
    }
    assert found[-1]["verdict"] == "pass"


@pytest.mark.parametrize(
    ("change", "module"),
    [
        (("nn.relu2(", "nn.silu("), f"{LAYER}.mlp"),
        (("args.head_dim, args.rope_theta", "args.head_dim, 10000.0"), ATTENTION),
        ((RESHAPE, WRONG_RESHAPE), ATTENTION),
        (("args.head_dim**-0.5", "args.hidden_size**-0.5"), ATTENTION),
        (("False, args.rope_scaling", "True, args.rope_scaling"), ATTENTION),
        ((ADD, "return x + self.mlp(self.post_attention_layernorm(h))"), LAYER),
        (("self.norm(h)", "self.layers[-1].input_layernorm(h)"), "model"),
    ],
    ids=[
        "activation",
        "rope-theta",
        "transposed-heads",
        "scale",
        "interleaved-rope",
        "residual",
        "final-norm",
    ],
)
def test_wrong_mathematics_fails_and_is_located(worker, arcee, change, module):
    found = records(worker.run("arcee", arcee(change)))
    exact = found["exact std 1.0"]
    assert exact["verdict"] == "fail"
    assert exact["first_divergence"]["module"] == module
    assert found["locate"]["first_divergence"]["module"] == module
    assert "arcee.py:" in exact["first_divergence"]["port"] or module == "lm_head"
    assert "modeling_arcee.py:" in exact["first_divergence"]["reference"]


def test_wrong_norm_eps_is_seen_on_the_small_twin(worker, arcee):
    found = records(worker.run("arcee", arcee(("eps=args.rms_norm_eps", "eps=1e-6")), checks=["exact"]))
    assert found["exact std 0.05"]["verdict"] in ("suspect", "fail")


def test_float32_promotion_fails_dtype_only_and_names_the_module(worker, arcee):
    change = ("return self.down_proj(nn.relu2(self.up_proj(x)))",) * 2
    change = (change[0], change[0][:-1] + " * mx.array([1.0]))")
    found = records(worker.run("arcee", arcee(change)))
    assert found["exact std 1.0"]["verdict"] == "pass"
    assert found["dtype"]["verdict"] == "fail"
    assert found["dtype"]["first_divergence"]["module"] == f"{LAYER}.mlp.down_proj" or (
        found["dtype"]["first_divergence"]["module"] == f"{LAYER}.mlp"
    )


def test_unused_cache_offset_fails_the_cache_check_only(worker, arcee):
    port = arcee(("cache.offset if cache is not None else 0", "0"))
    found = records(worker.run("arcee", port, checks=["exact", "dtype", "cache"]))
    assert {k: v["verdict"] for k, v in found.items() if k != "locate"} == {
        "exact std 1.0": "pass",
        "exact std 0.05": "pass",
        "dtype": "pass",
        "cache": "fail",
    }
    assert "from token 1" in found["cache"]["findings"][0]["text"]


def test_port_that_reads_only_the_old_rope_spelling_passes_with_a_finding(worker, arcee):
    old = (
        "        if self.rope_parameters:\n",
        "        self.rope_theta = self.rope_theta or 10000.0\n        if False:\n",
    )
    found = worker.run("arcee", arcee(old))
    exact = records(found)["exact std 1.0"]
    assert found[-1]["verdict"] == "pass"
    assert [f["key"] for f in exact["findings"]] == ["rope_parameters.rope_theta"]
