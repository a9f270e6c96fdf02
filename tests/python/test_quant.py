"""The check `quant`: what stays unquantized and why, each module's cost, ports that break."""

from __future__ import annotations

import numpy as np
from mlxport_harness.checks.quant import kl

OUT = "return self.o_proj(out.transpose(0, 2, 1, 3).reshape(B, L, -1))"
POP = '            weights.pop("lm_head.weight", None)\n'


def quant(worker, port):
    messages = worker.run("arcee", port, checks=["quant"])
    return {c["twin"]: c for c in messages[-1]["result"]["checks"]}


def test_right_port_passes_with_figures_that_fall_with_the_bits(worker, arcee):
    found = quant(worker, arcee())
    assert {k: v["verdict"] for k, v in found.items()} == {
        "4-bit": "pass",
        "8-bit": "pass",
        "each 4-bit": "pass",
    }
    assert 0 < found["8-bit"]["figure"] < found["4-bit"]["figure"] / 10
    series = found["each 4-bit"]["series"]
    assert len(series) == 4 * 6 + 2 and series[0][1] > series[-1][1] > 0


def test_predicate_and_router_are_told(worker, arcee):
    predicate = "    @property\n    def quant_predicate(self):\n        def keep(path, _):\n"
    predicate += (
        "            return {'group_size': 64, 'bits': 8} if 'k_proj' in path else 'q_proj' not in path\n\n"
    )
    predicate += "        return keep\n\n    @property\n    def layers(self):"
    gate = ("self.up_proj", "self.gate")
    rename = (
        "        return weights\n",
        '        return {k.replace("up_proj", "gate"): v for k, v in weights.items()}\n',
    )
    found = quant(worker, arcee(("    @property\n    def layers(self):", predicate), gate, rename))["4-bit"]
    texts = {f["id"]: f["text"] for f in found["findings"]}
    assert found["verdict"] == "pass"
    assert (
        "q_proj" in texts["kept_predicate"] and "k_proj" in texts["high"] and "mlp.gate" in texts["routers"]
    )
    assert len(found["adapted"]) == 4


def test_port_that_reads_a_weight_itself_fails_when_quantized(worker, arcee):
    raw = OUT.replace("self.o_proj(", "(").replace("-1))", "-1) @ self.o_proj.weight.T)")
    found = quant(worker, arcee((OUT, raw)))
    assert found["4-bit"]["verdict"] == "fail" and found["4-bit"]["error"]["kind"] == "port"


def test_sanitize_that_loses_scales_fails_on_reload(worker, arcee):
    lose = "        weights = {k: v for k, v in weights.items() if 'o_proj.scales' not in k}\n"
    found = quant(
        worker, arcee(("    def sanitize(self, weights):\n", "    def sanitize(self, weights):\n" + lose))
    )
    assert found["4-bit"]["verdict"] == "fail"
    assert found["4-bit"]["findings"][0]["id"] == "reload"


def test_promotion_by_quantized_layers_fails(worker, arcee):
    widen = "if hasattr(self.o_proj, 'scales'):\n            x = x * mx.array(1.0)[None]\n"
    widen += "        B, L, _ = x.shape"
    found = quant(worker, arcee(("B, L, _ = x.shape", widen)))
    assert found["4-bit"]["verdict"] == "fail"
    assert "promotion" in [f["id"] for f in found["4-bit"]["findings"]]


def test_kl_sees_an_error_of_logits_that_saturate():
    base = np.random.default_rng(0).standard_normal((1, 8, 50)).astype(np.float32) * 500
    noise = np.random.default_rng(1).standard_normal(base.shape).astype(np.float32)
    assert kl(base, base) == 0 and 1e-9 < kl(base, base + noise) < kl(base, base + 30 * noise)
