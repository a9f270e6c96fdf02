"""The family `shard`: two processes over mlx.launch against one, and ports whose shard() is wrong."""

from __future__ import annotations

import json
import subprocess

import pytest

SHARD = """    def shard(self, group=None):
        from mlx.nn.layers.distributed import shard_inplace, shard_linear

        group = group or mx.distributed.init()
        for layer in self.model.layers:
            attention, mlp = layer.self_attn, layer.mlp
            for name in ("q_proj", "k_proj", "v_proj"):
                linear = getattr(attention, name)
                setattr(attention, name, shard_linear(linear, "all-to-sharded", group=group))
            attention.o_proj = shard_linear(attention.o_proj, "sharded-to-all", group=group)
            attention.n_heads //= group.size()
            attention.n_kv_heads //= group.size()
            mlp.up_proj = shard_linear(mlp.up_proj, "all-to-sharded", group=group)
            mlp.down_proj = shard_linear(mlp.down_proj, "sharded-to-all", group=group)

    def sanitize(self, weights):
"""
ADD = ("    def sanitize(self, weights):\n", SHARD)


def shard(worker, port, **params):
    found = worker.run("arcee", port, check="shard", params=params, timeout_s=400)
    return found[-1]


@pytest.fixture
def two(worker, arcee):
    def run(*changes):
        final = shard(worker, arcee(ADD, *changes), processes=[2])
        assert final["type"] == "done", final
        (one,) = final["result"]["checks"]
        return one

    return run


def test_right_shard_gives_what_one_process_gives_and_leaves_no_process(two, folder):
    found = two()
    assert (found["verdict"], found["twin"]) == ("pass", "tensor ×2"), found
    assert set(found["outputs"]) == {f"{n}, rank {r}" for n in ("prefill", "decode") for r in (0, 1)}
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert not [
        line for line in listed.splitlines() if "mlxport_harness.shard" in line and str(folder) in line
    ]


def test_partial_sums_that_are_not_added_fail(two):
    change = ('mlp.down_proj = shard_linear(mlp.down_proj, "sharded-to-all", group=group)',)
    found = two((change[0], 'shard_inplace(mlp.down_proj, "sharded-to-all", group=group)'))
    assert found["verdict"] == "fail" and found["figure"] > 1e-2
    assert "rank" in found["findings"][0]["text"]


def test_forgotten_layer_fails_with_the_rank_and_the_line(two):
    found = two(('attention.o_proj = shard_linear(attention.o_proj, "sharded-to-all", group=group)', "pass"))
    assert found["verdict"] == "fail"
    assert found["error"]["text"].startswith("Rank ") and "arcee.py:" in found["error"]["text"]


def test_port_without_shard_is_not_applicable_and_bad_input_is_named(worker, arcee, tmp_path):
    final = shard(worker, arcee())
    assert [c["verdict"] for c in final["result"]["checks"]] == ["not_applicable"]
    final = shard(worker, arcee(), processes=[1])
    assert (final["type"], final["kind"]) == ("failed", "user") and "processes" in final["text"]
    path = tmp_path / "hosts.json"
    path.write_text(json.dumps([{"ssh": "one"}]))
    final = shard(worker, arcee(), hostfile=str(path))
    assert (final["type"], final["kind"]) == ("failed", "user") and str(path) in final["text"]
