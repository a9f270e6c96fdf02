"""The check `train`: wrong gradients, operations without one, ports that adapters cannot train."""

from __future__ import annotations

from client import records

ATTEND = "out = scaled_dot_product_attention("
OUT = "return self.o_proj(out.transpose(0, 2, 1, 3).reshape(B, L, -1))"
MLP = "return self.down_proj(nn.relu2(self.up_proj(x)))"


def train(worker, port, model_type="arcee"):
    return records(worker.run(model_type, port, checks=["train"]))["train"]


def test_right_port_has_the_references_gradients_and_trains_with_every_adapter(worker, arcee):
    found = train(worker, arcee())
    assert found["verdict"] == "pass", found
    assert found["figure"] < 1e-5
    assert {k: v["verdict"] for k, v in found["parts"].items()} == dict.fromkeys(
        ("gradients", "lora", "dora", "qlora"), "pass"
    )
    assert found["parts"]["lora"]["targets"] == 4 * 6


def test_renamed_and_stacked_experts_need_no_map_of_names(worker):
    found = train(worker, None, "qwen3_moe")
    assert found["verdict"] == "pass", found
    assert found["parts"]["gradients"]["tensors"] > 100


def test_stopped_gradient_fails_and_names_the_last_wrong_tensor(worker, arcee):
    found = train(worker, arcee((ATTEND, f"keys = mx.stop_gradient(keys)\n        {ATTEND}")))
    assert found["verdict"] == "fail"
    assert found["parts"]["gradients"]["loss"] < 1e-6
    assert found["first_divergence"]["module"] == "model.layers.3.self_attn.k_proj.weight"
    assert "arcee.py:" in found["first_divergence"]["port"]
    assert "is zero" in found["findings"][0]["text"]


def test_wrong_vjp_of_a_custom_function_fails(worker, arcee):
    custom = (
        "class MLP(nn.Module):",
        "@mx.custom_function\ndef act(x):\n    return nn.relu2(x)\n\n\n@act.vjp\ndef act_vjp(x, up, out):\n"
        "    return up * mx.maximum(x, 0)\n\n\nclass MLP(nn.Module):",
    )
    found = train(worker, arcee(custom, ("nn.relu2(self.up_proj(x))", "act(self.up_proj(x))")))
    assert found["verdict"] == "fail"
    assert found["first_divergence"]["module"].startswith("model.layers.3.mlp.up_proj")


def test_operation_without_a_gradient_is_named_with_its_module(worker, arcee):
    view = "x = x.view(mx.int32).view(mx.float32)\n        "
    found = train(worker, arcee((MLP, view + MLP)))
    assert found["verdict"] == "fail"
    assert "mlp (MLP)" in found["error"]["text"] and "View" in found["error"]["text"]


def test_port_that_reads_a_weight_itself_cannot_take_an_adapter(worker, arcee):
    found = train(
        worker, arcee((OUT, OUT.replace("self.o_proj(", "(").replace("-1))", "-1) @ self.o_proj.weight.T)")))
    )
    assert found["parts"]["gradients"]["verdict"] == "pass"
    assert [found["parts"][m]["verdict"] for m in ("lora", "dora", "qlora")] == ["fail"] * 3
    assert "weight" in found["error"]["text"]


def test_layers_without_any_linear_module_fail_adapters_only(worker, arcee):
    own = "class Matrix(nn.Module):\n    def __init__(self, i, o, bias=False):\n        super().__init__()\n"
    own += "        self.weight = mx.zeros((o, i))\n\n    def __call__(self, x):\n"
    own += "        return x @ self.weight.T\n\n\n"
    head = "self.lm_head = nn.Linear("
    port = arcee(
        (head, "self.lm_head = nn.LINEAR("),
        ("nn.Linear(", "Matrix("),
        ("nn.LINEAR(", "nn.Linear("),
        ("class Attention(", own + "class Attention("),
    )
    found = train(worker, port)
    assert found["parts"]["gradients"]["verdict"] == "pass"
    assert found["parts"]["lora"] == {**found["parts"]["lora"], "verdict": "fail", "targets": 0}


def test_layer_that_is_not_the_same_the_second_time_fails_with_checkpointing(worker, arcee):
    call = "    def __call__(self, x, mask=None, cache=None):\n        h = x +"
    counted = call.replace(
        "        h = x +",
        "        self.calls = getattr(self, 'calls', 0) + 1\n        h = x + 0.1 * (self.calls > 2) * x +",
    )
    found = train(worker, arcee((call, counted)))
    assert found["parts"]["gradients"]["verdict"] == "pass"
    assert "checkpoint" in " ".join(f["text"] for f in found["findings"])
