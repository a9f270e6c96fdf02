"""Promotions to float32: by which operation, operand and line; what is meant to be float32 is let be."""

from __future__ import annotations

import pytest

from client import records

DOWN = "return self.down_proj(nn.relu2(self.up_proj(x)))"
INIT = "        self.down_proj = nn.Linear(args.intermediate_size, args.hidden_size, bias=args.mlp_bias)\n"
KEYS = "keys, values = cache.update_and_fetch(keys, values)"


def check(worker, port, name="dtype"):
    return records(worker.run("arcee", port, checks=[name]))[name]


def test_right_port_has_nothing_wide(worker, arcee):
    found = check(worker, arcee())
    assert (found["verdict"], found["figure"], found["findings"], found["parameters"]) == ("pass", 0, [], [])
    assert {v for row in found["caches"] for v in row["pairs"].values()} == {"bfloat16"}


def test_promotion_is_named_with_operation_operands_and_line(worker, arcee):
    port = arcee((DOWN, f"{DOWN} * mx.array([1.0])"))
    found = check(worker, port)
    line = next(n for n, text in enumerate(port.read_text().splitlines(), 1) if "mx.array([1.0])" in text)
    assert found["verdict"] == "fail"
    assert found["first_divergence"] == {
        "module": "model.layers.0.mlp",
        "reference": None,
        "port": f"{port}:{line}",
    }
    text = found["findings"][0]["text"]
    assert f"by mul at {port}:{line}: float32 [1] (constant, array in {port}:{line})" in text
    assert "with bfloat16 [1, 40, 96]" in text


def test_float32_weight_that_is_not_in_the_checkpoint_is_stray_and_named(worker, arcee):
    gain = "        for i in range(self.args.num_hidden_layers):\n"
    gain += "            name = f'model.layers.{i}.mlp.gain'\n"
    gain += "            weights[name] = mx.ones((self.args.hidden_size,))\n        return weights\n"
    port = arcee(
        (INIT, f"{INIT}        self.gain = mx.ones((args.hidden_size,))\n"),
        (DOWN, f"{DOWN} * self.gain"),
        ("        return weights\n", gain),
    )
    found = check(worker, port)
    assert found["verdict"] == "fail"
    assert "(parameter model.layers.0.mlp.gain)" in found["findings"][0]["text"]
    assert {f["id"] for f in found["findings"]} == {"promotion", "stray"}
    assert check(worker, port, "dtype-deep")["verdict"] == "pass"


def test_promotion_that_the_layer_casts_back_is_a_finding(worker, arcee):
    found = check(worker, arcee((DOWN, f"return ({DOWN[7:]} * mx.array([1.0])).astype(x.dtype)")))
    assert found["verdict"] == "pass"
    assert [f["id"] for f in found["findings"]] == ["inner"]
    assert "model.layers.0.mlp computes in float32 and casts back, by mul" in found["findings"][0]["text"]


def test_cast_that_the_port_wrote_is_no_finding(worker, arcee):
    change = (DOWN, "y = self.up_proj(x).astype(mx.float32)\n        y = nn.relu2(y) * mx.array(1.0)\n"
              "        return self.down_proj((y + x.sum() * 0).astype(x.dtype))")  # fmt: skip
    found = check(worker, arcee(change))
    assert (found["verdict"], found["findings"]) == ("pass", [])


def test_keys_kept_in_float32_fail_although_the_logits_are_narrow(worker, arcee):
    wide = "keys, values = (keys.astype(mx.float32), values.astype(mx.float32))\n            "
    back = "\n            keys, values = keys.astype(x.dtype), values.astype(x.dtype)"
    found = check(worker, arcee((KEYS, wide + KEYS + back)))
    assert found["verdict"] == "fail"
    assert found["findings"][0]["id"] == "cache"
    assert "holds keys and values in float32" in found["findings"][0]["text"]


def test_bfloat16_named_in_the_source_fails_only_on_float16_weights(worker, arcee):
    port = arcee((DOWN, f"{DOWN} * mx.array([1.0], dtype=mx.bfloat16)"))
    assert check(worker, port)["verdict"] == "pass"
    found = check(worker, port, "dtype-deep")
    assert {mode: state["verdict"] for mode, state in found["states"].items()} == {
        "converted": "pass",
        "quantized": "pass",
        "float16": "fail",
    }


@pytest.mark.parametrize("model_type", ["qwen3", "mamba2", "deepseek_v3"])
def test_upstream_ports_have_no_finding(worker, model_type):
    found = records(worker.run(model_type, checks=["dtype"]))["dtype"]
    assert (found["verdict"], found["findings"]) == ("pass", [])
