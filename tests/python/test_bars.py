"""mlx-lm's own ports under the default thresholds: what is right passes, what rounds does not."""

from __future__ import annotations

import pytest

from client import records


def test_qwen3_passes_without_findings(worker):
    found = worker.run("qwen3")
    assert found[-1]["verdict"] == "pass"
    assert [f for c in found[-1]["result"]["checks"] for f in c["findings"]] == []


@pytest.mark.parametrize("model_type", ["llama", "olmo2", "qwen3_moe", "deepseek_v3"])
def test_port_that_reads_only_the_old_rope_keys_passes_with_a_finding(worker, model_type):
    found = worker.run(model_type)
    assert found[-1]["verdict"] == "pass"
    exact = records(found)["exact std 1.0"]
    assert [f["id"] for f in exact["findings"]] == ["rope_spelling"]
    assert "rope_parameters.rope_theta" in exact["findings"][0]["text"]


def test_gemma3_text_is_not_a_plain_pass_because_it_rounds_its_embedding_scale(worker):
    found = worker.run("gemma3_text")
    assert found[-1]["verdict"] in ("suspect", "fail")
    assert records(found)["exact std 1.0"]["first_divergence"]["module"] == "model.embed_tokens"


@pytest.mark.parametrize("model_type", ["mixtral", "phi3", "cohere2", "glm4", "granite", "qwen3_next"])
def test_generic_rules_hold_for(worker, model_type):
    assert worker.run(model_type)[-1]["verdict"] == "pass"


def test_starcoder2_gelu_is_seen(worker):
    """The class default is tanh gelu, the port's is exact: the smallest confirmed real deviation."""
    found = records(worker.run("starcoder2"))
    assert found["exact std 1.0"]["verdict"] in ("suspect", "fail")
    assert found["exact std 1.0"]["first_divergence"]["module"] == "model.layers.0.mlp"
